"""A detector that takes batches, and a text reader beside it: each always busy, each result with its own image."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import pytest

from job_worker.analysis.frame_analysis import FrameAnalysis
from job_worker.analysis.scheduling import analyse_frames
from job_worker.detection.base import DEFAULT_LIMITS, DetectionLimits
from shared.results import Code, Detection, ImageResult, TextLine
from shared.video.frame import Frame
from shared.video.image import Image

pytestmark = [pytest.mark.unit, pytest.mark.worker]

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def frames(count: int) -> list[Frame]:
    return [Frame(index, index * 40.0, np.full((4, 4, 3), index, np.uint8)) for index in range(count)]


def must_happen(event: threading.Event) -> None:
    assert event.wait(10)


class Detector:
    """Finds one object for each image, whose label is the image's level of gray."""

    concurrency = 1
    labels: Sequence[str] = ()

    def __init__(self, batch_size: int, before: Callable[[], object] = lambda: None) -> None:
        self.batch_size = batch_size
        self.threads: set[int] = set()
        self._before = before

    def detect_batch(self, images: Sequence[Image], limits: DetectionLimits = DEFAULT_LIMITS) -> list[list[Detection]]:
        self.threads.add(threading.get_ident())
        self._before()
        return [
            [Detection(label=str(image.max()), class_id=0, confidence=0.5, box=(0.0, 0.0, 1.0, 1.0))]
            for image in images
        ]


class TextReader:
    """Reads one line in each image: its level of gray."""

    def __init__(self, concurrency: int, before: Callable[[], object] = lambda: None) -> None:
        self.concurrency = concurrency
        self._before = before

    def read(self, image: Image, min_confidence: float = 0.0) -> list[TextLine]:
        self._before()
        return [TextLine(text=str(image.max()), confidence=0.5, polygon=CORNERS)]


class CodeReader:
    """Reads none."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency

    def read(self, image: Image, detections: Iterable[Detection] = ()) -> list[Code]:
        return []


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_every_frame_has_its_own_objects_and_text(batch_size: int) -> None:
    pipeline = FrameAnalysis(Detector(batch_size), TextReader(4))
    found = [frame.analysis for frame in analyse_frames(frames(20), pipeline)]
    assert all(isinstance(analysis, ImageResult) for analysis in found)
    numbers = [str(index) for index in range(20)]
    assert [analysis.text for analysis in found] == numbers
    assert [[one.label for one in analysis.detections or ()] for analysis in found] == [[number] for number in numbers]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_more_threads_read_text_than_a_batch_has_images(batch_size: int) -> None:
    meeting = threading.Barrier(5, timeout=10)
    pipeline = FrameAnalysis(Detector(batch_size), TextReader(5, meeting.wait))
    assert len(list(analyse_frames(frames(10), pipeline))) == 10


def test_a_batch_is_detected_while_the_text_of_the_one_before_is_read() -> None:
    calls = iter(range(100))
    second_batch = threading.Event()

    def detecting() -> None:
        if next(calls) == 1:
            second_batch.set()

    pipeline = FrameAnalysis(
        Detector(4, detecting), TextReader(2, lambda: second_batch.wait(10) or pytest.fail("late"))
    )
    assert len(list(analyse_frames(frames(8), pipeline))) == 8


def test_frames_are_decoded_while_a_batch_is_detected() -> None:
    decoded_more = threading.Event()

    def decoding() -> Iterator[Frame]:
        for frame in frames(9):
            if frame.index == 4:
                decoded_more.set()
            yield frame

    pipeline = FrameAnalysis(Detector(4, partial(must_happen, decoded_more)))
    assert len(list(analyse_frames(decoding(), pipeline))) == 9


@pytest.mark.parametrize("batch_size", [1, 2])
def test_an_engine_of_one_thread_is_used_in_one_thread(batch_size: int) -> None:
    detector, reading = Detector(batch_size), set[int]()
    text_reader, code_reader = TextReader(1, lambda: reading.add(threading.get_ident())), CodeReader(4)
    list(analyse_frames(frames(20), FrameAnalysis(detector, text_reader, code_reader=code_reader)))
    assert (len(detector.threads), len(reading)) == (1, 1)


def test_an_error_of_either_engine_ends_the_run_with_it() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    for pipeline in (
        FrameAnalysis(Detector(4, broken), TextReader(2)),
        FrameAnalysis(Detector(4), TextReader(2, broken)),
    ):
        with pytest.raises(RuntimeError, match="broken"):
            list(analyse_frames(frames(20), pipeline))


@pytest.mark.parametrize("limits", [DetectionLimits(confidence=0.9), DetectionLimits(classes=frozenset({"other"}))])
def test_codes_are_looked_for_in_detections_that_the_result_does_not_hold(limits: DetectionLimits) -> None:
    seen: list[Detection] = []

    class Limited(Detector):
        def detect_batch(
            self, images: Sequence[Image], limits: DetectionLimits = DEFAULT_LIMITS
        ) -> list[list[Detection]]:
            found = super().detect_batch(images, limits)
            return [limits.select(one for one in of_image if one.confidence > limits.confidence) for of_image in found]

    class Looking(CodeReader):
        def read(self, image: Image, detections: Iterable[Detection] = ()) -> list[Code]:
            seen.extend(detections)
            return []

    pipeline = FrameAnalysis(Limited(1), limits=limits, code_reader=Looking(1))
    [analysis] = pipeline.analyse_batch([frames(1)[0].image])
    assert isinstance(analysis, ImageResult)
    assert (analysis.detections, [one.label for one in seen]) == ((), ["0"])
