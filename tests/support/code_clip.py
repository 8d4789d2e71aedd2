"""Draws frames of codes whose contents are known: turned, blurred, noisy, at least two pixels a module."""

import random
import string
from typing import NamedTuple

import cv2
import numpy as np
import zxingcpp

from shared.video.image import Image

SIZE = 960, 540
SIZES = (SIZE, (1280, 720), (1920, 1080))
FORMATS = ("QRCode", "DataMatrix", "Aztec", "PDF417", "Code128", "Code39", "Code93", "EAN13", "UPCA", "ITF")
LEAST_MODULE_PIXELS = 2.0
MOST_MODULE_PIXELS = 3.5
MOST_LARGE_MODULE_PIXELS = 9.0
MOST_BLUR_MODULES = 0.4
"""The largest spread (sigma) of the blur, in modules."""

_DIGITS = {"EAN13": 12, "UPCA": 11, "ITF": 10}


class CodedFrame(NamedTuple):
    """A frame and the one code in it, by the name of the format under which it is read."""

    image: Image
    format: str
    text: str


def coded_frame(number: int) -> CodedFrame:
    """Draw one frame; the same number gives the same frame, and formats take turns."""
    return _coded_frame(number, SIZE, MOST_MODULE_PIXELS, labelled=False)


def large_coded_frame(number: int) -> CodedFrame:
    """Draw one frame of one of three sizes, its code on an upright white label, its modules up to nine pixels wide."""
    size = SIZES[number // len(FORMATS) % len(SIZES)]
    return _coded_frame(number, size, MOST_LARGE_MODULE_PIXELS, labelled=True)


def _coded_frame(number: int, size: tuple[int, int], most_module: float, *, labelled: bool) -> CodedFrame:
    chance, rng = random.Random(number), np.random.default_rng(number)
    name = FORMATS[number % len(FORMATS)]
    letters = string.ascii_uppercase + string.digits
    length = _DIGITS.get(name) or chance.randint(6, 12)
    content = "".join(chance.choices(string.digits if name in _DIGITS else letters, k=length))
    code = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, name))
    drawn = np.array(code.to_image(scale=1))
    module, degrees = chance.uniform(LEAST_MODULE_PIXELS, most_module), chance.uniform(0, 360)
    if labelled:
        module = min(module, _most_that_fits(drawn, degrees, size))
    image = _background(rng, size)
    _place(image, drawn, module, degrees, chance, labelled=labelled)
    image = cv2.GaussianBlur(image, (0, 0), max(0.1, chance.uniform(0, MOST_BLUR_MODULES) * module))
    image = image * chance.uniform(0.5, 0.9) + chance.uniform(0, 20) + rng.normal(0, 3, image.shape)
    read_as = "EAN13" if name == "UPCA" else name  # its bars are those of an EAN-13 that begins with 0
    return CodedFrame(image.clip(0, 255).astype(np.uint8), read_as, code.text)


def _most_that_fits(code: Image, degrees: float, size: tuple[int, int]) -> float:
    """Return how many pixels wide the modules of a code, turned so far, are at most in a frame."""
    height, width = code.shape
    across, down = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
    return float(min(size[0] / (width * across + height * down), size[1] / (width * down + height * across)))


def _background(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    cells = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC)


def _place(image: Image, code: Image, module: float, degrees: float, chance: random.Random, *, labelled: bool) -> None:
    """Draw the code with its quiet zone, its modules so many pixels wide, turned about its middle."""
    drawn = np.kron(code, np.ones((8, 8), np.uint8))
    height, width = drawn.shape
    scale = module / 8
    reach = np.hypot(width, height) * scale / 2
    size = image.shape[1], image.shape[0]
    x, y = (chance.uniform(reach, side - reach) if side > 2 * reach else side / 2 for side in size)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    turn[:, 2] += (x - width / 2, y - height / 2)
    if labelled:
        corners = cv2.transform(np.array([[(0, 0), (width, 0), (width, height), (0, height)]], np.float64), turn)[0]
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        image[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1] = 255
    small = cv2.GaussianBlur(drawn, (0, 0), 2)  # what a pixel averages
    layer = cv2.warpAffine(small, turn, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full_like(drawn, 255), turn, size, flags=cv2.INTER_LINEAR)[..., None] / 255
    image[:] = (image * (1 - mask) + layer[..., None] * mask).astype(np.uint8)
