"""Concurrent analysis: in order, each frame once, bounded, and the same whatever the number of threads."""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from job_worker.analysis.pipeline import Analysis
from job_worker.analysis.scheduling import CACHED_IMAGES, MAX_RESULTS_AHEAD, analyse_frames
from shared.video.frame import Frame
from shared.video.image import Image
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
    assert [(one.index, one.analysis["brightness"]) for one in found] == [(index, index) for index in range(50)]


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


class Source:
    """Frames whose images are counted as they are read, and for as long as anybody has them."""

    def __init__(self, sides: Iterable[int], value: int | None = None) -> None:
        self.read = 0
        self.most_bytes = 0
        self._sides = list(sides)
        self._value = value
        self._images: weakref.WeakValueDictionary[int, Image] = weakref.WeakValueDictionary()

    def __iter__(self) -> Iterator[Frame]:
        for index, side in enumerate(self._sides):
            self.read += 1
            one = frame(index, index and index % 255 + 1 if self._value is None else self._value, side)
            self._images[index] = one.image
            self.most_bytes = max(self.most_bytes, sum(image.nbytes for image in self._images.values()))
            yield one
            del one


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What analyses wait for, at most until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def in_background(source: Source, analyse: Callable[[Image], Analysis], at_once: int) -> threading.Thread:
    reader = threading.Thread(target=lambda: list(analyse_frames(source, OneByOne(analyse, at_once))))
    reader.start()
    return reader


def test_no_more_images_are_read_than_can_be_analysed_and_one(held: threading.Event) -> None:
    source = Source([2] * 100)
    reader = in_background(source, lambda _: {"waited": held.wait(10)}, 2)
    eventually(lambda: source.read >= 3, "the images ahead")
    held.wait(0.1)
    assert source.read == 3
    held.set()
    reader.join(10)
    assert source.read == 100


def test_a_slow_image_holds_up_no_other_but_some_hundreds(held: threading.Event) -> None:
    source = Source([2] * 1000)
    reader = in_background(source, lambda image: {"waited": image.max() == 0 and held.wait(10)}, 2)
    most = 2 + MAX_RESULTS_AHEAD + 1
    eventually(lambda: source.read >= most, "the frames behind the slow one")
    held.wait(0.1)
    assert source.read == most
    held.set()
    reader.join(10)
    assert source.read == 1000


def test_images_that_repeat_hold_up_no_others() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def meet(image: Image) -> Analysis:
        meeting.wait()
        return brightness(image)

    shown = (frame(index, index // 20) for index in range(60))
    assert [one.analysis["brightness"] for one in analyse_frames(shown, OneByOne(meet, 3))] == [
        index // 20 for index in range(60)
    ]


def test_images_too_large_to_wait_come_one_by_one() -> None:
    source = Source([2] * 20)
    assert len(list(analyse_frames(source, OneByOne(brightness, 8), max_bytes_ahead=frame(0).image.nbytes))) == 20
    assert source.most_bytes <= 3 * frame(0).image.nbytes  # one is analysed, one waits, and one was just read


def test_images_that_grow_take_no_more_memory_than_those_before() -> None:
    small, large = frame(0).image.nbytes, frame(0, side=4).image.nbytes
    source = Source([2] * 20 + [4] * 20)
    assert len(list(analyse_frames(source, OneByOne(brightness, 8), max_bytes_ahead=8 * small))) == 40
    assert source.most_bytes <= 8 * small + 2 * large


def test_an_image_that_stays_is_held_once() -> None:
    source = Source([2] * 1000, value=7)
    assert len(list(analyse_frames(source, Batches(4)))) == 1000
    assert source.most_bytes <= 3 * frame(0).image.nbytes


def test_an_image_that_repeats_is_analysed_once() -> None:
    seen: list[int] = []

    def analyse(image: Image) -> Analysis:
        seen.append(int(image.max()))
        return brightness(image)

    values = [1, 2, 1, 2, 3, 1]
    found = list(analyse_frames((frame(index, value) for index, value in enumerate(values)), OneByOne(analyse, 1)))
    assert seen == [1, 2, 3]
    assert [one.analysis["brightness"] for one in found] == values
    assert [one.index for one in found] == [0, 1, 2, 3, 4, 5]


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
    assert [(one.index, one.analysis["brightness"]) for one in found] == [(index, index) for index in range(50)]
    full, rest = divmod(50, size)
    assert batches.sizes == [size] * full + ([rest] if rest else [])


def test_no_more_frames_are_read_ahead_than_make_a_batch() -> None:
    source = Source([2] * 30)
    ahead = [source.read - done.index for done in analyse_frames(source, Batches(4))]
    assert len(ahead) == 30
    assert max(ahead) <= 5


@pytest.mark.parametrize("hold", [False, True])
def test_which_images_share_a_batch_depends_on_the_video_alone(hold: bool, held: threading.Event) -> None:
    class Slow(Batches):
        concurrency = 3

        def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
            held.wait(0.02 * hold * len(self.sizes))
            return super().analyse_batch(images)

    batches = Slow(4)
    values = [*range(6), *[6] * 2 * MAX_RESULTS_AHEAD, *range(7, 12)]
    list(analyse_frames((frame(index, value % 256) for index, value in enumerate(values)), batches))
    assert sorted(batches.sizes) == [1, 3, 4, 4]


def test_a_batch_of_images_too_large_to_wait_is_smaller() -> None:
    batches, frames = Batches(8), [frame(index) for index in range(20)]
    assert len(list(analyse_frames(frames, batches, max_bytes_ahead=2 * frames[0].image.nbytes))) == 20
    assert max(batches.sizes) <= 3


def test_a_batch_holds_images_of_one_size() -> None:
    sides = [2, 2, 3, 3, 3, 2]
    batches = Batches(4)
    frames = [frame(index, side=side) for index, side in enumerate(sides)]
    found = list(analyse_frames(frames, batches))
    assert [one.analysis["brightness"] for one in found] == list(range(6))
    assert batches.sizes == [2, 3, 1]


def test_an_image_that_repeats_is_in_one_batch_alone() -> None:
    batches = Batches(3)
    values = [1, 1, 1, 1, 1, 2, 2, 3]
    found = list(analyse_frames((frame(index, value) for index, value in enumerate(values)), batches))
    assert [one.analysis["brightness"] for one in found] == values
    assert sum(batches.sizes) == 3


def test_an_error_in_a_batch_ends_the_run_with_it() -> None:
    class Failing(Batches):
        def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(analyse_frames((frame(index) for index in range(5)), Failing(2)))
