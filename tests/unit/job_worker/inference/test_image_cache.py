"""Equal images are processed once, as long as they are cached; others never take their result."""

import threading

import numpy as np
import pytest

from job_worker.inference.image_cache import ImageCache
from shared.video.frame import Image

pytestmark = [pytest.mark.unit, pytest.mark.worker]


class Counter:
    """Computes the number of the call for each image."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Image) -> int:
        self.calls += 1
        return self.calls


def plain(value: int, height: int = 2, width: int = 6) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def test_an_image_that_differs_in_one_bit_or_in_shape_is_another() -> None:
    cache, count = ImageCache[int](8), Counter()
    changed = plain(4)
    changed[1, 5, 2] ^= 1
    others = [plain(4), changed, plain(4, height=6, width=2)]
    assert [cache.get(image, count) for image in others] == [1, 2, 3]
    assert [cache.get(image.copy(), count) for image in others] == [1, 2, 3]


def test_a_view_is_the_image_that_it_shows() -> None:
    cache, count = ImageCache[int](8), Counter()
    wide = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    assert cache.get(wide[:, ::-1], count) == cache.get(wide[:, ::-1].copy(), count) == 1
    assert cache.get(wide, count) == 2


def test_the_least_recently_used_image_is_dropped() -> None:
    cache, count = ImageCache[int](2), Counter()
    for value in (1, 2, 1, 3):
        cache.get(plain(value), count)
    assert cache.get(plain(1), count) == 1
    assert cache.get(plain(2), count) == 4


def test_nothing_is_left_after_clearing() -> None:
    cache, count = ImageCache[int](2), Counter()
    cache.get(plain(1), count)
    cache.clear()
    assert cache.get(plain(1), count) == 2


def test_what_failed_is_tried_again() -> None:
    cache = ImageCache[int](2)

    def fail(_: Image) -> int:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        cache.get(plain(1), fail)
    assert cache.get(plain(1), Counter()) == 1


def test_images_are_processed_concurrently() -> None:
    cache, meeting = ImageCache[int](4), threading.Barrier(2, timeout=10)
    results = []

    def after_both(image: Image) -> int:
        meeting.wait()
        return int(image[0, 0, 0])

    def get(value: int) -> None:
        results.append(cache.get(plain(value), after_both))

    threads = [threading.Thread(target=get, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [1, 2]
