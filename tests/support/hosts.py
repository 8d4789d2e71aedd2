"""Hosts whose libraries and GPUs a test decides."""

import re
from pathlib import Path

from job_worker.inference.host import Host


class FakeHost(Host):
    """A host with all libraries or none, and with a GPU or none; ONNX Runtime is that of the extra `worker`."""

    def __init__(
        self,
        *,
        has_gpu: bool = False,
        has_libraries: bool = True,
        gpu_memory_gib: float = 80,
        has_cuda_for_onnxruntime: bool = False,
    ) -> None:
        self._has_gpu = has_gpu
        self._has_cuda_for_onnxruntime = has_cuda_for_onnxruntime
        self._gpu_memory_bytes = int(gpu_memory_gib * 2**30)
        self._has_libraries = has_libraries

    def has_library(self, name: str) -> bool:
        return self._has_libraries

    def has_gpu_for_torch(self) -> bool:
        return self._has_gpu

    def has_cuda_for_onnxruntime(self, cache_folder: Path | None) -> bool:
        return self._has_cuda_for_onnxruntime

    def gpu_memory_bytes(self, device: str) -> int:
        assert re.fullmatch(r"cuda:\d+", device), "torch knows no such GPU"
        return self._gpu_memory_bytes
