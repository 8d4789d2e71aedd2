"""How bright a frame is: a pipeline that looks at one picture at a time."""

from typing import Any

BRIGHTEST = 255


class Brightness:
    """Measures the mean brightness, and tells dark pictures.

    Args:
        dark_below: A picture that is less bright is dark, 0 to 255.

    Raises:
        ValueError: That is no brightness.
    """

    description = "How bright every frame is, from 0 to 255, and whether it is dark."
    concurrency = 4

    def __init__(self, dark_below: float = 40.0) -> None:
        if not 0 <= dark_below <= BRIGHTEST:
            raise ValueError(f"dark_below must lie between 0 and {BRIGHTEST}")
        self._dark_below = dark_below

    def analyse(self, image: Any) -> dict[str, object]:
        """Analyse a picture by itself.

        Args:
            image: `(H, W, 3)` uint8 BGR.

        Returns:
            `brightness`, and whether it `is_dark`.
        """
        brightness = round(float(image.mean()), 2)
        return {"brightness": brightness, "is_dark": brightness < self._dark_below}
