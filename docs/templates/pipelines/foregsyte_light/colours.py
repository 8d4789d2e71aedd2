"""The mean colour of a frame: a pipeline that analyses batches of images."""

from collections.abc import Sequence
from typing import Any


class Colours:
    """Measures the mean of each channel, for a whole batch at once."""

    description = "The mean colour of every frame, as red, green and blue from 0 to 255."
    batch_size = 8

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415 (the server's host reads the description without it)

        self._np = np

    def analyse_batch(self, images: Sequence[Any]) -> list[dict[str, object]]:
        """Analyse images, each by itself.

        Args:
            images: Each `(H, W, 3)` uint8 BGR, all of one size.

        Returns:
            `red`, `green` and `blue` of each.
        """
        means = self._np.stack(images).mean(axis=(1, 2))
        return [
            {"red": round(float(red), 2), "green": round(float(green), 2), "blue": round(float(blue), 2)}
            for blue, green, red in means
        ]
