"""The pipelines of the catalogue, made from one detector and one text reader."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from job_worker.detection.base import Detector
from job_worker.findings import picture_result
from job_worker.ocr.base import TextReader
from job_worker.pipelines.base import Pipeline
from job_worker.video.frame import Image
from shared.pipelines import BUILT_IN_PIPELINES

__all__ = ["FrameAnalysis", "build_pipelines"]


@dataclass(frozen=True, slots=True)
class FrameAnalysis:
    """A pipeline that looks for objects, for text, or for both.

    Attributes:
        detector: Finds the objects; None leaves them out of the result.
        text_reader: Reads the text; None leaves it out of the result.
    """

    detector: Detector | None = None
    text_reader: TextReader | None = None

    @property
    def pictures_at_once(self) -> int:
        """How many threads may call `analyse` at a time; see `Pipeline.pictures_at_once`."""
        return min(engine.pictures_at_once for engine in (self.detector, self.text_reader) if engine)

    def analyse(self, image: Image) -> dict[str, object]:
        """Analyse a picture by itself; see `Pipeline.analyse`."""
        return picture_result(
            image,
            detections=self.detector.detect(image) if self.detector else None,
            text_lines=self.text_reader.read(image) if self.text_reader else None,
        )


def build_pipelines(
    pipeline_ids: Iterable[str], load_detector: Callable[[], Detector], load_text_reader: Callable[[], TextReader]
) -> dict[str, Pipeline]:
    """Build pipelines of the catalogue; they share one detector and one text reader.

    Args:
        pipeline_ids: Which to build, by the ids that clients submit with.
        load_detector: Called once if one of them finds objects.
        load_text_reader: Called once if one of them reads text.

    Returns:
        The pipelines by their ids.

    Raises:
        ModelLoadError: A model cannot be loaded.
    """
    infos = [BUILT_IN_PIPELINES[pipeline_id] for pipeline_id in pipeline_ids]
    detector = load_detector() if any(info.finds_objects for info in infos) else None
    text_reader = load_text_reader() if any(info.reads_text for info in infos) else None
    return {
        info.pipeline_id: FrameAnalysis(
            detector=detector if info.finds_objects else None, text_reader=text_reader if info.reads_text else None
        )
        for info in infos
    }
