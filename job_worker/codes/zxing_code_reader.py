"""Read codes with zxing-cpp: on the frame, and enlarged and upright wherever the image is full of edges."""

import base64
import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import zxingcpp
from zxingcpp import BarcodeFormat

from job_worker.codes.areas import Area, Matrix, areas_of_bars, areas_of_boxes, areas_of_edges
from job_worker.codes.base import is_full
from shared.results import Code, Detection, Polygon
from shared.results.coordinates import clockwise
from shared.video.image import MAX_WARP_SIDE_PIXELS, Image

MATRIX_FORMATS = (
    BarcodeFormat.QRCode, BarcodeFormat.MicroQRCode, BarcodeFormat.RMQRCode, BarcodeFormat.DataMatrix,
    BarcodeFormat.Aztec, BarcodeFormat.PDF417,
)  # fmt: skip
LINEAR_FORMATS = (
    BarcodeFormat.Code128, BarcodeFormat.Code39Std, BarcodeFormat.Code93, BarcodeFormat.Codabar, BarcodeFormat.EAN13,
    BarcodeFormat.EAN8, BarcodeFormat.UPCA, BarcodeFormat.UPCE, BarcodeFormat.ITF, BarcodeFormat.DataBar,
)  # fmt: skip
FORMATS = zxingcpp.BarcodeFormats([*MATRIX_FORMATS, *LINEAR_FORMATS])
BAR_FORMATS = zxingcpp.BarcodeFormats([BarcodeFormat.PDF417, *LINEAR_FORMATS])
MATRIX_NAMES = frozenset(matrix.name for matrix in MATRIX_FORMATS)

UNREADABLE = "\ufffd"
"""Stands in a text for bytes that are none in its encoding; where the encoding is unknown, the text is empty."""

CODE_LABELS = ("qr_code", "barcode")
"""Detections of these classes are read enlarged."""

MAX_PIXELS = 3840 * 2160
"""A larger frame is read shrunk to so many pixels, and a longer one to `MAX_WARP_SIDE_PIXELS`. The most hostile images
known take 20 seconds of CPU at this size: those full of QR finder patterns at one pixel a module."""
MAX_AREAS = 16
MAX_AREA_PIXELS = MAX_PIXELS
"""The pixels of all enlarged areas of a frame together. An area that would exceed them is read on the frame alone."""
MIN_BAND = 8
"""A linear code read along a lower band of pixels may be a part of a longer one, read aslant."""
MIN_ITF_BAND = 1 / 12
"""So may an ITF code along a band lower than so much of its length, for its ends look like bars within and it has no
checksum: a part of four digits is read along up to 0.06 of it."""

LONGER = 1.25
"""A linear code so many times as long as another one at its place is the whole, the other a part of it."""

MANY_CODES = 128
"""From so many codes on an image is read again in parts: zxing-cpp reads at most 255 in one call, older versions fewer,
and does not say whether there are more."""
PARTS_A_SIDE = 4
MAX_PARTS = 48
"""The most parts of a frame that are read: all of its parts, and the parts of two of these."""


class ZxingCodeReader:
    """Reads the codes in images.

    Args:
        concurrency: How many threads may use it at a time.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency

    def read(self, image: Image, detections: Iterable[Detection] = ()) -> list[Code]:
        """Read the codes in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            detections: What a detector found in it; codes among them are read enlarged first.

        Returns:
            The codes from top to bottom, polygons in pixels of `image`, until `is_full`.
        """
        grey: Any = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        shrunk = min(1.0, (MAX_PIXELS / grey.size) ** 0.5, MAX_WARP_SIDE_PIXELS / max(grey.shape))
        if min(grey.shape) * shrunk < 1:
            return []  # nothing would be left of its few rows or columns
        if shrunk < 1:
            grey = cv2.resize(grey, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        found = _Found()
        for code in _candidates(grey, _detected(detections, shrunk)):
            if found.add(code) and is_full(found.codes):
                break
        return sorted((_scaled(code, 1 / shrunk) for code in found.codes), key=_place_and_content)


class _Found:
    """The codes found so far in one image, each once.

    Attributes:
        codes: The codes.
    """

    def __init__(self) -> None:
        self.codes: list[Code] = []
        self._corners: Matrix = np.empty((0, 4, 2))

    def add(self, code: Code) -> bool:
        """Add a code unless it was found before; return whether it was added.

        A linear code takes the place of those that were read of parts of it.
        """
        corners = np.array(code.polygon)[None]
        same = [index for index in self._at(corners) if _are_one(self.codes[index], code)]
        if not all(_is_part(self.codes[index], code) for index in same):
            return False
        for index in reversed(same):
            del self.codes[index]
        self.codes.append(code)
        self._corners = np.concatenate([np.delete(self._corners, same, axis=0), corners])
        return True

    def _at(self, corners: Matrix) -> list[int]:
        """Return the indexes of the codes whose middle lies within these corners, or theirs within them."""
        middles, middle = self._corners.mean(axis=1), corners.mean(axis=1)
        shares: list[int] = np.flatnonzero(_contain(self._corners, middle) | _contain(corners, middles)).tolist()
        return shares


def _candidates(grey: Image, detected: list[Area]) -> Iterator[Code]:
    """Yield what is read, the most reliable first: enlarged and upright, then on the frame."""
    pixels = 0
    for area in [*detected, *areas_of_bars(grey), *areas_of_edges(grey)][:MAX_AREAS]:
        to_area, (width, height) = area.upright()
        if pixels + width * height > MAX_AREA_PIXELS:
            continue  # a smaller one may have room
        pixels += width * height
        enlarged: Any = cv2.warpAffine(
            grey, to_area, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        to_frame: Any = cv2.invertAffineTransform(to_area)
        yield from _codes(_bars(enlarged) if area.has_bars else _barcodes(enlarged), to_frame)
    yield from _read_in_parts(grey)


def _read_in_parts(grey: Image) -> Iterator[Code]:
    """Yield what is read on the frame, and in overlapping parts of what has many codes."""
    height, width = grey.shape
    waiting = deque([(0, 0, width, height)])
    for _ in range(1 + MAX_PARTS):
        if not waiting:
            break
        x1, y1, x2, y2 = part = waiting.popleft()
        barcodes = _barcodes(np.ascontiguousarray(grey[y1:y2, x1:x2]))
        yield from _codes(barcodes, np.array([[1.0, 0, x1], [0, 1, y1]]))
        if len(barcodes) >= MANY_CODES:
            waiting.extend(_parts(*part))


def _parts(x1: int, y1: int, x2: int, y2: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the parts of a part; they overlap by the mean distance of many codes."""
    overlap = math.isqrt((x2 - x1) * (y2 - y1) // MANY_CODES)
    columns, rows = (
        [begin + (end - begin) * index // PARTS_A_SIDE for index in range(PARTS_A_SIDE + 1)]
        for begin, end in ((x1, x2), (y1, y2))
    )
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield left, top, min(right + overlap, x2), min(bottom + overlap, y2)


def _detected(detections: Iterable[Detection], scale: float) -> list[Area]:
    boxes = (found.box for found in detections if found.label in CODE_LABELS)
    return areas_of_boxes((x1 * scale, y1 * scale, x2 * scale, y2 * scale) for x1, y1, x2, y2 in boxes)


def _barcodes(grey: Image) -> list[zxingcpp.Barcode]:
    return zxingcpp.read_barcodes(grey, formats=FORMATS, text_mode=zxingcpp.TextMode.Plain)


def _bars(upright: Image) -> list[zxingcpp.Barcode]:
    """Read the codes whose bars are upright, which is quicker than to look for all of them."""
    return zxingcpp.read_barcodes(
        upright, formats=BAR_FORMATS, text_mode=zxingcpp.TextMode.Plain, try_rotate=False, try_downscale=False
    )


def _codes(barcodes: Iterable[zxingcpp.Barcode], to_frame: Matrix) -> Iterator[Code]:
    for barcode in barcodes:
        at = barcode.position
        corners = [(p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)]
        on_frame = np.array(corners) @ to_frame[:, :2].T + to_frame[:, 2]
        is_matrix = barcode.format in MATRIX_FORMATS
        if barcode.bytes and (is_matrix or _is_whole(barcode.format, on_frame)):
            first, second, third, fourth = ((float(x), float(y)) for x, y in on_frame)
            polygon = (first, second, third, fourth)
            yield Code(
                format=barcode.format.name.removesuffix("Std"),
                text=barcode.text,
                bytes=_binary(barcode),
                polygon=polygon if is_matrix else _from_its_top(polygon),
            )


def _is_whole(linear: BarcodeFormat, corners: Matrix) -> bool:
    """Return whether the pixels that a linear code was read along are too high a band for a part of a longer code."""
    length, band = (float(np.linalg.norm(corners[corner] - corners[0])) for corner in (1, 3))
    return band >= max(MIN_BAND, length * MIN_ITF_BAND if linear == BarcodeFormat.ITF else 0)


def _from_its_top(polygon: Polygon) -> Polygon:
    """Return the corners of a linear code from its own top left; its first two lie in reading direction."""
    first, second, third, fourth = polygon
    return polygon if clockwise(polygon) == polygon else (fourth, third, second, first)


def _binary(barcode: zxingcpp.Barcode) -> str | None:
    """Return the content as base64 where it is no text, or the text does not say all of it."""
    is_text = barcode.content_type in (zxingcpp.ContentType.Text, zxingcpp.ContentType.GS1)
    is_complete = bool(barcode.text) and UNREADABLE not in barcode.text
    return None if is_text and is_complete else base64.b64encode(barcode.bytes).decode()


def _contain(corners: Matrix, points: Matrix) -> npt.NDArray[np.bool_]:
    """Return whether each polygon `(N, 4, 2)` contains its point `(N, 2)`; either may be a single one for all."""
    edges, offsets = np.roll(corners, -1, axis=1) - corners, points[:, None] - corners
    turns = edges[..., 0] * offsets[..., 1] - edges[..., 1] * offsets[..., 0]
    is_in_box = ((corners.min(axis=1) <= points) & (points <= corners.max(axis=1))).all(axis=1)
    is_on_one_side = (turns >= 0).all(axis=1) | (turns <= 0).all(axis=1)
    return is_in_box & is_on_one_side  # type: ignore[no-any-return]


def _are_one(one: Code, other: Code) -> bool:
    """Return whether two codes at one place are one: they say the same, or are linear, for those cannot be nested."""
    return _content(one) == _content(other) or not {one.format, other.format} & MATRIX_NAMES


def _is_part(one: Code, whole: Code) -> bool:
    return _content(one) != _content(whole) and _length(whole) >= LONGER * _length(one)


def _content(code: Code) -> tuple[str, str, str | None]:
    return code.format, code.text, code.bytes


def _length(code: Code) -> float:
    return math.dist(code.polygon[0], code.polygon[1])


def _place_and_content(code: Code) -> tuple[Any, ...]:
    """Return what codes are sorted by: the top and the left of their box, then what they say."""
    columns, rows = zip(*code.polygon, strict=True)
    return min(rows), min(columns), code.text, code.format, code.bytes or "", code.polygon


def _scaled(code: Code, scale: float) -> Code:
    first, second, third, fourth = ((x * scale, y * scale) for x, y in code.polygon)
    return msgspec.structs.replace(code, polygon=(first, second, third, fourth))
