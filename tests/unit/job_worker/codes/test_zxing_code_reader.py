"""Codes are read as they are drawn, wherever and however they lie; no image takes long."""

import base64
import math
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import segno
import zxingcpp
from zxingcpp import BarcodeFormat

from job_worker.codes.base import MAX_CODES
from job_worker.codes.zxing_code_reader import MAX_AREAS, MAX_PARTS, ZxingCodeReader
from shared.results import MAX_FRAME_BYTES, Code, Detection, ImageResult, encode_frame
from shared.video.image import Image
from shared.video.reader import VideoReader
from tests.support.code_clip import FORMATS, CodedFrame, coded_frame, large_coded_frame
from training.sample_video import ACT_FRAMES, SAMPLE

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

LEAST_READ = 0.95


def drawn(content: str | bytes, pixels: int = 4, kind: BarcodeFormat = BarcodeFormat.QRCode) -> Image:
    """Return a code with its quiet zone, its modules so many pixels wide."""
    code = zxingcpp.create_barcode(content, kind)
    return cv2.cvtColor(np.array(code.to_image(scale=pixels)), cv2.COLOR_GRAY2BGR)


def bars(content: str, kind: BarcodeFormat) -> Image:
    """Return one row of a linear code."""
    code = drawn(content, 2, kind)
    return code[len(code) // 3][None]


def sheet(count: int, width: int, height: int, kind: BarcodeFormat) -> Image:
    """Return a white frame of so many small codes in rows, which say their numbers."""
    image = np.full((height, width, 3), 255, np.uint8)
    side = len(drawn("00000", 2, kind)) + 4
    for number in range(count):
        row, column = divmod(number, width // side)
        code = drawn(f"{number:05d}", 2, kind)
        image[row * side :, column * side :][: len(code), : len(code)] = code
    return image


def on_grey(*codes: tuple[Image, int, int], size: tuple[int, int] = (400, 600)) -> Image:
    image = np.full((*size, 3), 128, np.uint8)
    for code, x, y in codes:
        image[y : y + code.shape[0], x : x + code.shape[1]] = code
    return image


def on_label(code: Image, degrees: float) -> Image:
    """Return a grey frame with an upright white label, and on it a code that is turned."""
    height, width = code.shape[:2]
    side = math.ceil(math.hypot(width, height))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += ((side - width) / 2, (side - height) / 2)
    label = cv2.warpAffine(code, turn, (side, side), borderValue=(255, 255, 255))
    return on_grey((label.astype(np.uint8), 40, 40), size=(side + 80, side + 80))


def read(image: Image, *detections: Detection) -> list[Code]:
    return ZxingCodeReader(1).read(image, detections)


@pytest.mark.thorough
@pytest.mark.parametrize("draw", [coded_frame, large_coded_frame])
@pytest.mark.parametrize("frames", [20, pytest.param(200, marks=pytest.mark.corpus)])
def test_of_codes_of_ten_kinds_turned_and_blurred_nearly_all_are_read_and_none_wrongly(
    frames: int, draw: Callable[[int], CodedFrame]
) -> None:
    right = 0
    for frame in map(draw, range(frames)):
        found = [(code.format, code.text) for code in read(frame.image)]
        assert found in ([], [(frame.format, frame.text)])
        right += len(found)
    assert len(FORMATS) == 10
    assert right >= LEAST_READ * frames


def test_every_code_of_a_frame_is_read_once_where_it_is_from_top_to_bottom() -> None:
    above, below = drawn("above"), drawn("below\nline")
    image = on_grey((below, 60, 220), (above, 300, 40))
    found = read(image)
    assert [(code.format, code.text) for code in found] == [("QRCode", "above"), ("QRCode", "below\nline")]
    quiet = 4 * 4  # modules, pixels
    expected = [(300 + quiet, 40 + quiet), (300 + above.shape[1] - quiet, 40 + above.shape[0] - quiet)]
    assert np.abs(np.array(found[0].polygon)[[0, 2]] - expected).max() <= 3
    assert found == read(image)


def test_linear_codes_too_are_in_order_and_their_polygons_begin_at_their_own_top_left() -> None:
    above = drawn("ABC-12345", 3, BarcodeFormat.Code128)
    image = on_grey((above, 40, 40), (drawn("second", 3), 700, 100), size=(720, 1280))
    found = read(image)
    assert [code.format for code in found] == ["Code128", "QRCode"]
    turned = next(code for code in read(np.ascontiguousarray(image[::-1, ::-1])) if code.format == "Code128")
    for code, is_turned in ((found[0], False), (turned, True)):
        [(left, top), (right, _), (_, bottom), _] = code.polygon
        assert (left < right, top < bottom) == (not is_turned, not is_turned)


def test_a_code_within_another_one_of_another_kind_is_read_too() -> None:
    outer, inner = drawn("outer " * 6, 12), drawn("inner", 5, BarcodeFormat.DataMatrix)
    begin = (len(outer) - len(inner)) // 2
    outer[begin : begin + len(inner), begin : begin + len(inner)] = inner
    found = read(on_grey((outer, 20, 20), size=(len(outer) + 40, len(outer) + 40)))
    assert [(code.format, code.text) for code in found] == [("QRCode", "outer " * 6), ("DataMatrix", "inner")]


def test_of_linear_codes_at_one_place_the_longest_is_kept() -> None:
    whole, part = (bars(content, BarcodeFormat.ITF) for content in ("12345678901234", "123456"))
    image = on_grey((np.repeat(whole, 120, axis=0), 40, 140))
    left = 40 + (whole.shape[1] - part.shape[1]) // 2
    right = left + part.shape[1]
    image[180:220, left:right] = part
    seen = Detection(label="barcode", confidence=0.9, box=(left + 8, 190, right - 8, 210))
    assert [code.text for code in read(image[180:220, left:right])] == ["123456"]
    assert [code.text for code in read(image, seen)] == ["12345678901234"]


@pytest.mark.parametrize("degrees", [20, 30, 60])
@pytest.mark.parametrize(("content", "pixels"), [("1234567890", 6), ("12345678901231", 8)])
def test_no_part_of_the_digits_of_a_turned_code_is_taken_for_a_code(content: str, pixels: int, degrees: int) -> None:
    found = read(on_label(drawn(content, pixels, BarcodeFormat.ITF), degrees))
    assert [code.text for code in found] == [content]


@pytest.mark.parametrize("degrees", [0, 15, 75])
def test_a_code_that_slides_into_the_frame_is_read_once_it_is_whole_and_never_in_part(degrees: int) -> None:
    code = drawn("12345678901231", 4, BarcodeFormat.ITF)
    height, width = code.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    found = []
    for step in range(26):
        moved = turn.copy()
        slid = width * (step / 20 - 0.5)
        middle = (640, slid) if degrees > 45 else (slid, 360)
        moved[:, 2] += np.array(middle) - (width / 2, height / 2)
        frame = on_grey(size=(720, 1280))
        cv2.warpAffine(code, moved, (1280, 720), frame, borderMode=cv2.BORDER_TRANSPARENT)
        found += [one.text for one in read(cv2.GaussianBlur(frame, (0, 0), 0.7).astype(np.uint8))]
    assert len(found) >= 3
    assert set(found) == {"12345678901231"}


@pytest.mark.parametrize(
    ("kind", "content"), [(BarcodeFormat.ITF, "8356395943"), (BarcodeFormat.Codabar, "A5871870217B")]
)
@pytest.mark.parametrize("colour", [255, 170])
def test_a_code_whose_middle_is_hidden_is_not_read_as_what_is_left_of_it(
    kind: BarcodeFormat, content: str, colour: int
) -> None:
    whole = drawn(content, 3, kind)
    width = whole.shape[1]
    for begin in range(60, width // 2, 12):
        for hidden in (width // 8, width // 5):
            code = whole.copy()
            code[:, begin : begin + hidden] = colour
            assert [one.text for one in read(on_grey((code, 60, 60), size=(360, width + 120)))] in ([], [content])


def test_a_code_that_the_border_cuts_is_not_taken_for_one_of_another_kind() -> None:
    code = drawn("201568772522", 3, BarcodeFormat.EAN13)
    image = on_grey((code, 40, 40), size=(360, code.shape[1] + 80))
    for width in range(40 + code.shape[1] // 3, 40 + code.shape[1], 3):
        assert {one.text for one in read(np.ascontiguousarray(image[:, :width]))} <= {"2015687725229"}


def test_codes_side_by_side_are_all_read() -> None:
    codes = [drawn(content, 3, BarcodeFormat.ITF) for content in ("12345678", "87654321", "20304050")]
    places = [(code, 30 + 330 * place, 60) for place, code in enumerate(codes)]
    found = sorted(code.text for code in read(on_grey(*places, size=(300, 1060))))
    assert found == ["12345678", "20304050", "87654321"]


@pytest.mark.parametrize(
    ("content", "degrees"), [("266812127152", 94), ("558883943051", 23), ("251825939756", 23), ("118523537132", 66)]
)
def test_of_two_readings_of_a_linear_code_the_one_along_more_rows_is_kept(content: str, degrees: int) -> None:
    code = zxingcpp.create_barcode(content, BarcodeFormat.EAN13)
    bars = np.array(code.to_image(scale=2))
    height, width = bars.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += (150 - width / 2, 150 - height / 2)
    turned = cv2.warpAffine(bars, turn, (300, 300), borderValue=(200,))
    image = cv2.cvtColor(cv2.GaussianBlur(turned, (0, 0), 0.6), cv2.COLOR_GRAY2BGR)
    assert [one.text for one in read(image.astype(np.uint8))] in ([], [code.text])


@pytest.mark.parametrize("shear", [0.25, 0.35, 0.45])
def test_a_sheared_linear_code_is_read_once(shear: float) -> None:
    code = drawn("0123456", 3, BarcodeFormat.UPCE)
    height, width = code.shape[:2]
    size = int(width + shear * height), height
    sheared = cv2.warpAffine(code, np.array([[1, shear, 0], [0, 1, 0]]), size, borderValue=(255, 255, 255))
    image = on_grey((sheared.astype(np.uint8), 60, 60), size=(height + 120, size[0] + 120))
    assert [one.text for one in read(image)] == ["0012345000065"]


@pytest.mark.parametrize(
    ("kind", "content", "pixels"),
    [
        (BarcodeFormat.EAN13, "400638133393", 4),
        (BarcodeFormat.Code128, "ABC-1234567", 4),
        (BarcodeFormat.Code93, "ABC12345", 6),
        (BarcodeFormat.DataBarExp, "[01]12345678901231[10]ABC", 6),
        (BarcodeFormat.PDF417, "HELLO WORLD 123", 3),
    ],
)
def test_a_turned_code_is_read_however_wide_its_bars_are(kind: BarcodeFormat, content: str, pixels: int) -> None:
    [code] = read(on_label(drawn(content, pixels, kind), 40))
    assert code.format == kind.name


def test_the_parcel_and_the_poster_of_the_sample_say_what_is_on_them() -> None:
    desk = next(frame.image for frame in VideoReader(SAMPLE) if frame.index == 2 * ACT_FRAMES)
    assert {(code.format, code.text) for code in read(desk)} == {
        ("QRCode", "https://example.org/foregsyte"),
        ("Code128", "PARCEL-2048"),
    }


def test_binary_content_stands_beside_its_text_in_base64() -> None:
    content = b"\x00\xff\xfe\x80 bytes"
    [code] = read(on_grey((drawn(content), 100, 100)))
    assert base64.b64decode(code.bytes or "") == content
    [text] = read(on_grey((drawn("text"), 100, 100)))
    assert text.bytes is None


@pytest.mark.parametrize(
    ("encoding", "content"), [("100", b"abc"), ("UTF8", b"\xff\xfeabc"), ("UTF8", b"\xed\xa0\x80")]
)
def test_content_that_its_encoding_does_not_read_stands_there_in_base64(encoding: str, content: bytes) -> None:
    code = zxingcpp.create_barcode(content, BarcodeFormat.QRCode, eci=encoding)
    image = cv2.cvtColor(np.array(code.to_image(scale=4)), cv2.COLOR_GRAY2BGR)
    [found] = read(on_grey((image, 100, 100)))
    assert base64.b64decode(found.bytes or "") == content


def test_each_of_thirty_codes_that_are_read_only_enlarged_is_read() -> None:
    image = np.full((1080, 1920, 3), 128, np.uint8)
    for number in range(30):
        code = cv2.GaussianBlur(drawn(f"{number:05d}", 2), (0, 0), 1.0)
        row, column = divmod(number, 6)
        image[40 + 200 * row :, 60 + 300 * column :][: len(code), : len(code)] = code
    assert len(zxingcpp.read_barcodes(image)) < 14
    assert sorted(code.text for code in read(image)) == [f"{number:05d}" for number in range(30)]


def of_segno(content: bytes) -> Image:
    """Return a QR code of bytes without an ECI, which zxing-cpp does not write."""
    modules = np.array(segno.make_qr(content, mode="byte").matrix, np.uint8)
    return cv2.cvtColor(np.kron(np.pad(255 - 255 * modules, 4, constant_values=255), np.ones((4, 4), np.uint8)), 8)


@pytest.mark.parametrize("text", ["10 £", "±5°", "«ok»", "¡Hola!"])
def test_western_text_whose_encoding_is_guessed_is_not_read_as_katakana_and_keeps_its_bytes(text: str) -> None:
    [code] = read(on_grey((of_segno(text.encode("latin-1")), 60, 60)))
    assert (code.text, base64.b64decode(code.bytes or "")) == (text, text.encode("latin-1"))


@pytest.mark.parametrize("text", ["テスト", "plain", "line\x01end", "Größe"])
def test_a_text_in_utf_8_says_all_and_has_no_bytes_beside_it(text: str) -> None:
    [code] = read(on_grey((of_segno(text.encode()), 60, 60)))
    assert (code.text, code.bytes) == (text, None)


def test_a_code_that_a_detector_sees_is_read_enlarged() -> None:
    image = on_grey(*((np.full((60, 60, 3), 255 * (place % 2), np.uint8), 60 * place, 0) for place in range(10)))
    code = cv2.resize(drawn("small and faint"), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)  # 1.2 pixels
    blurred = cv2.GaussianBlur(code, (0, 0), 0.5).astype(np.int16)
    faint = (128 + (blurred - 128) // 4).astype(np.uint8)
    image[200 : 200 + faint.shape[0], 100 : 100 + faint.shape[1]] = faint
    assert read(image) == []
    box = (100.0, 200.0, 100.0 + faint.shape[1], 200.0 + faint.shape[0])
    seen = Detection(label="qr_code", confidence=0.9, box=box)
    assert [found.text for found in read(image, seen)] == ["small and faint"]
    assert read(image, Detection(label="caption", confidence=0.9, box=box)) == []


@pytest.mark.parametrize("turned", [False, True])
def test_a_code_is_read_on_a_frame_that_is_longer_than_opencv_warps(turned: bool) -> None:
    image = on_grey((drawn("long", 3), 39_000, 0), size=(96, 40_000))
    [code] = read(np.ascontiguousarray(image.swapaxes(0, 1)) if turned else image)
    assert code.text == "long"
    assert 39_000 <= min(corner[int(turned)] for corner in code.polygon) < 39_096


def test_a_frame_of_which_nothing_is_left_when_it_is_shrunk_has_no_code() -> None:
    assert read(np.zeros((1, 2**16, 3), np.uint8)) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("width", "height", "most_seconds"), [(1920, 1080, 15), pytest.param(3840, 2160, 50, marks=pytest.mark.corpus)]
)
def test_a_frame_full_of_what_codes_begin_with_takes_bounded_time(width: int, height: int, most_seconds: int) -> None:
    finder = np.pad(np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=255), 1)
    of_qr = np.tile(np.pad(finder, 1, constant_values=255), (height // 9, width // 9))
    start = np.array([int(is_white) * 255 for is_white in "00000000101010111"], np.uint8)
    of_pdf417 = np.tile(start, (height, width // len(start)))
    for tiles in (of_qr, of_pdf417):
        begin = time.process_time()
        assert read(cv2.cvtColor(tiles, cv2.COLOR_GRAY2BGR)) == []
        assert time.process_time() - begin < most_seconds


def test_a_frame_is_read_in_a_bounded_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [bars(f"{number:07d}", BarcodeFormat.EAN8)[:, ::2] for number in range(216)]
    too_low_to_be_kept = np.concatenate([np.repeat(row, 5, axis=0) for row in rows])
    calls: list[Image] = []

    def counted(image: Image, **choices: Any) -> list[zxingcpp.Barcode]:
        calls.append(image)
        return read_barcodes(image, **choices)

    read_barcodes = zxingcpp.read_barcodes
    monkeypatch.setattr(zxingcpp, "read_barcodes", counted)
    assert read(np.tile(too_low_to_be_kept, (1, 23, 1))) == []
    assert MAX_PARTS < len(calls) <= MAX_AREAS + 1 + MAX_PARTS


def test_each_of_more_codes_than_one_call_returns_is_read() -> None:
    image = sheet(390, 1920, 1080, BarcodeFormat.QRCode)
    assert len(zxingcpp.read_barcodes(image)) < 390
    assert sorted(code.text for code in read(image)) == [f"{number:05d}" for number in range(390)]


def test_a_large_sheet_of_small_codes_is_read_in_seconds_until_the_result_is_full() -> None:
    image = sheet(4000, 3840, 2160, BarcodeFormat.DataMatrix)
    begin = time.process_time()
    found = read(image)
    assert time.process_time() - begin < 10
    assert len({code.text for code in found}) == len(found) == MAX_CODES
    assert found == read(image)


@pytest.mark.thorough
def test_more_codes_than_a_result_holds_are_left_out() -> None:
    content = "x" * 2000
    code = drawn(content, 2)
    side = len(code)
    codes = [(code, side * column, side * row) for row in range(9) for column in range(17)]
    found = read(on_grey(*codes, size=(9 * side, 17 * side)))
    assert 10 < len(found) <= MAX_CODES
    encoded = encode_frame(0, 0.0, ImageResult.of(17 * side, 9 * side, codes=found))
    assert len(encoded) < MAX_FRAME_BYTES
