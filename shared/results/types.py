"""What is found in one image. A new field stands here and in the engine that fills it."""

import math
import unicodedata
from collections.abc import Iterable, Sequence

import msgspec

from shared.results.coordinates import Box, Polygon, clipped, clockwise, rounded

CONFIDENCE_DIGITS = 4

# Control characters, lone surrogates and the two Unicode line ends: none may stand inside one line of JSON text.
_BREAKING_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Detection(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One object found.

    Attributes:
        label: The class, as the model names it; never empty.
        class_id: The model's number for the class; None where a plugin states none.
        confidence: The model's confidence, 0 to 1.
        box: `(x1, y1, x2, y2)` in pixels of the frame, `x1 <= x2` and `y1 <= y2`.
    """

    label: str
    class_id: int | None = None
    confidence: float
    box: Box

    def within(self, width: int, height: int) -> "Detection":
        """Return it as it is stored: clipped to an image of this size in pixels, rounded.

        Raises:
            ValueError: A value is outside what is stated above.
        """
        x1, y1, x2, y2 = self.box
        _require(bool(self.label), "a label is empty")
        _require(self.class_id is None or self.class_id >= 0, "a class number is negative")
        _require_confidence(self.confidence)
        _require_finite(self.box)
        _require(x1 <= x2 and y1 <= y2, "a box has its corners in the wrong order")
        box = (*clipped((x1, y1), width, height), *clipped((x2, y2), width, height))
        return msgspec.structs.replace(self, confidence=rounded(self.confidence, CONFIDENCE_DIGITS), box=box)


class Code(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One QR code, barcode or the like, read.

    Attributes:
        format: Its kind, as zxing-cpp names it: `QRCode`, `EAN13`.
        text: The content, which may hold line ends; of a binary one what its bytes are in ISO 8859-1.
        bytes: The content in base64 where it is no text, or one whose encoding may be a guess; else None.
        polygon: Its four corners, clockwise, in pixels of the frame.
    """

    format: str
    text: str
    bytes: str | None = None
    polygon: Polygon

    def within(self, width: int, height: int) -> "Code":
        """Return it as it is stored: corners clockwise, clipped to an image of this size in pixels, rounded.

        Raises:
            ValueError: A value is outside what is stated above.
        """
        _require(bool(self.format), "a code has no format")
        return msgspec.structs.replace(self, polygon=_polygon_within(self.polygon, width, height))


class TextLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of text read.

    Attributes:
        text: The characters; never empty, never more than one line.
        confidence: The model's confidence, 0 to 1.
        polygon: The line's four corners, clockwise from its own top left, in pixels of the frame.
    """

    text: str
    confidence: float
    polygon: Polygon

    def within(self, width: int, height: int) -> "TextLine":
        """Return it as it is stored: one line of text, corners clockwise, clipped to an image of this size, rounded.

        Raises:
            ValueError: A value is outside what is stated above.
        """
        text = one_line(self.text)
        _require(bool(text), "a line of text is empty")
        _require_confidence(self.confidence)
        confidence = rounded(self.confidence, CONFIDENCE_DIGITS)
        return msgspec.structs.replace(
            self, text=text, confidence=confidence, polygon=_polygon_within(self.polygon, width, height)
        )


class ImageResult(msgspec.Struct, frozen=True):
    """What the built-in pipelines find in an image, as it is stored.

    Attributes:
        detections: The objects; unset where none were looked for.
        text: The lines of text, joined by line ends; unset where no text was looked for.
        text_lines: The lines in reading order; unset where no text was looked for.
        codes: The codes, from top to bottom; unset where none were looked for.
    """

    detections: tuple[Detection, ...] | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    text_lines: tuple[TextLine, ...] | msgspec.UnsetType = msgspec.UNSET
    codes: tuple[Code, ...] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(
        cls,
        width: int,
        height: int,
        detections: Sequence[Detection] | None = None,
        text_lines: Sequence[TextLine] | None = None,
        codes: Sequence[Code] | None = None,
    ) -> "ImageResult":
        """Return what was found, clipped to the image and rounded.

        Args:
            width: Of the image, in pixels.
            height: Of the image, in pixels.
            detections: The objects in their order; None where none were looked for.
            text_lines: The text in reading order; None where no text was looked for.
            codes: The codes from top to bottom; None where none were looked for.

        Raises:
            ValueError: A value is outside what its type states.
        """
        objects = None if detections is None else tuple(found.within(width, height) for found in detections)
        lines = None if text_lines is None else tuple(line.within(width, height) for line in text_lines)
        return cls(
            detections=msgspec.UNSET if objects is None else objects,
            text=msgspec.UNSET if lines is None else "\n".join(line.text for line in lines),
            text_lines=msgspec.UNSET if lines is None else lines,
            codes=msgspec.UNSET if codes is None else tuple(code.within(width, height) for code in codes),
        )


def one_line(text: str) -> str:
    """Return recognised text with control characters, line ends and lone surrogates as spaces, stripped."""
    return "".join(" " if unicodedata.category(char) in _BREAKING_CATEGORIES else char for char in text).strip()


def _polygon_within(polygon: Polygon, width: int, height: int) -> Polygon:
    _require_finite(value for point in polygon for value in point)
    first, second, third, fourth = (clipped(point, width, height) for point in clockwise(polygon))
    return first, second, third, fourth


def _require_confidence(confidence: float) -> None:
    _require(0 <= confidence <= 1, "a confidence is not between 0 and 1")  # refuses NaN too


def _require_finite(values: Iterable[float]) -> None:
    _require(all(map(math.isfinite, values)), "a coordinate or time is not a finite number")


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise ValueError(problem)
