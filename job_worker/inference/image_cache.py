"""Cached results by the content of images, so that an image that repeats is not processed twice."""

import secrets
import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import xxhash
from cachetools import LRUCache, cached

from shared.video.image import Image

Result = TypeVar("Result")

_SEED = secrets.randbits(64)
"""Drawn in every process, so that nobody can prepare two images with the same hash."""


def cached_by_image(compute: Callable[[Image], Result], max_results: int) -> Callable[[Image], Result]:
    """Return the function with an LRU cache of its results by the shape and the bytes of images. Thread-safe.

    Results are computed outside the lock, so two threads that have the same image may both compute it. `cache_clear()`
    of the returned function drops all results.

    Args:
        compute: Returns the result of an image.
        max_results: How many results are kept.
    """
    return cached(LRUCache(max_results), _content, threading.Lock())(compute)


def _content(image: Image) -> tuple[tuple[int, ...], bytes]:
    return image.shape, xxhash.xxh3_128_digest(np.ascontiguousarray(image).data, _SEED)
