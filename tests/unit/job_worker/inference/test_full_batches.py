"""Inputs of several threads in batches that are always full."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from job_worker.inference.full_batches import FullBatches

pytestmark = [pytest.mark.unit, pytest.mark.worker]


class Doubling:
    """A model that doubles; its first batch lasts until it is released."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.released = threading.Event()

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        self.batches.append(batch[:, 0].tolist())
        self.released.wait(30)
        if 13 in batch:
            raise ValueError("unlucky")
        return [2 * batch]


def test_what_arrives_while_a_batch_is_computed_shares_the_next_one_of_its_shape() -> None:
    model, arrived = Doubling(), threading.Semaphore(0)

    class Executor(ThreadPoolExecutor):
        def submit(self, *call: object) -> object:  # type: ignore[override]
            future = super().submit(*call)  # type: ignore[arg-type]
            arrived.release()
            return future

    with Executor(1) as one_thread, ThreadPoolExecutor(8) as pool:
        batches = FullBatches(model, lambda _: 4, one_thread)
        results = [pool.submit(batches, np.full(3, value)) for value in (1, 2, 3, 4)]
        results += [pool.submit(batches, np.full(2, value)) for value in (5, 6)]
        for _ in results:
            arrived.acquire()
        model.released.set()
        assert [result.result(30)[0].tolist() for result in results] == [
            *([2 * value] * 3 for value in (1, 2, 3, 4)), [10, 10], [12, 12],
        ]  # fmt: skip
    assert {len(batch) for batch in model.batches} == {4}
    assert len(model.batches) <= 4
    assert sorted(value for batch in model.batches for value in batch if value) == [1, 2, 3, 4, 5, 6]


def test_an_error_reaches_whoever_waits_and_the_next_batch_runs() -> None:
    model = Doubling()
    model.released.set()
    with ThreadPoolExecutor(1) as one_thread:
        batches = FullBatches(model, lambda _: 2, one_thread)
        with pytest.raises(ValueError, match="unlucky"):
            batches(np.full(3, 13))
        assert batches(np.full(3, 4))[0].tolist() == [8, 8, 8]
