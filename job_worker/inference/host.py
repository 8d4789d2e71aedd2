"""What this machine offers to models: installed libraries and GPUs."""

# ruff: noqa: PLC0415 - a heavy library is imported only where it decides

import importlib.util
from pathlib import Path

from job_worker.errors import ModelLoadError
from job_worker.inference.vendor_libraries import first_line_of, prepare_vendor_libraries

NVIDIA_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""One of them exists where an NVIDIA driver is loaded; the second is that of WSL2."""


class Host:
    """The installed libraries and GPUs of this machine."""

    def has_library(self, name: str) -> bool:
        """Return whether a library is installed, without importing it."""
        return importlib.util.find_spec(name) is not None

    def has_gpu_for_torch(self) -> bool:
        """Return whether torch is installed and can use a GPU."""
        if not any(device.exists() for device in NVIDIA_DEVICES) or not self.has_library("torch"):
            return False  # without the import, which takes seconds
        import torch

        return bool(torch.cuda.is_available())

    def has_cuda_for_onnxruntime(self, cache_folder: Path | None) -> bool:
        """Return whether ONNX Runtime is installed with what runs networks on a GPU.

        Args:
            cache_folder: Folder that it may write to; None for `user_cache_folder`.
        """
        if not self.has_library("onnxruntime"):
            return False
        prepare_vendor_libraries(cache_folder)
        import onnxruntime

        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()

    def gpu_memory_bytes(self, device: str) -> int:
        """Return how much memory a GPU of torch has in all.

        Args:
            device: `"cuda:0"` and so on.

        Raises:
            ModelLoadError: This host has no such GPU.
        """
        import torch

        try:
            return int(torch.cuda.get_device_properties(device).total_memory)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ModelLoadError(
                f"The device {device} is no GPU that torch can use on this host ({first_line_of(error)}): choose "
                "--device auto or cpu."
            ) from error
