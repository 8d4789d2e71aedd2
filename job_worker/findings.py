"""What is found in one frame, and the one place that turns it into the `result` that clients get."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from shared.video.frame import Frame, Image

__all__ = ["Box", "Detection", "Point", "Polygon", "TextLine", "frame_result", "one_line", "picture_result"]

Point = tuple[float, float]
"""`(x, y)` in pixels of the frame, origin top left, x to the right, y down."""

Box = tuple[float, float, float, float]
"""`(x1, y1, x2, y2)` in pixels of the frame: top left and bottom right corner."""

Polygon = tuple[Point, Point, Point, Point]
"""Four corners, clockwise from the top left of what is framed."""

_CORNERS = 4

# Control characters, lone surrogates and the two Unicode line ends: none may stand inside one line of JSON text.
_BREAKING_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found.

    Attributes:
        label: The class in words, as the model names it.
        class_id: The model's number for the class.
        confidence: How sure the model is, 0 to 1.
        box: `(x1, y1, x2, y2)` in pixels of the frame, `x1 <= x2` and `y1 <= y2`.

    Raises:
        ValueError: A value is outside what is stated above.
    """

    label: str
    class_id: int
    confidence: float
    box: Box

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        _require(bool(self.label), "a label is empty")
        _require(self.class_id >= 0, "a class number is negative")
        _require_confidence(self.confidence)
        _require_finite(self.box)
        _require(x1 <= x2 and y1 <= y2, "a box has its corners in the wrong order")


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text read.

    Attributes:
        text: The characters, never empty; what would break the line (`one_line`) is replaced at construction.
        confidence: How sure the model is, 0 to 1.
        polygon: The line's four corners, clockwise from its own top left, in pixels of the frame.

    Raises:
        ValueError: A value is outside what is stated above.
    """

    text: str
    confidence: float
    polygon: Polygon

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))
        _require(bool(self.text), "a line of text is empty")
        _require_confidence(self.confidence)
        _require(len(self.polygon) == _CORNERS, "a polygon has not four corners")
        _require_finite([value for point in self.polygon for value in point])


def one_line(text: str) -> str:
    """Make recognised text fit to be one line of JSON text.

    Args:
        text: What a model read.

    Returns:
        The text with control characters, line ends and lone surrogates as spaces, without spaces at its ends.
    """
    return "".join(" " if unicodedata.category(char) in _BREAKING_CATEGORIES else char for char in text).strip()


def picture_result(
    image: Image, detections: Sequence[Detection] | None = None, text_lines: Sequence[TextLine] | None = None
) -> dict[str, object]:
    """Turn what was found in a picture into the part of a frame's `result` that the picture decides, ready for JSON.

    Args:
        image: `(H, W, 3)`: the size that coordinates are clipped to.
        detections: The objects in their order, or None where objects were not looked for.
        text_lines: The text in reading order, or None where text was not looked for.

    Returns:
        `detections` and/or `text` and `text_lines`, as looked for. Nothing found is `[]` and `""`.
    """
    result: dict[str, object] = {}
    if detections is not None:
        result["detections"] = [_detection_entry(detection, image) for detection in detections]
    if text_lines is not None:
        result["text"] = "\n".join(line.text for line in text_lines)
        result["text_lines"] = [_text_line_entry(line, image) for line in text_lines]
    return result


def frame_result(frame: Frame, of_picture: dict[str, object]) -> dict[str, object]:
    """Complete a frame's `result`, ready for JSON.

    Args:
        frame: The frame.
        of_picture: What was found in its picture.

    Returns:
        That, and the frame's `timestamp_ms`.

    Raises:
        ValueError: The timestamp is not a finite number.
    """
    _require_finite([frame.timestamp_ms])
    return {**of_picture, "timestamp_ms": _rounded(frame.timestamp_ms, 1)}


def _detection_entry(detection: Detection, image: Image) -> dict[str, object]:
    x1, y1, x2, y2 = detection.box
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "confidence": _rounded(detection.confidence, 4),
        "box": [*_pixel((x1, y1), image), *_pixel((x2, y2), image)],
    }


def _text_line_entry(line: TextLine, image: Image) -> dict[str, object]:
    return {
        "text": line.text,
        "confidence": _rounded(line.confidence, 4),
        "polygon": [_pixel(point, image) for point in _clockwise(line.polygon)],
    }


def _clockwise(polygon: Polygon) -> Polygon:
    # The shoelace formula: with y down, a positive area is clockwise.
    first, second, third, fourth = polygon
    edges = zip(polygon, (second, third, fourth, first), strict=True)
    area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in edges)
    return polygon if area >= 0 else (first, fourth, third, second)


def _pixel(point: Point, image: Image) -> list[float]:
    height, width = image.shape[:2]
    return [_rounded(min(max(value, 0), limit), 1) for value, limit in zip(point, (width, height), strict=True)]


def _rounded(value: float, digits: int) -> float:
    return round(float(value), digits) + 0.0  # adding zero turns -0.0 into 0.0


def _require_confidence(confidence: float) -> None:
    _require(0 <= confidence <= 1, "a confidence is not between 0 and 1")  # refuses NaN too


def _require_finite(values: Sequence[float]) -> None:
    _require(all(math.isfinite(value) for value in values), "a coordinate or time is not a finite number")


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise ValueError(problem)
