"""The results of a frame, drawn onto it: boxes with labels, polygons of text and codes with what they say."""

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from job_client.media.fonts import FontFile
from job_client.media.labels import PALETTE, TEXT_COLOR, Labels
from job_client.media.placement import Placement
from job_client.media.selection import DrawnFrame
from job_client.timeline.geometry import area, enclosing_box
from shared.results import Box, Detection, Polygon
from shared.video.image import Image

_SIDE_PER_FONT = 40
"""How many times the image's shorter side is as long as a label is high."""
_MIN_FONT_PIXELS = 11
_THIN, _THICK, _LARGE = 2, 4, 1080
"""Lines are thick where the shorter side has so many pixels."""
_MAX_PIXELS = 1 << 15
"""The farthest coordinate that is drawn: beyond any image, and within the 32 bits that OpenCV takes."""


class Drawing:
    """What draws on images of one size.

    Args:
        width: Width of the images in pixels.
        height: Their height.
        fonts: More fonts, preferred to the packaged ones.
    """

    def __init__(self, width: int, height: int, fonts: Sequence[FontFile] = ()) -> None:
        shorter = min(width, height)
        self._thickness = _THIN if shorter < _LARGE else _THICK
        self._font_pixels = max(_MIN_FONT_PIXELS, shorter // _SIDE_PER_FONT)
        self._labels = Labels(self._font_pixels, fonts)

    def draw(self, image: Image, frame: DrawnFrame) -> None:
        """Draw the objects, the lines of text and the codes of a frame, and label what does not say itself what it is.

        Args:
            image: `(H, W, 3)` uint8 BGR as it is displayed; changed in place.
            frame: What to draw.
        """
        result, height, width = frame.result, *image.shape[:2]
        polygons = [*(line.polygon for line in result.text_lines), *(code.polygon for code in result.codes)]
        for polygon in polygons:
            cv2.drawContours(image, [_corners(polygon)], 0, PALETTE[TEXT_COLOR][::-1], self._thickness)
        for found in result.detections:
            first, last = _corners(found.box).tolist()
            cv2.rectangle(image, first, last, PALETTE[_class_color(found)][::-1], self._thickness)
        boxes = [found.box for found in result.detections]
        placement = Placement(width, height, [*map(enclosing_box, polygons)], boxes)
        for text, color, box in self._labels_of(frame):
            self._labels.paste(image, text, color, box, placement)

    def _labels_of(self, frame: DrawnFrame) -> Iterator[tuple[str, int, Box]]:
        """Yield what each label says, its colour and what it names: the largest objects first, which are in front."""
        objects = zip(frame.result.detections, frame.track_ids, strict=True)
        for found, number in sorted(objects, key=lambda entry: -area(entry[0].box)):
            name = found.label if number is None else f"{found.label} #{number}"
            yield f"{name} {found.confidence:.2f}", _class_color(found), found.box
        can_be_read = {line.text for line in frame.result.text_lines}
        for line in frame.result.text_lines:
            if _height(line.polygon) < self._font_pixels:
                yield line.text, TEXT_COLOR, enclosing_box(line.polygon)
        for code in frame.result.codes:
            if code.text not in can_be_read:
                yield code.text, TEXT_COLOR, enclosing_box(code.polygon)


def _class_color(found: Detection) -> int:
    return (found.class_id or 0) % TEXT_COLOR


def _corners(coordinates: Box | Polygon) -> npt.NDArray[np.int32]:
    """Return corners, `(N, 2)`, in whole pixels that OpenCV can draw."""
    return np.clip(np.reshape(coordinates, (-1, 2)), -_MAX_PIXELS, _MAX_PIXELS).astype(np.int32)


def _height(polygon: Polygon) -> float:
    """Return how high the characters of a line are, in pixels."""
    return math.dist(polygon[0], polygon[3])
