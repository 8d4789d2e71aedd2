"""Reads codes with zxing-cpp: on the frame, and enlarged and upright wherever the image is full of edges."""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp
from zxingcpp import BarcodeFormat

from shared.results import Code, Detection, Polygon
from shared.video.frame import Image

MATRIX_FORMATS = (
    BarcodeFormat.QRCode, BarcodeFormat.MicroQRCode, BarcodeFormat.RMQRCode, BarcodeFormat.DataMatrix,
    BarcodeFormat.Aztec, BarcodeFormat.PDF417,
)  # fmt: skip
LINEAR_FORMATS = (
    BarcodeFormat.Code128, BarcodeFormat.Code39Std, BarcodeFormat.Code93, BarcodeFormat.Codabar, BarcodeFormat.EAN13,
    BarcodeFormat.EAN8, BarcodeFormat.UPCA, BarcodeFormat.UPCE, BarcodeFormat.ITF, BarcodeFormat.DataBar,
)  # fmt: skip
FORMATS = zxingcpp.BarcodeFormats([*MATRIX_FORMATS, *LINEAR_FORMATS])

CODE_LABELS = ("qr_code", "barcode")
"""Detections of these classes are read enlarged."""

MAX_PIXELS = 3840 * 2160
"""A larger frame is read shrunk to so many pixels: hostile images take five seconds at this size."""
MAX_SIDE = 2**15 - 2
"""So is a longer one to this side in pixels: OpenCV warps none that is larger, for its coordinates have 16 bits."""
MAX_AREAS = 16
MAX_AREA_SIDE = 1200
"""The longer side of an enlarged area in pixels. Together they bound the time of one frame."""
ENLARGED = 3.0
"""At two pixels a module and blurred, codes are read at three times their size that are not at twice."""
MARGIN = 8
"""Pixels around an area, for the quiet zone."""
EDGE_WINDOW = 17
"""Edges are counted in squares of so many pixels, wider than the gaps within a code."""
LEAST_SIDE = 16
"""The least side of an area in pixels: what is smaller holds no code of two pixels a module."""
LEAST_BAND = 8
"""A linear code read along a lower band of pixels may be a part of a longer one, read aslant."""

MAX_CODES = 1000
MAX_CONTENT_BYTES = 300_000
"""Together these keep a frame's result below what a server takes."""

_Matrix = npt.NDArray[np.float64]
_Rectangle = tuple[tuple[float, float], tuple[float, float], float]
"""Centre, size and turn in degrees, as OpenCV has it."""


class ZxingCodeReader:
    """Reads the codes in images.

    Args:
        concurrency: How many threads may use it at a time.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency

    def read(self, image: Image, detections: Iterable[Detection] = ()) -> list[Code]:
        """Read the codes in one image; see `CodeReader.read`."""
        grey: Any = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        shrunk = min(1.0, (MAX_PIXELS / grey.size) ** 0.5, MAX_SIDE / max(grey.shape))
        if min(grey.shape) * shrunk < 1:
            return []  # nothing would be left of its few rows or columns
        if shrunk < 1:
            grey = cv2.resize(grey, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        found: list[Code] = []
        for code in _candidates(grey, _detected(detections, shrunk)):
            if not any(_share_a_place(code, other) for other in found):
                found.append(code)
        whole = [_scaled(code, 1 / shrunk) for code in found]
        return _within_limits(sorted(whole, key=lambda code: (code.polygon[0][::-1], code.format, code.text)))


def _candidates(grey: Image, detected: list[_Rectangle]) -> Iterator[Code]:
    """Yield what is read, the most reliable first: enlarged and upright, then on the frame."""
    for area in [*detected, *_full_of_edges(grey)][:MAX_AREAS]:
        to_area, (width, height) = _upright(area)
        enlarged: Any = cv2.warpAffine(
            grey, to_area, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        to_frame: Any = cv2.invertAffineTransform(to_area)
        yield from _read(enlarged, to_frame)
    yield from _read(grey, np.eye(2, 3))


def _full_of_edges(grey: Image) -> list[_Rectangle]:
    """Return the areas with many edges, as those of codes, the largest first."""
    across, down = cv2.Scharr(grey, cv2.CV_16S, 1, 0), cv2.Scharr(grey, cv2.CV_16S, 0, 1)
    slopes = [cv2.convertScaleAbs(slope, alpha=1 / 16) for slope in (across, down)]
    dense = cv2.blur(cv2.addWeighted(slopes[0], 0.5, slopes[1], 0.5, 0), (EDGE_WINDOW, EDGE_WINDOW))
    _, mask = cv2.threshold(dense, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas: list[_Rectangle] = [cv2.minAreaRect(outline) for outline in outlines]  # type: ignore[misc]
    large = [area for area in areas if min(area[1]) >= LEAST_SIDE]
    return sorted(large, key=lambda area: (-area[1][0] * area[1][1], area))


def _detected(detections: Iterable[Detection], scale: float) -> list[_Rectangle]:
    boxes = [[value * scale for value in found.box] for found in detections if found.label in CODE_LABELS]
    return [(((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1, y2 - y1), 0.0) for x1, y1, x2, y2 in boxes]


def _upright(area: _Rectangle) -> tuple[_Matrix, tuple[int, int]]:
    """Return the transform that enlarges an area and turns it upright, and the size of its image."""
    (x, y), (width, height), degrees = area
    width, height = width + 2 * MARGIN, height + 2 * MARGIN
    scale = min(ENLARGED, MAX_AREA_SIDE / max(width, height))
    to_area: Any = cv2.getRotationMatrix2D((x, y), degrees, scale)
    to_area[:, 2] += (width * scale / 2 - x, height * scale / 2 - y)
    return to_area, (max(1, int(width * scale)), max(1, int(height * scale)))


def _read(grey: Image, to_frame: _Matrix) -> Iterator[Code]:
    for barcode in zxingcpp.read_barcodes(grey, formats=FORMATS, text_mode=zxingcpp.TextMode.Plain):
        place = barcode.position
        corners = [(p.x, p.y) for p in (place.top_left, place.top_right, place.bottom_right, place.bottom_left)]
        on_frame = np.array(corners) @ to_frame[:, :2].T + to_frame[:, 2]
        band = np.linalg.norm(on_frame[3] - on_frame[0])
        if barcode.bytes and (barcode.format in MATRIX_FORMATS or band >= LEAST_BAND):
            first, second, third, fourth = ((float(x), float(y)) for x, y in on_frame)
            yield Code(
                format=barcode.format.name.removesuffix("Std"),
                text=barcode.text,
                bytes=_binary(barcode),
                polygon=(first, second, third, fourth),
            )


def _binary(barcode: zxingcpp.Barcode) -> str | None:
    """Return the content as base64 where it is no text."""
    is_text = barcode.content_type in (zxingcpp.ContentType.Text, zxingcpp.ContentType.GS1)
    return None if is_text else base64.b64encode(barcode.bytes).decode()


def _share_a_place(one: Code, other: Code) -> bool:
    """Return whether the middle of one code lies within the other."""
    return _contains(one.polygon, other.polygon) or _contains(other.polygon, one.polygon)


def _contains(outer: Polygon, inner: Polygon) -> bool:
    x, y = np.mean(inner, axis=0).tolist()
    return cv2.pointPolygonTest(np.array(outer, np.float32), (x, y), measureDist=False) >= 0


def _scaled(code: Code, scale: float) -> Code:
    first, second, third, fourth = ((x * scale, y * scale) for x, y in code.polygon)
    return Code(format=code.format, text=code.text, bytes=code.bytes, polygon=(first, second, third, fourth))


def _within_limits(codes: list[Code]) -> list[Code]:
    """Return the codes without those whose contents would make the result too large."""
    kept, size = [], 0
    for code in codes[:MAX_CODES]:
        size += len(code.text.encode()) * 2 + len(code.bytes or "")
        if size <= MAX_CONTENT_BYTES:
            kept.append(code)
    return kept
