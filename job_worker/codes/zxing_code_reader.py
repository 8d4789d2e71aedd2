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
import zxingcpp
from zxingcpp import BarcodeFormat

from job_worker.codes.areas import Area, Matrix, areas_of_bars, areas_of_boxes, areas_of_edges
from job_worker.codes.base import is_full
from job_worker.codes.ends import bars_behind
from job_worker.codes.found import FoundCodes
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
UNCHECKED_MODULES = {"ITF": (8, 8), "Codabar": (11, 0), "Code39": (14, 28), "UPCE": (0, 51)}
"""About how many modules the linear codes have whose length nothing checks: for each character, and besides."""

CODE_LABELS = ("qr_code", "barcode")
"""Detections of these classes are read enlarged."""

MAX_PIXELS = 3840 * 2160
"""A larger frame is read shrunk to so many pixels, and a longer one to `MAX_WARP_SIDE_PIXELS`. The most hostile images
known, full of QR finder patterns at one pixel a module, take less than 50 seconds of CPU at this size."""
MAX_AREAS = 64
MAX_AREA_PIXELS = 2 * MAX_PIXELS
"""The pixels of all enlarged areas of a frame together. An area that would exceed them is read on the frame alone."""
MIN_BAND = 8
"""A linear code read along a lower band of pixels may be a part of a longer one, read aslant."""
MIN_ITF_BAND = 1 / 12
"""So may an ITF code along a band lower than so much of its length, for its ends look like bars within and it has no
checksum: a part of four digits is read along up to 0.06 of it."""

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
        found = FoundCodes()
        for code in _candidates(grey, _detected(detections, shrunk)):
            behind = _bars_behind(grey, code)
            is_new = behind is not None and found.add(code, behind, is_linear=code.format not in MATRIX_NAMES)
            if is_new and is_full(found.all):  # with those that `whole` leaves out, as they take time and memory too
                break
        return sorted((_scaled(code, 1 / shrunk) for code in found.whole()), key=_place_and_content)


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
            text, binary = _text_and_bytes(barcode)
            yield Code(
                format=barcode.format.name.removesuffix("Std"),
                text=text,
                bytes=binary,
                polygon=polygon if is_matrix else _from_its_top(polygon),
            )


def _is_whole(linear: BarcodeFormat, corners: Matrix) -> bool:
    """Return whether the pixels that a linear code was read along are too high a band for a part of a longer code."""
    length, band = (float(np.linalg.norm(corners[corner] - corners[0])) for corner in (1, 3))
    return band >= max(MIN_BAND, length * MIN_ITF_BAND if linear == BarcodeFormat.ITF else 0)


def _bars_behind(grey: Image, code: Code) -> list[Matrix] | None:
    """Return where bars follow behind a code whose length nothing checks; None where it does not end there."""
    if code.format not in UNCHECKED_MODULES:
        return []
    a_character, besides = UNCHECKED_MODULES[code.format]
    return bars_behind(grey, np.array(code.polygon), a_character * len(code.text) + besides)


def _from_its_top(polygon: Polygon) -> Polygon:
    """Return the corners of a linear code from its own top left; its first two lie in reading direction."""
    first, second, third, fourth = polygon
    return polygon if clockwise(polygon) == polygon else (fourth, third, second, first)


def _text_and_bytes(barcode: zxingcpp.Barcode) -> tuple[str, str | None]:
    """Return the content as text, and as base64 unless it is plainly that text.

    Whether a matrix code names its encoding, zxing-cpp does not tell: all but ASCII and UTF-8 may be a guess.
    """
    text, content = barcode.text, barcode.bytes
    if text and (barcode.format not in MATRIX_FORMATS or text.encode(errors="surrogatepass") == content):
        return text, None
    if _is_mistaken_for_japanese(text):
        text = content.decode("cp1252", errors="replace")
    return text, base64.b64encode(content).decode()


def _is_mistaken_for_japanese(text: str) -> bool:
    """Return whether the only characters of a text beyond ASCII are half-width katakana: it is a Western one."""
    beyond = [char for char in text if not char.isascii()]
    return bool(beyond) and all("\uff61" <= char <= "\uff9f" for char in beyond)


def _place_and_content(code: Code) -> tuple[Any, ...]:
    """Return what codes are sorted by: the top and the left of their box, then what they say."""
    columns, rows = zip(*code.polygon, strict=True)
    return min(rows), min(columns), code.text, code.format, code.bytes or "", code.polygon


def _scaled(code: Code, scale: float) -> Code:
    first, second, third, fourth = ((x * scale, y * scale) for x, y in code.polygon)
    return msgspec.structs.replace(code, polygon=(first, second, third, fourth))
