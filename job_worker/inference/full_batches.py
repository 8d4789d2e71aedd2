"""Collect inputs from several threads into batches that are always full, so that none waits for a partner."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]
_Shape = tuple[int, ...]


class FullBatches:
    """Computes single inputs in batches of a fixed size for each shape, the rest of a batch being zeros. Thread-safe.

    A batch takes what has arrived when its turn comes: the busier the model, the more inputs share a batch. Kernels are
    chosen by the shape of a batch alone, so an input gives the same bytes whatever is beside it.

    Args:
        compute: Computes a batch `(N, ...)`; returns arrays of N results.
        size_of: Returns the size of a batch by the shape of an input, at least 1.
        executor: Runs `compute`, in one thread. Models of one GPU share it.
    """

    def __init__(
        self, compute: Callable[[_Array], Sequence[_Array]], size_of: Callable[[_Shape], int], executor: Executor
    ) -> None:
        self._compute = compute
        self._size_of = size_of
        self._executor = executor
        self._lock = threading.Lock()
        self._waiting: defaultdict[_Shape, deque[tuple[_Array, Future[list[_Array]]]]] = defaultdict(deque)

    def __call__(self, data: _Array) -> list[_Array]:
        """Return the results of one input; waits until they are computed."""
        result: Future[list[_Array]] = Future()
        with self._lock:
            self._waiting[data.shape].append((data, result))
        self._executor.submit(self._run, data.shape)
        return result.result()

    def _run(self, shape: _Shape) -> None:
        size = self._size_of(shape)
        with self._lock:
            waiting = self._waiting[shape]
            taken = [waiting.popleft() for _ in range(min(size, len(waiting)))]
        if not taken:
            return  # an earlier batch took the input for which this one was submitted
        try:
            batch = np.zeros((size, *shape), taken[0][0].dtype)
            batch[: len(taken)] = [data for data, _ in taken]
            outputs = self._compute(batch)
        except Exception as error:  # noqa: BLE001 - raised again in the threads that wait
            for _, result in taken:
                result.set_exception(error)
            return
        for index, (_, result) in enumerate(taken):
            result.set_result([output[index] for output in outputs])
