"""What was made of the latest pictures, so that a picture that comes again is not worked on twice."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import xxhash

from shared.video.frame import Image

__all__ = ["ImageCache"]

Result = TypeVar("Result")

_SEED = secrets.randbits(64)
"""Drawn anew by every process, so that nobody can make two pictures that this one takes for equal."""


class ImageCache(Generic[Result]):
    """Results by what is in the pictures, byte for byte. For use from any number of threads.

    Args:
        most: How many are kept; the one that was not asked for longest goes first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._results: OrderedDict[tuple[tuple[int, ...], bytes], Result] = OrderedDict()

    def forget(self) -> None:
        """Begins anew, with nothing remembered."""
        with self._lock:
            self._results.clear()

    def result_of(self, image: Image, make: Callable[[Image], Result]) -> Result:
        """Returns what was made of an equal picture, or else makes it: outside the lock, so now and then twice."""
        key = image.shape, xxhash.xxh3_128_digest(np.ascontiguousarray(image).data, _SEED)
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = make(image)
        with self._lock:
            self._results[key] = result
            if len(self._results) > self._most:
                self._results.popitem(last=False)
        return result
