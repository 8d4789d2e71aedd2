"""Draws the results of a frame onto it: boxes with labels, text polygons with their text."""

from collections.abc import Sequence

import numpy as np
import supervision as sv
from supervision.config import ORIENTED_BOX_COORDINATES

from job_client.media.fonts import FontFile
from job_client.media.labels import PALETTE, TEXT_COLOR, Labels
from shared.results import Box, Detection, FrameResult, Polygon, TextLine
from shared.video.frame import Image

_FONT_SHARE = 40
"""A label is this fraction of the image's shorter side high."""
_LEAST_FONT_PIXELS = 11


class Drawing:
    """Draws on images of one size.

    Args:
        width: Width of the images in pixels.
        height: Their height.
        fonts: More fonts, preferred to the packaged ones.
    """

    def __init__(self, width: int, height: int, fonts: Sequence[FontFile] = ()) -> None:
        thickness = sv.calculate_optimal_line_thickness((width, height))
        self._boxes = sv.BoxAnnotator(color=PALETTE, thickness=thickness)
        self._polygons = sv.OrientedBoxAnnotator(color=PALETTE, thickness=thickness)
        self._labels = Labels(max(_LEAST_FONT_PIXELS, min(width, height) // _FONT_SHARE), fonts)

    def draw(self, image: Image, result: FrameResult) -> None:
        """Draw the objects and the lines of text of a frame.

        Args:
            image: `(H, W, 3)` uint8 BGR as it is displayed; changed in place.
            result: The frame's result.
        """
        if result.detections:
            self._boxes.annotate(image, _boxes_of(result.detections))
        if result.text_lines:
            self._polygons.annotate(image, _polygons_of(result.text_lines))
        for found in result.detections:
            self._labels.paste(image, f"{found.label} {found.confidence:.2f}", _class_color(found), found.box)
        for line in result.text_lines:
            self._labels.paste(image, line.text, TEXT_COLOR, _extent(line.polygon))


def _class_color(found: Detection) -> int:
    return (found.class_id or 0) % TEXT_COLOR


def _boxes_of(detections: Sequence[Detection]) -> sv.Detections:
    return sv.Detections(
        xyxy=np.array([found.box for found in detections], dtype=np.float32),
        class_id=np.array([_class_color(found) for found in detections]),
    )


def _polygons_of(lines: Sequence[TextLine]) -> sv.Detections:
    return sv.Detections(
        xyxy=np.array([_extent(line.polygon) for line in lines], dtype=np.float32),
        class_id=np.full(len(lines), TEXT_COLOR),
        data={ORIENTED_BOX_COORDINATES: np.array([line.polygon for line in lines], dtype=np.float32)},
    )


def _extent(polygon: Polygon) -> Box:
    xs, ys = zip(*polygon, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
