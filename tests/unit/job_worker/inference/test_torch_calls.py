"""Calls of torch modules: plain ones, and captured ones against a stand-in for CUDA."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from job_worker.detection.ultralytics_detector import UltralyticsDetector
from job_worker.inference.torch_calls import WARM_UP_CALLS, CapturedCall, CapturedCalls, PlainCall, TorchModel

pytestmark = [pytest.mark.unit, pytest.mark.worker]

WAITING_SECONDS = 0.1
"""How long a thread is given to do what it must not do yet."""


class Doubling(torch.nn.Module):
    """Doubles, and counts how often it is called."""

    calls = 0

    def forward(self, batch: torch.Tensor) -> list[torch.Tensor]:
        self.calls += 1
        return [2 * batch]


class RecordedCuda:
    """Stands in for `torch.cuda`: records the calls, and replays by computing again what was captured."""

    def __init__(self, capture: Any) -> None:
        self.log: list[str] = []
        self._capture = capture

    def Stream(self) -> Any:  # noqa: N802 - the name that torch gives it
        return self._stream("side")

    def current_stream(self) -> Any:
        return self._stream("current")

    def graph_pool_handle(self) -> str:
        return "a pool"

    def CUDAGraph(self) -> Any:  # noqa: N802 - the name that torch gives it
        return type("Graph", (), {"replay": lambda _: self._replay()})()

    @contextlib.contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.log.append(f"on {stream.name}")
        yield
        self.log.append(f"off {stream.name}")

    @contextlib.contextmanager
    def graph(self, _: Any, pool: str, capture_error_mode: str) -> Iterator[None]:
        self.log.append(f"capture into {pool}, {capture_error_mode}")
        yield
        self.log.append("captured")

    def _stream(self, name: str) -> Any:
        wait = lambda _, other: self.log.append(f"{name} waits for {other.name}")  # noqa: E731
        return type("Stream", (), {"name": name, "wait_stream": wait})()

    def _replay(self) -> None:
        self.log.append("replay")
        self._capture()


def test_a_call_is_captured_after_a_warm_up_on_a_stream_of_its_own_and_then_replayed() -> None:
    buffer, outputs = torch.zeros(2, 3), [torch.zeros(2, 3)]
    cuda = RecordedCuda(lambda: outputs[0].copy_(2 * buffer))

    def compute(batch: torch.Tensor) -> list[torch.Tensor]:
        assert batch is buffer
        cuda.log.append("compute")
        return outputs

    call = CapturedCall(compute, buffer, "a pool", cuda)
    assert WARM_UP_CALLS >= 1
    assert cuda.log == [
        "side waits for current", "on side", *WARM_UP_CALLS * ["compute"], "off side", "current waits for side",
        "capture into a pool, thread_local", "compute", "captured",
    ]  # fmt: skip
    cuda.log.clear()
    for value in (1.0, 5.0):
        (found,) = call(torch.full((2, 3), value))
        assert found.tolist() == [[2 * value] * 3] * 2
    assert cuda.log == ["replay", "replay"]


def test_the_captures_that_were_used_last_are_kept_as_far_as_their_memory_allows() -> None:
    cuda = RecordedCuda(lambda: None)
    bytes_of_one = 8  # a float of the input, and one of the output
    calls = CapturedCalls(Doubling(), torch.device("cpu"), cuda, max_bytes=6 * bytes_of_one)

    def is_captured(size: int) -> bool:
        cuda.log.clear()
        assert len(calls(torch.zeros(size))[0]) == size
        return "captured" in cuda.log

    assert [is_captured(size) for size in (1, 2, 3)] == [True, True, True]
    assert [is_captured(size) for size in (2, 3, 1)] == [False, False, False]
    assert [is_captured(size) for size in (4, 1, 4)] == [True, False, False]
    assert [is_captured(size) for size in (3, 4)] == [True, True]
    assert [is_captured(size) for size in (100, 100, 1)] == [True, False, True]


class LoggingYolo:
    """Stands in for a model of Ultralytics, whose `predict` waits for the whole device."""

    task = "detect"
    names = ("car",)

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.predictor = SimpleNamespace(model=SimpleNamespace(format="pt"), inference=None, postprocess=None)

    def predict(self, *_: object, **__: object) -> list[Any]:
        self._log.append("synchronize")
        return [SimpleNamespace(boxes=SimpleNamespace(data=np.zeros((0, 6))), names={})]


def test_the_detector_does_not_run_while_a_call_is_captured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    buffer = torch.zeros(1)
    cuda = RecordedCuda(lambda: None)
    threads: list[threading.Thread] = []
    images = [np.zeros((32, 32, 3), np.uint8)]
    detector = UltralyticsDetector(tmp_path, cache_folder=tmp_path, load=lambda _: LoggingYolo(cuda.log))
    cuda.log.clear()

    def compute(batch: torch.Tensor) -> list[torch.Tensor]:
        threads.append(threading.Thread(target=detector.detect_batch, args=(images,)))
        threads[-1].start()
        threads[-1].join(WAITING_SECONDS)
        return [batch]

    CapturedCall(compute, buffer, "a pool", cuda)
    for thread in threads:
        thread.join()
    assert cuda.log.count("synchronize") == len(threads)
    assert cuda.log[-2:] == ["captured", "synchronize"]


def test_a_plain_call_computes_each_time() -> None:
    module = Doubling()
    call = PlainCall(module, torch.device("cpu"))
    assert [call(torch.full((1,), value))[0].item() for value in (1.0, 5.0)] == [2.0, 10.0]
    assert module.calls == 2


def test_a_model_on_a_cpu_gives_arrays_of_its_own_for_batches_of_any_shape() -> None:
    model = TorchModel(Doubling(), torch.device("cpu"))
    first, second = (model(np.full((2, size), 3.0))[0] for size in (1, 2))
    assert (first.tolist(), second.tolist()) == ([[6], [6]], [[6, 6], [6, 6]])
