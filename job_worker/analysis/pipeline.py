"""What every pipeline offers."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from shared.results import ImageResult
from shared.video.frame import Image

__all__ = ["Analysis", "AnyPipeline", "BatchPipeline", "Pipeline"]

Analysis = ImageResult | Mapping[str, Any]
"""What was found in one image: by a built-in pipeline, or by a plugin, whose dict JSON can hold."""


class Pipeline(Protocol):
    """Analyses one picture at a time."""

    @property
    def concurrency(self) -> int:
        """How many threads may call `analyse` at a time; where it is 1, all calls come from one thread."""

    def analyse(self, image: Image) -> Analysis:
        """Analyse the picture of a frame by itself.

        Args:
            image: `(H, W, 3)` uint8 BGR; no other picture has a say in its result.

        Returns:
            The frame's `result` but for its time, ready for JSON; the same picture gives the same result.
        """
        ...


@runtime_checkable
class BatchPipeline(Protocol):
    """Analyses several pictures at a time, in one thread."""

    @property
    def batch_size(self) -> int:
        """How many pictures `analyse_batch` is given at most."""

    def analyse_batch(self, images: Sequence[Image]) -> Sequence[Analysis]:
        """Analyse the pictures of frames, each by itself.

        Args:
            images: Each `(H, W, 3)` uint8 BGR, all of one size; no other picture of the batch has a say in its result.

        Returns:
            As `Pipeline.analyse`, one for each picture, in their order.
        """
        ...


AnyPipeline = Pipeline | BatchPipeline
