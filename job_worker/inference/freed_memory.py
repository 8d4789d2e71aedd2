"""Keep the memory of images that are freed for the next ones."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""The numbers of two options of mallopt(3)."""
MAX_KEPT_BLOCK_BYTES = 32 << 20
"""The most that glibc keeps; an image of 4K takes 25 MB."""
MAX_KEPT_BYTES = 128 << 20
"""An image of 4K for each of a few threads."""


def keep_freed_memory() -> None:
    """Have this process keep large blocks of memory that it frees, where its C library is glibc.

    By default glibc returns a block of a frame's size to the system, so that the next frame gets pages that the system
    has to clear first: of decoding 1080p that was a third of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, MAX_KEPT_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, MAX_KEPT_BYTES)
