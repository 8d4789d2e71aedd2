"""The built-in pipelines: they find objects, read text and read codes, or some of that."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from job_worker.analysis.pipeline import Analysis
from job_worker.codes.base import CodeReader
from job_worker.detection.base import DEFAULT_CONFIDENCE, DEFAULT_LIMITS, DetectionLimits, Detector
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE, TextReader
from shared.results import Code, Detection, ImageResult, TextLine
from shared.video.image import Image

READY_BATCHES = 1
"""Batches in flight besides those at the detector and at the readers, so that none of them waits."""

Objects = Sequence[list[Detection] | None]
"""Those of each image; None where none are looked for."""


class FrameAnalysis:
    """A pipeline that finds objects, reads text or codes, or does several of these.

    Where the detector takes batches, or fewer images at a time than the readers, each engine has as many threads of its
    own as it allows. Several batches are in flight, so that neither the detector nor a reader waits for the other.

    Args:
        detector: Finds the objects; None leaves them out of the result.
        text_reader: Reads the text; None leaves it out of the result.
        limits: Which detections are kept.
        min_text_confidence: Lines of text with a lower confidence are dropped, 0 to 1.
        code_reader: Reads the codes, also where the detector sees one; None leaves them out of the result.
    """

    def __init__(
        self,
        detector: Detector | None = None,
        text_reader: TextReader | None = None,
        limits: DetectionLimits = DEFAULT_LIMITS,
        min_text_confidence: float = DEFAULT_MIN_CONFIDENCE,
        code_reader: CodeReader | None = None,
    ) -> None:
        self._detector = detector
        self._text_reader = text_reader
        self._limits = limits
        self._detected = limits if code_reader is None else _with_codes(limits)
        self._min_text_confidence = min_text_confidence
        self._code_reader = code_reader
        self._readers = max((reader.concurrency for reader in (text_reader, code_reader) if reader), default=0)
        self._has_pools = detector is not None and (detector.batch_size > 1 or detector.concurrency < self._readers)
        self._detecting, self._reading, self._reading_codes = map(_pool, (detector, text_reader, code_reader))

    @property
    def concurrency(self) -> int:
        """How many threads may call `analyse_batch` at a time."""
        if self._detector and self._has_pools:
            return self._detector.concurrency + READY_BATCHES + -(-self._readers // self.batch_size)
        engines = (self._detector, self._text_reader, self._code_reader)
        return min(engine.concurrency for engine in engines if engine)

    @property
    def batch_size(self) -> int:
        """The most images that `analyse_batch` takes: as many as the detector."""
        return self._detector.batch_size if self._detector else 1

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        """Analyse images, each by itself.

        Args:
            images: From 1 to `batch_size` images of one size, each `(H, W, 3)` uint8 BGR.

        Returns:
            One analysis for each image, in their order.
        """
        if not self._has_pools:
            found = self._detect(images)
            return self._results(images, found, map(self._read, images), map(self._read_codes, images, found))
        detecting = self._detecting.submit(self._detect, images)
        lines = self._reading.map(self._read, images)
        found = detecting.result()
        return self._results(images, found, lines, self._reading_codes.map(self._read_codes, images, found))

    def _results(
        self,
        images: Sequence[Image],
        found: Objects,
        lines: Iterable[list[TextLine] | None],
        codes: Iterable[list[Code] | None],
    ) -> list[Analysis]:
        sizes = [image.shape[1::-1] for image in images]
        kept = map(self._kept, found)
        return [ImageResult.of(*size, *of_one) for size, *of_one in zip(sizes, kept, lines, codes, strict=True)]

    def _kept(self, found: list[Detection] | None) -> list[Detection] | None:
        """Return those of the detections that the code reader gets which are in the result."""
        if found is None or self._detected is self._limits:
            return found
        least = 0.0 if self._detected.confidence == self._limits.confidence else self._limits.confidence
        return self._limits.select(one for one in found if one.confidence > least)

    def _detect(self, images: Sequence[Image]) -> Objects:
        return self._detector.detect_batch(images, self._detected) if self._detector else [None] * len(images)

    def _read(self, image: Image) -> list[TextLine] | None:
        return self._text_reader.read(image, self._min_text_confidence) if self._text_reader else None

    def _read_codes(self, image: Image, found: list[Detection] | None) -> list[Code] | None:
        return self._code_reader.read(image, found or ()) if self._code_reader else None


def _with_codes(limits: DetectionLimits) -> DetectionLimits:
    """Return limits that also keep what the code reader may look at enlarged, whatever a result holds."""
    return replace(limits, confidence=min(limits.confidence, DEFAULT_CONFIDENCE), classes=frozenset())


def _pool(engine: Detector | TextReader | CodeReader | None) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(engine.concurrency if engine else 1, "analysis")
