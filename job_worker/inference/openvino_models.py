"""Models on OpenVINO: how they compute, and one model compiled for every size of picture that comes along.

OpenVINO picks its precision by the CPU unless told, so the same weights give different numbers on different hosts; here
it is always told. In 32-bit floats an answer is the same bytes on any number of threads, and however often a model is
compiled.
"""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from job_worker.inference.vendor_libraries import prepare_vendor_libraries
from shared.video.frame import Image

__all__ = ["CompiledModel", "Compute", "Precision", "ShapedModel", "compile_model", "cpu_has_bf16", "read_model"]


class Precision(StrEnum):
    """What a model computes in; a model that was quantised stays so.

    Attributes:
        f32: 32-bit floats: the same answer on every host.
        bf16: 16-bit floats with the range of 32-bit ones, where the CPU has them (AVX-512 BF16, AMX), else as f32.
        int8: As bf16, and in integers where a network has layers that may be; else as f32. CPUs without bf16 are left
            out because the sums of products of bytes overflow on some of them.
    """

    f32 = "f32"
    bf16 = "bf16"
    int8 = "int8"


@dataclass(frozen=True, slots=True)
class Compute:
    """How models run.

    Attributes:
        precision: What they compute in.
        threads: CPU threads, at least 1. So many pictures are computed side by side, each in one of them: less is
            lost than when the threads share a picture.
    """

    precision: Precision = Precision.f32
    threads: int = 1


class CompiledModel:
    """A model ready to run from any number of threads, each of which computes what it asks for.

    OpenVINO computes in the thread that asks where a model is compiled for a single thread. For more of them it has
    threads of its own, and every inference wakes one of those: often on the core of the thread that now waits, while
    another core idles. So a model is compiled once for each thread that runs it at the same time as others; that takes
    little more memory, because most of it goes to what is computed on the way.

    Args:
        compile_once: Compiles the model for a single thread; called from several threads at once.
    """

    def __init__(self, compile_once: Callable[[], Any]) -> None:
        self._compile_once = compile_once
        self._idle = [self._compile_once().create_infer_request()]

    @contextmanager
    def inferred(self, data: Any) -> Iterator[Any]:
        """Runs the model.

        Args:
            data: The input, a contiguous array of the model's shape.

        Yields:
            A function from an output's number to its array, which holds until the block ends.
        """
        import openvino

        with self.request() as request:
            request.set_input_tensor(openvino.Tensor(data, shared_memory=True))
            request.infer()
            yield lambda number=0: request.get_output_tensor(number).data

    @contextmanager
    def request(self) -> Iterator[Any]:
        """Lends one of OpenVINO's inference requests until the block ends, to run it several times."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compile_once().create_infer_request()
        try:
            yield request
        finally:
            self._idle.append(request)


KEPT_SIZES = 4
"""Sizes for which a model stays compiled: a video has one, and a worker meets few kinds of videos at a time."""


class ShapedModel:
    """A model that takes pictures of any size, compiled for each size it meets: faster than one for all sizes.

    Args:
        shaped: Returns the model for pictures of a height and width, taking `(1, H, W, 3)` uint8 BGR.
        precision: What it computes in.
    """

    def __init__(self, shaped: Callable[[int, int], Any], precision: Precision) -> None:
        self._shaped = shaped
        self._precision = precision
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[int, int], CompiledModel] = OrderedDict()

    @contextmanager
    def inferred(self, image: Image) -> Iterator[Any]:
        """Runs the model on a picture; see `CompiledModel.inferred`."""
        height, width, _ = image.shape
        with self._for_size(height, width).inferred(image[None]) as output:
            yield output

    def _for_size(self, height: int, width: int) -> CompiledModel:
        size = height, width
        with self._lock:
            if size not in self._compiled:
                self._compiled[size] = compile_model(self._shaped(height, width), self._precision)
            self._compiled.move_to_end(size)
            if len(self._compiled) > KEPT_SIZES:
                self._compiled.popitem(last=False)
            return self._compiled[size]


def read_model(path: Path) -> Any:
    """Reads a model file: OpenVINO's `.xml` (with its `.bin`) or ONNX."""
    return _core().read_model(path)


def compile_model(model: Any, precision: Precision) -> CompiledModel:
    """Makes a model ready to run on the CPU."""
    import openvino

    hint = openvino.properties.hint
    exact = precision is Precision.f32
    config = {
        "INFERENCE_PRECISION_HINT": openvino.Type.f32 if exact else openvino.Type.bf16,
        "EXECUTION_MODE_HINT": hint.ExecutionMode.ACCURACY if exact else hint.ExecutionMode.PERFORMANCE,
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # else two workers end up on the same core
    }
    cloning = threading.Lock()

    def compile_once() -> Any:
        with cloning:
            own = model.clone()
        return _core().compile_model(own, "CPU", config)

    return CompiledModel(compile_once)


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies 16-bit floats itself, and so also bytes without overflow."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _core() -> Any:
    global _shared_core  # noqa: PLW0603 (one for the process: it holds the plugins and their thread pools)
    if _shared_core is None:
        prepare_vendor_libraries()
        import openvino

        _shared_core = openvino.Core()
    return _shared_core


_shared_core: Any = None
