"""Recognise errors of pipelines that this host is to blame for, by names: the light worker has no torch to import."""

import re

_GPU_ERRORS = {"OutOfMemoryError", "AcceleratorError"}
"""Classes of torch. Older versions raise a RuntimeError for the second one, as for the libraries under it."""
_GPU_MESSAGE = re.compile(r"\b(CUDA|cuDNN|HIP) error|\bMPS backend out of memory")
_THREAD_MESSAGE = "can't start new thread"
"""Python's own; a limit on processes counts threads too."""


def host_fault(error: Exception) -> str | None:
    """Return what is wrong with this host, in words for clients; None where the error says nothing of it."""
    if type(error).__name__ in _GPU_ERRORS or _GPU_MESSAGE.search(str(error)):
        return "the GPU of this host failed or has no memory left"
    return "this host cannot start a thread" if _THREAD_MESSAGE in str(error) else None
