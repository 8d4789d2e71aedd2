"""Equal pictures are worked on once, as long as they are remembered; others never take their result."""

import threading

import numpy as np
import pytest

from job_worker.inference.image_cache import ImageCache
from shared.video.frame import Image

pytestmark = [pytest.mark.unit, pytest.mark.worker]


class Counter:
    """Makes the number of the call of each picture."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Image) -> int:
        self.calls += 1
        return self.calls


def picture(value: int, height: int = 2, width: int = 6) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def test_a_picture_that_differs_in_one_bit_or_in_shape_is_another() -> None:
    recent, make = ImageCache[int](8), Counter()
    changed = picture(4)
    changed[1, 5, 2] ^= 1
    others = [picture(4), changed, picture(4, height=6, width=2)]
    assert [recent.result_of(image, make) for image in others] == [1, 2, 3]
    assert [recent.result_of(image.copy(), make) for image in others] == [1, 2, 3]


def test_a_view_is_the_picture_that_it_shows() -> None:
    recent, make = ImageCache[int](8), Counter()
    wide = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    assert recent.result_of(wide[:, ::-1], make) == recent.result_of(wide[:, ::-1].copy(), make) == 1
    assert recent.result_of(wide, make) == 2


def test_the_picture_that_was_not_seen_longest_is_forgotten() -> None:
    recent, make = ImageCache[int](2), Counter()
    for value in (1, 2, 1, 3):
        recent.result_of(picture(value), make)
    assert recent.result_of(picture(1), make) == 1
    assert recent.result_of(picture(2), make) == 4


def test_nothing_is_remembered_after_forgetting() -> None:
    recent, make = ImageCache[int](2), Counter()
    recent.result_of(picture(1), make)
    recent.forget()
    assert recent.result_of(picture(1), make) == 2


def test_what_failed_is_tried_again() -> None:
    recent = ImageCache[int](2)

    def fail(_: Image) -> int:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        recent.result_of(picture(1), fail)
    assert recent.result_of(picture(1), Counter()) == 1


def test_pictures_are_worked_on_side_by_side() -> None:
    recent, meeting = ImageCache[int](4), threading.Barrier(2, timeout=10)
    results = []

    def after_both(image: Image) -> int:
        meeting.wait()
        return int(image[0, 0, 0])

    def ask(value: int) -> None:
        results.append(recent.result_of(picture(value), after_both))

    threads = [threading.Thread(target=ask, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [1, 2]
