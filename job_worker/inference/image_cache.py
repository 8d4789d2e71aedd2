"""An LRU cache of results by the content of images, so that an image that repeats is not processed twice."""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import numpy as np
import xxhash
from cachetools import LRUCache

from shared.video.frame import Image

__all__ = ["ImageCache"]

Result = TypeVar("Result")

_SEED = secrets.randbits(64)
"""Drawn in every process, so that nobody can prepare two images with the same hash."""


class ImageCache(Generic[Result]):
    """An LRU cache of results by the shape and the bytes of images. Thread-safe.

    Args:
        max_results: How many results are kept.
    """

    def __init__(self, max_results: int) -> None:
        self._lock = threading.Lock()
        self._results: LRUCache[tuple[tuple[int, ...], bytes], Result] = LRUCache(max_results)

    def clear(self) -> None:
        """Drop all results."""
        with self._lock:
            self._results.clear()

    def get(self, image: Image, compute: Callable[[Image], Result]) -> Result:
        """Return the cached result of an equal image, or compute it.

        It is computed outside the lock, so two threads that have the same image may both compute it.
        """
        key = image.shape, xxhash.xxh3_128_digest(np.ascontiguousarray(image).data, _SEED)
        with self._lock, suppress(KeyError):
            return self._results[key]
        result = compute(image)
        with self._lock:
            self._results[key] = result
        return result
