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
MAX_CAPTURED_BYTES = 256 << 20
"""Memory of a GPU that the inputs and outputs of a module's captures take: those of eight shapes of images, of which a
video has two, and of some dozens of widths of lines."""


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

    @property
    def kept_bytes(self) -> int:
        """The memory of the GPU that is its own."""
        return sum(tensor.nbytes for tensor in (self._batch, *self._outputs))


class CapturedCalls:
    """Captures a module for each shape of batch, and keeps the captures that were used last.

    Args:
        compute: The module.
        device: Where it is.
        cuda: `torch.cuda`, or what stands in for it.
        max_bytes: Memory that the captures take; a larger one is kept alone.
    """

    def __init__(
        self, compute: _Compute, device: torch.device, cuda: Any = torch.cuda, max_bytes: int = MAX_CAPTURED_BYTES
    ) -> None:
        self._compute = compute
        self._device = device
        self._cuda = cuda
        self._pool = cuda.graph_pool_handle()
        self._calls: LRUCache[tuple[int, ...], CapturedCall] = LRUCache(
            max_bytes, lambda call: min(call.kept_bytes, max_bytes)
        )

    def __call__(self, batch: Tensor) -> Sequence[Tensor]:
        """Return the outputs for a batch that is in the CPU's memory; the next call may overwrite them."""
        shape = tuple(batch.shape)
        call = self._calls.get(shape)
        if call is None:
            call = self._calls[shape] = CapturedCall(self._compute, batch.to(self._device), self._pool, self._cuda)
        return call(batch)


class TorchModel:
    """A module for batches of several shapes. For one thread.

    Args:
        module: Takes one tensor and returns several.
        device: Where it runs.
        is_captured: Whether calls are captured on a GPU; not worth it where most shapes come once.
    """

    def __init__(self, module: torch.nn.Module, device: torch.device, *, is_captured: bool = True) -> None:
        module = module.eval().to(device)
        self._call = (CapturedCalls if is_captured and device.type == "cuda" else PlainCall)(module, device)

    @torch.inference_mode()
    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return the outputs for a batch, in the CPU's memory."""
        return [output.cpu().numpy() for output in self._call(torch.from_numpy(batch))]
