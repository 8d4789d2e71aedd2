"""Calls of torch modules for batches of fixed shapes: as they are, or captured once as a CUDA graph and replayed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt
import torch
from cachetools import LRUCache
from torch import Tensor

from job_worker.inference.captures import GPU_LOCK

_Compute = Callable[[Tensor], Sequence[Tensor]]

WARM_UP_CALLS = 3
"""Calls before a capture, in which libraries choose kernels and allocate, as PyTorch's documentation requires."""
MAX_CALLS = 128
"""Shapes of which the calls are kept: a video has two sizes of images, and lines about a hundred widths."""


class PlainCall:
    """Calls a module as it is.

    Args:
        compute: The module.
        device: Where it is.
    """

    def __init__(self, compute: _Compute, device: torch.device) -> None:
        self._compute = compute
        self._device = device

    def __call__(self, batch: Tensor) -> Sequence[Tensor]:
        """Return the outputs for a batch that is in the CPU's memory."""
        return self._compute(batch.to(self._device))


class CapturedCall:
    """Captures a module for one shape of batch and replays it, without the cost of starting each kernel.

    Args:
        compute: The module.
        batch: A batch of the shape, in the memory of the GPU; later ones are copied over it.
        pool: Memory for intermediate results, which captures share because they are replayed one after the other.
        cuda: `torch.cuda`, or what stands in for it.
    """

    def __init__(self, compute: _Compute, batch: Tensor, pool: Any, cuda: Any = torch.cuda) -> None:
        self._batch = batch
        side = cuda.Stream()
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            for _ in range(WARM_UP_CALLS):
                compute(batch)
        cuda.current_stream().wait_stream(side)
        self._graph = cuda.CUDAGraph()
        # A plugin's thread may allocate meanwhile, which the mode for the whole process would not allow.
        with GPU_LOCK, cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._outputs = compute(batch)

    def __call__(self, batch: Tensor) -> Sequence[Tensor]:
        """Return the outputs for a batch of the same shape; the next replay of any capture may overwrite them."""
        self._batch.copy_(batch)
        self._graph.replay()
        return self._outputs


class TorchModel:
    """A module for batches of several shapes, with a call for each of them. For one thread.

    Args:
        module: Takes one tensor and returns several.
        device: Where it runs.
        is_captured: Whether calls are captured on a GPU; not worth it where most shapes come once.
    """

    def __init__(self, module: torch.nn.Module, device: torch.device, *, is_captured: bool = True) -> None:
        self._module = module.eval().to(device)
        self._device = device
        self._is_captured = is_captured and device.type == "cuda"
        self._pool = torch.cuda.graph_pool_handle() if self._is_captured else None
        self._calls: LRUCache[tuple[int, ...], Callable[[Tensor], Sequence[Tensor]]] = LRUCache(MAX_CALLS)

    @torch.inference_mode()
    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return the outputs for a batch, in the CPU's memory."""
        data = torch.from_numpy(batch)
        call = self._calls.get(batch.shape)
        if call is None:
            call = self._calls[batch.shape] = self._call_for(data)
        return [output.cpu().numpy() for output in call(data)]

    def _call_for(self, data: Tensor) -> Callable[[Tensor], Sequence[Tensor]]:
        if self._is_captured:
            return CapturedCall(self._module, data.to(self._device), self._pool)
        return PlainCall(self._module, self._device)
