"""The codes found so far in one image: each once, however often and along whatever rows it is read."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from job_worker.codes.areas import Matrix
from shared.results import Code

LONGER = 1.25
"""A linear code so many times as long as another one at its place is the whole, the other a part of it."""
NEAR = 1 / 16
"""Of one linear code, what is read above and below a crease or a glare is apart by up to so much of its length."""
AROUND = 0.6
"""A linear code reaches so much of its length from its middle, and a little more."""


@dataclass(slots=True)
class _Reading:
    """A code, and how it was read.

    Attributes:
        code: The code.
        corners: Its corners, `(4, 2)`.
        is_linear: Whether it is a linear code.
        behind: Where bars follow behind its ends.
        rows: Along how many rows of pixels it was read, in all readings.
    """

    code: Code
    corners: Matrix
    is_linear: bool
    behind: list[Matrix]
    rows: float

    @property
    def content(self) -> tuple[str, str, str | None]:
        return self.code.format, self.code.text, self.code.bytes

    @property
    def length(self) -> float:
        return math.dist(self.corners[0], self.corners[1])

    @property
    def height(self) -> float:
        return math.dist(self.corners[0], self.corners[3])

    def is_one_with(self, other: "_Reading") -> bool:
        """Return whether two codes at one place are one: they say the same, or are linear and so cannot be nested."""
        return self.content == other.content or (self.is_linear and other.is_linear)

    def continues(self, other: "_Reading") -> bool:
        """Return whether this is the same linear code as another one, read along other rows."""
        if not self.is_linear or self.content != other.content:
            return False
        down = self.corners[3] - self.corners[0]
        down *= NEAR * self.length / max(float(np.linalg.norm(down)), 1.0)
        grown = self.corners + np.array([-down, -down, down, down])
        shared: Any = cv2.intersectConvexConvex(grown.astype(np.float32), other.corners.astype(np.float32))
        return bool(shared[0] > 0)

    def reaches(self, place: Matrix) -> bool:
        return self.is_linear and math.dist(self.corners.mean(axis=0), place) <= AROUND * self.length


class FoundCodes:
    """The codes found so far in one image, each once."""

    def __init__(self) -> None:
        self._readings: list[_Reading] = []
        self._corners: Matrix = np.empty((0, 4, 2))

    @property
    def all(self) -> list[Code]:
        """The codes, those included that `whole` leaves out."""
        return [reading.code for reading in self._readings]

    def add(self, code: Code, behind: list[Matrix], *, is_linear: bool) -> bool:
        """Add a code unless it was found before; return whether it was added.

        A linear code takes the place of those that were read of parts of it.

        Args:
            code: The code.
            behind: Where bars follow behind its ends.
            is_linear: Whether it is a linear code, which those at its place are readings of.
        """
        corners = np.array(code.polygon)
        new = _Reading(code, corners, is_linear, behind, rows=math.dist(corners[0], corners[3]))
        at = self._at(new)
        for index in at:
            if self._readings[index].content == new.content:
                self._read_again(index, new)
                return False
        if any(self._readings[index].length >= LONGER * new.length for index in at):
            return False
        parts = [index for index in at if new.length >= LONGER * self._readings[index].length]
        self._readings = [reading for index, reading in enumerate(self._readings) if index not in parts] + [new]
        self._corners = np.concatenate([np.delete(self._corners, parts, axis=0), corners[None]])
        return True

    def _read_again(self, index: int, new: _Reading) -> None:
        """Take in that a code was read again; of a linear one the higher polygon is kept."""
        known = self._readings[index]
        known.rows += new.rows
        if new.is_linear and new.height > known.height:
            known.code, known.corners, self._corners[index] = new.code, new.corners, new.corners

    def whole(self) -> list[Code]:
        """Return the codes, of several linear ones at one place the one that was read along the most rows.

        One is left out behind whose ends bars follow that are those of no other code: they are the rest of it.
        """
        return [reading.code for reading in self._readings if self._is_whole(reading) and not self._is_misread(reading)]

    def _is_whole(self, one: _Reading) -> bool:
        others = [reading for reading in self._readings if reading is not one] if one.behind else []
        return all(any(other.reaches(place) for other in others) for place in one.behind)

    def _is_misread(self, one: _Reading) -> bool:
        at = (self._readings[index] for index in self._at(one)) if one.is_linear else ()
        return any(other.rows > one.rows for other in at)

    def _at(self, one: _Reading) -> list[int]:
        """Return the indexes of the codes that are at the place of one, and one with it."""
        corners, middles = one.corners[None], self._corners.mean(axis=1)
        share_middle = _contain(self._corners, corners.mean(axis=1)) | _contain(corners, middles)
        return [
            index
            for index, reading in enumerate(self._readings)
            if (share_middle[index] and reading.is_one_with(one)) or reading.continues(one)
        ]


def _contain(corners: Matrix, points: Matrix) -> npt.NDArray[np.bool_]:
    """Return whether each polygon `(N, 4, 2)` contains its point `(N, 2)`; either may be a single one for all."""
    edges, offsets = np.roll(corners, -1, axis=1) - corners, points[:, None] - corners
    turns = edges[..., 0] * offsets[..., 1] - edges[..., 1] * offsets[..., 0]
    is_in_box = ((corners.min(axis=1) <= points) & (points <= corners.max(axis=1))).all(axis=1)
    is_on_one_side = (turns >= 0).all(axis=1) | (turns <= 0).all(axis=1)
    return is_in_box & is_on_one_side  # type: ignore[no-any-return]
