"""Concurrent analysis: in order, each frame once, bounded, and the same whatever the number of threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from job_worker.analysis.pipeline import Analysis
from job_worker.analysis.scheduling import CACHED_IMAGES, analyse_frames
from shared.video.frame import Frame, Image
from tests.support.waiting import eventually

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def frame(index: int, value: int | None = None, side: int = 2) -> Frame:
    return Frame(index, index * 40.0, np.full((side, side, 3), index if value is None else value, np.uint8))


@dataclass
class OneByOne:
    """A pipeline that analyses single images."""

    analyse: Callable[[Image], Analysis]
    concurrency: int
    batch_size: int = 1

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        [image] = images
        return [self.analyse(image)]


def brightness(image: Image) -> Analysis:
    return {"brightness": int(image.max())}


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_every_frame_comes_once_in_order_with_its_own_result(at_once: int) -> None:
    found = list(analyse_frames((frame(index) for index in range(50)), OneByOne(brightness, at_once)))
    assert [(one.index, result["brightness"]) for one, result in found] == [(index, index) for index in range(50)]


def test_as_many_images_are_analysed_at_once_as_the_pipeline_allows() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def meet(image: Image) -> Analysis:
        meeting.wait()
        return brightness(image)

    assert len(list(analyse_frames((frame(index) for index in range(9)), OneByOne(meet, 3)))) == 9


def test_an_engine_that_belongs_to_one_thread_is_called_from_the_calling_one() -> None:
    threads = set()

    def note(image: Image) -> Analysis:
        threads.add(threading.current_thread())
        return {}

    list(analyse_frames((frame(index) for index in range(3)), OneByOne(note, 1)))
    assert threads == {threading.current_thread()}


def test_a_slow_frame_holds_back_the_reading_of_more_than_a_few() -> None:
    slow = threading.Event()
    read: list[int] = []

    def frames() -> Iterator[Frame]:
        for index in range(100):
            read.append(index)
            yield frame(index)

    def analyse(image: Image) -> Analysis:
        if not image.max():
            slow.wait(10)
        return {}

    found = analyse_frames(frames(), OneByOne(analyse, 2))
    reader = threading.Thread(target=lambda: list(found))
    reader.start()
    eventually(lambda: len(read) >= 3, "the frames ahead")
    slow.wait(0.1)
    assert len(read) == 3
    slow.set()
    reader.join(10)
    assert len(read) == 100


def test_images_too_large_to_wait_come_one_by_one() -> None:
    read = []

    def frames() -> Iterator[Frame]:
        for index in range(20):
            read.append(index)
            yield frame(index)

    for done, _ in analyse_frames(frames(), OneByOne(brightness, 8), max_bytes_ahead=frame(0).image.nbytes):
        assert len(read) - done.index <= 2


def test_images_that_grow_take_no_more_memory_than_those_before() -> None:
    small, large = frame(0).image.nbytes, frame(0, side=4).image.nbytes
    bytes_read = 0

    def frames() -> Iterator[Frame]:
        nonlocal bytes_read
        for index in range(40):
            one = frame(index, side=2 if index < 20 else 4)
            bytes_read += one.image.nbytes
            yield one

    bytes_done = 0
    for done, _ in analyse_frames(frames(), OneByOne(brightness, 8), max_bytes_ahead=8 * small):
        assert bytes_read - bytes_done <= 8 * small + large
        bytes_done += done.image.nbytes
    assert bytes_done == bytes_read


def test_an_image_that_repeats_is_analysed_once() -> None:
    seen: list[int] = []

    def analyse(image: Image) -> Analysis:
        seen.append(int(image.max()))
        return brightness(image)

    values = [1, 2, 1, 2, 3, 1]
    found = list(analyse_frames((frame(index, value) for index, value in enumerate(values)), OneByOne(analyse, 1)))
    assert seen == [1, 2, 3]
    assert [result["brightness"] for _, result in found] == values
    assert [one.index for one, _ in found] == [0, 1, 2, 3, 4, 5]


def test_images_of_equal_bytes_and_other_sizes_are_different_ones() -> None:
    shapes: list[tuple[int, ...]] = []

    def analyse(image: Image) -> Analysis:
        shapes.append(image.shape)
        return {}

    wide, high = np.zeros((2, 8, 3), np.uint8), np.zeros((8, 2, 3), np.uint8)
    list(analyse_frames([Frame(0, 0.0, wide), Frame(1, 0.0, high)], OneByOne(analyse, 1)))
    assert shapes == [(2, 8, 3), (8, 2, 3)]


def test_an_image_that_repeats_after_many_others_is_analysed_again() -> None:
    seen: list[int] = []

    def analyse(image: Image) -> Analysis:
        seen.append(int(image.max()))
        return {}

    values = [*range(CACHED_IMAGES + 1), 0]
    list(analyse_frames((frame(index, value) for index, value in enumerate(values)), OneByOne(analyse, 1)))
    assert seen.count(0) == 2


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_error_in_one_frame_ends_the_run_with_it(at_once: int) -> None:
    def analyse(image: Image) -> Analysis:
        if image.max() == 5:
            raise RuntimeError("broken")
        return {}

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="broken"):
        list(analyse_frames((frame(index) for index in range(50)), OneByOne(analyse, at_once)))
    assert threading.active_count() == before


def test_an_error_of_the_reader_ends_the_run_with_it() -> None:
    def frames() -> Iterator[Frame]:
        yield frame(0)
        raise OSError("missing")

    with pytest.raises(OSError, match="missing"):
        list(analyse_frames(frames(), OneByOne(brightness, 3)))


class Batches:
    """A pipeline that analyses batches and records their sizes."""

    concurrency = 1

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.sizes: list[int] = []

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        assert len({image.shape for image in images}) == 1
        self.sizes.append(len(images))
        return [brightness(image) for image in images]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_in_batches_every_frame_comes_once_in_order_with_its_own_result(size: int) -> None:
    batches = Batches(size)
    found = list(analyse_frames((frame(index) for index in range(50)), batches))
    assert [(one.index, result["brightness"]) for one, result in found] == [(index, index) for index in range(50)]
    full, rest = divmod(50, size)
    assert batches.sizes == [size] * full + ([rest] if rest else [])


def test_no_more_frames_are_read_ahead_than_make_a_batch() -> None:
    read: list[int] = []

    def frames() -> Iterator[Frame]:
        for index in range(30):
            read.append(index)
            yield frame(index)

    for done, _ in analyse_frames(frames(), Batches(4)):
        assert len(read) - done.index <= 5


def test_a_batch_of_images_too_large_to_wait_is_smaller() -> None:
    batches, frames = Batches(8), [frame(index) for index in range(20)]
    assert len(list(analyse_frames(frames, batches, max_bytes_ahead=2 * frames[0].image.nbytes))) == 20
    assert max(batches.sizes) <= 3


def test_a_batch_holds_images_of_one_size() -> None:
    sides = [2, 2, 3, 3, 3, 2]
    batches = Batches(4)
    frames = [frame(index, side=side) for index, side in enumerate(sides)]
    found = list(analyse_frames(frames, batches))
    assert [result["brightness"] for _, result in found] == list(range(6))
    assert batches.sizes == [2, 3, 1]


def test_an_image_that_repeats_is_in_one_batch_alone() -> None:
    batches = Batches(3)
    values = [1, 1, 1, 1, 1, 2, 2, 3]
    found = list(analyse_frames((frame(index, value) for index, value in enumerate(values)), batches))
    assert [result["brightness"] for _, result in found] == values
    assert sum(batches.sizes) == 3


def test_an_error_in_a_batch_ends_the_run_with_it() -> None:
    class Failing(Batches):
        def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(analyse_frames((frame(index) for index in range(5)), Failing(2)))
