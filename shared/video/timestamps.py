"""Presentation times of frames in milliseconds."""

from fractions import Fraction

DEFAULT_RATE = Fraction(25)
"""Frames per second of a track that states no rate."""


class Timestamps:
    """The presentation times of a track's frames in milliseconds, which never decrease.

    Args:
        time_base: Unit of the presentation times in seconds; None if the track states none.
        rate: Average frames per second; None if the track states none.
    """

    def __init__(self, time_base: Fraction | None, rate: Fraction | None) -> None:
        self._tick_ms = (time_base or Fraction(0)) * 1000
        self._step_ms = float(1000 / (rate or DEFAULT_RATE))
        self._latest = float("-inf")
        self._estimate = 0.0

    def next_ms(self, pts: int | None) -> float:
        """Return the time of the next frame in milliseconds, rounded to 0.1.

        Args:
            pts: The frame's presentation time in units of the time base; None adds the average step.
        """
        stated = self._estimate if pts is None else float(pts * self._tick_ms)
        self._latest = max(round(stated, 1), self._latest)
        self._estimate = self._latest + self._step_ms
        return self._latest
