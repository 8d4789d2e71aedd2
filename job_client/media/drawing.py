"""Draws the results of a frame onto it: boxes with labels, polygons of text and codes with what they say."""

from collections.abc import Sequence

import cv2
import numpy as np

from job_client.media.fonts import FontFile
from job_client.media.labels import PALETTE, TEXT_COLOR, Labels
from shared.results import Box, Detection, FrameResult, Polygon, one_line
from shared.video.frame import Image

_FONT_SHARE = 40
"""A label is this fraction of the image's shorter side high."""
_LEAST_FONT_PIXELS = 11
_THIN, _THICK, _LARGE = 2, 4, 1080
"""Lines are thick where the shorter side has so many pixels."""


class Drawing:
    """Draws on images of one size.

    Args:
        width: Width of the images in pixels.
        height: Their height.
        fonts: More fonts, preferred to the packaged ones.
    """

    def __init__(self, width: int, height: int, fonts: Sequence[FontFile] = ()) -> None:
        shorter = min(width, height)
        self._thickness = _THIN if shorter < _LARGE else _THICK
        self._labels = Labels(max(_LEAST_FONT_PIXELS, shorter // _FONT_SHARE), fonts)

    def draw(self, image: Image, result: FrameResult) -> None:
        """Draw the objects, the lines of text and the codes of a frame.

        Args:
            image: `(H, W, 3)` uint8 BGR as it is displayed; changed in place.
            result: The frame's result.
        """
        texts = [(line.polygon, line.text) for line in result.text_lines]
        texts += [(code.polygon, one_line(code.text)) for code in result.codes]
        for found in result.detections:
            x1, y1, x2, y2 = map(int, found.box)
            cv2.rectangle(image, (x1, y1), (x2, y2), PALETTE[_class_color(found)][::-1], self._thickness)
        for polygon, _ in texts:
            corners = np.array(polygon).astype(np.int32)
            cv2.drawContours(image, [corners], 0, PALETTE[TEXT_COLOR][::-1], self._thickness)
        for found in result.detections:
            self._labels.paste(image, f"{found.label} {found.confidence:.2f}", _class_color(found), found.box)
        for polygon, text in texts:
            self._labels.paste(image, text, TEXT_COLOR, _extent(polygon))


def _class_color(found: Detection) -> int:
    return (found.class_id or 0) % TEXT_COLOR


def _extent(polygon: Polygon) -> Box:
    xs, ys = zip(*polygon, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
