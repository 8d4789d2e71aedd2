"""Equal images are processed once, as long as they are cached; others never take their result."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from job_worker.inference.image_cache import cached_by_image
from shared.video.image import Image

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
    get = cached_by_image(Counter(), 8)
    changed = plain(4)
    changed[1, 5, 2] ^= 1
    others = [plain(4), changed, plain(4, height=6, width=2)]
    assert [get(image) for image in others] == [1, 2, 3]
    assert [get(image.copy()) for image in others] == [1, 2, 3]


def test_a_view_is_the_image_that_it_shows() -> None:
    get = cached_by_image(Counter(), 8)
    wide = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    assert get(wide[:, ::-1]) == get(wide[:, ::-1].copy()) == 1
    assert get(wide) == 2


def test_the_least_recently_used_image_is_dropped() -> None:
    get = cached_by_image(Counter(), 2)
    for value in (1, 2, 1, 3):
        get(plain(value))
    assert get(plain(1)) == 1
    assert get(plain(2)) == 4


def test_what_failed_is_tried_again() -> None:
    calls = 0

    def fail_once(_: Image) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("out of memory")
        return calls

    get = cached_by_image(fail_once, 2)
    with pytest.raises(RuntimeError):
        get(plain(1))
    assert get(plain(1)) == 2


def test_images_are_processed_concurrently() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def after_both(image: Image) -> int:
        meeting.wait()
        return int(image[0, 0, 0])

    get = cached_by_image(after_both, 4)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(get, [plain(1), plain(2)])) == [1, 2]
