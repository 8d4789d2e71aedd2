"""The brightness of a frame: a pipeline that analyses single images."""

from typing import Any

BRIGHTEST = 255


class Brightness:
    """Measures the mean brightness, and whether an image is dark.

    Args:
        dark_below: An image with a lower brightness is dark, 0 to 255.

    Raises:
        ValueError: `dark_below` is outside this range.
    """

    description = "How bright every frame is, from 0 to 255, and whether it is dark."
    concurrency = 4

    def __init__(self, dark_below: float = 40.0) -> None:
        if not 0 <= dark_below <= BRIGHTEST:
            raise ValueError(f"dark_below must lie between 0 and {BRIGHTEST}")
        self._dark_below = dark_below

    def analyse(self, image: Any) -> dict[str, object]:
        """Analyse an image by itself.

        Args:
            image: `(H, W, 3)` uint8 BGR.

        Returns:
            `brightness`, and whether it `is_dark`.
        """
        brightness = round(float(image.mean()), 2)
        return {"brightness": brightness, "is_dark": brightness < self._dark_below}
