"""The port that every pipeline implements."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.results import ImageResult
from shared.video.image import Image

Analysis = ImageResult | Mapping[str, Any]
"""What was found in one image: by a built-in pipeline, or by a plugin, whose dict JSON can hold."""


class Pipeline(Protocol):
    """Analyses images, each by itself."""

    @property
    def concurrency(self) -> int:
        """How many threads may call `analyse_batch` at a time; if 1, all calls come from one thread."""

    @property
    def batch_size(self) -> int:
        """The most images that `analyse_batch` takes."""

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        """Analyse the images of frames, each by itself.

        Args:
            images: From 1 to `batch_size` images, each `(H, W, 3)` uint8 BGR, all of one size. The result of an image
                does not depend on the others.

        Returns:
            One analysis for each image, in their order; the same image always gives the same analysis.
        """
        ...
