import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.codes.base import MAX_CODES
from job_worker.errors import JobCannotBeDone
from shared.results import Code, ImageResult
from shared.video.errors import VideoError
from shared.video.frame import Frame
from shared.video.image import Image

pytestmark = [pytest.mark.unit, pytest.mark.worker]

VIDEO = Path("some.mp4")


class Brightness:
    concurrency = 2
    batch_size = 1

    def analyse_batch(self, images: Sequence[Image]) -> list[dict[str, object]]:
        return [{"brightness": int(image.max())} for image in images]


def three_frames(path: Path) -> Iterator[Frame]:
    assert path == VIDEO
    for index in range(3):
        yield Frame(index, index * 40.0, np.full((2, 2, 3), index, np.uint8))


def test_every_frame_has_its_entry_in_order_with_two_keys() -> None:
    service = VideoFilePipelineService({"brightness": Brightness()}, three_frames)
    assert service.run_on_file("brightness", VIDEO) == [
        {"frame_index": 0, "result": {"brightness": 0, "timestamp_ms": 0.0}},
        {"frame_index": 1, "result": {"brightness": 1, "timestamp_ms": 40.0}},
        {"frame_index": 2, "result": {"brightness": 2, "timestamp_ms": 80.0}},
    ]


def test_a_pipeline_that_takes_batches_gives_the_same_list_in_fewer_calls() -> None:
    calls: list[int] = []

    class InBatches(Brightness):
        concurrency = 1
        batch_size = 2

        def analyse_batch(self, images: Sequence[Image]) -> list[dict[str, object]]:
            calls.append(len(images))
            return super().analyse_batch(images)

    both = VideoFilePipelineService({"one": Brightness(), "batches": InBatches()}, three_frames)
    assert both.run_on_file("batches", VIDEO) == both.run_on_file("one", VIDEO)
    assert calls == [2, 1]


def test_the_same_file_gives_the_same_list() -> None:
    service = VideoFilePipelineService({"brightness": Brightness()}, three_frames)
    assert service.run_on_file("brightness", VIDEO) == service.run_on_file("brightness", VIDEO)


def test_an_unknown_pipeline_fails_the_job_and_names_the_known_ones() -> None:
    service = VideoFilePipelineService({"yolo": Brightness(), "ocr": Brightness()}, three_frames)
    with pytest.raises(JobCannotBeDone, match="unknown pipeline 'faces'; this worker runs: ocr, yolo"):
        service.run_on_file("faces", VIDEO)


def test_a_video_without_a_frame_fails_the_job_as_the_reader_says() -> None:
    def no_frames(_: Path) -> Iterator[Frame]:
        raise VideoError("the file holds no video")

    with pytest.raises(VideoError, match="no video"):
        VideoFilePipelineService({"brightness": Brightness()}, no_frames).run_on_file("brightness", VIDEO)


@pytest.mark.parametrize(("count", "times"), [(MAX_CODES - 1, 0), (MAX_CODES, 1)])
def test_that_codes_are_left_out_is_logged_once_for_a_video(
    count: int, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    class ManyCodes(Brightness):
        def analyse_batch(self, images: Sequence[Image]) -> list[ImageResult]:  # type: ignore[override]
            code = Code(format="QRCode", text="a", polygon=((0, 0), (1, 0), (1, 1), (0, 1)))
            return [ImageResult.of(2, 2, codes=[code] * count) for _ in images]

    with caplog.at_level(logging.WARNING):
        VideoFilePipelineService({"codes": ManyCodes()}, three_frames).run_on_file("codes", VIDEO)
    assert len([record for record in caplog.records if "left out" in record.message]) == times
