"""Number plates, and vehicles that carry them."""

import cv2
import numpy as np

from training.scenes.chance import Colour, Rng, a_colour, a_contrast, choose, noise
from training.scenes.drawing import bar, fill, paste, paste_centred, weathered
from training.scenes.patch import Patch, Pixels, Thing, blank, rectangle
from training.scenes.text import Fonts, a_name, a_sentence, text_image

SHAPES = ((520, 110), (520, 110), (440, 120), (360, 180), (360, 180), (372, 134), (330, 165), (280, 200), (340, 240))
"""Width and height in millimetres: Europe, Asia, North America, Australia, motorcycles."""

SCHEMES: tuple[tuple[Colour, Colour], ...] = (
    ((240, 240, 238), (20, 20, 24)),
    ((240, 240, 238), (20, 20, 24)),
    ((238, 238, 240), (24, 34, 110)),
    ((245, 200, 40), (20, 20, 20)),
    ((20, 70, 160), (245, 245, 245)),
    ((25, 25, 28), (235, 235, 235)),
    ((235, 240, 235), (20, 100, 50)),
    ((150, 215, 160), (20, 20, 20)),
    ((235, 235, 235), (170, 25, 30)),
)
"""The ground and the letters."""

PATTERNS = (
    "LL-LL 000", "LLLL 000", "000 LLL", "L 000 LL", "00-LL-00", "LLL 0000", "0LLL000", "LL00 LLL", "00 000", "LL 00000",
    "L LL 000",
)  # fmt: skip
"""Numbers: `L` stands for a letter, `0` for a digit."""

CHARACTERS = {"L": "ABCDEFGHJKLMNPRSTUVWXYZ", "0": "0123456789"}
COUNTRIES = ("D", "F", "I", "NL", "PL", "UA", "UZ", "E", "B")
BANDS: tuple[Colour, ...] = ((0, 51, 153), (0, 51, 153), (170, 20, 30))


def plate(rng: Rng, fonts: Fonts) -> Patch:
    """Draw a number plate seen from the front, labelled as a whole."""
    width, height = choose(rng, SHAPES)
    ground, letters = choose(rng, SCHEMES)
    pixels = blank(width, height, ground)
    if rng.random() < 0.25:  # an image or a gradient behind the number
        tint = np.array(a_colour(rng, 1.0, 0.5), np.float32)
        share = np.linspace(0, rng.uniform(0.2, 0.7), height)[:, None, None] * noise(rng, width, height, 3)[..., None]
        pixels[..., :3] = (pixels[..., :3] * (1 - share) + tint * share).astype(np.uint8)
    left = _band(rng, fonts, pixels) if width / height > 3.5 and rng.random() < 0.6 else 0
    number = "".join(choose(rng, CHARACTERS[c]) if c in CHARACTERS else c for c in choose(rng, PATTERNS))
    font = fonts.font(rng)
    if width / height < 1.8 and rng.random() < 0.5:
        upper, _, lower = number.partition(" ")
        for text, y in ((upper, 0.3), (lower or "123", 0.72)):
            line = text_image(text, font, 90, letters)
            paste_centred(pixels, line, width / 2, height * y, (width * 0.85, height * 0.4))
    else:
        captions = rng.random() < 0.7 and width / height < 3.2
        line = text_image(number, font, 120, letters, gap=rng.uniform(0, 0.08))
        fit = (width - left) * 0.9, height * (0.55 if captions else 0.72)
        paste_centred(pixels, line, left + (width - left) / 2, height / 2, fit)
        if captions:
            _captions(rng, fonts, pixels)
    if rng.random() < 0.6:
        bar(pixels, 3, 3, width - 4, height - 4, letters, int(rng.integers(2, 6)))
    return Patch(weathered(rng, pixels), [Thing("license_plate", rectangle(0, 0, width, height))])


def _band(rng: Rng, fonts: Fonts, pixels: Pixels) -> int:
    """Draw a band with a country's letters at a plate's left edge; return its width in pixels."""
    height = pixels.shape[0]
    left = int(height * 0.42)
    bar(pixels, 0, 0, left, height, choose(rng, BANDS))
    country = text_image(choose(rng, COUNTRIES), fonts.font(rng), 40, (240, 240, 240))
    paste_centred(pixels, country, left / 2, height * 0.75, (left * 0.7, height * 0.3))
    return left


def _captions(rng: Rng, fonts: Fonts, pixels: Pixels) -> None:
    """Draw small words above and below a plate's number."""
    height, width = pixels.shape[:2]
    for y in (0.12, 0.9):
        if rng.random() < 0.8:
            text = choose(rng, (a_name(rng), a_sentence(rng, words=3)))
            line = text_image(text, fonts.font(rng), 30, a_colour(rng, 0.6))
            paste_centred(pixels, line, width / 2, height * y, (width * 0.7, height * 0.14))


def vehicle(rng: Rng, fonts: Fonts) -> Patch:
    """Draw a car, van or lorry from the front or the back, roughly, most with a plate."""
    width, height = 900, int(rng.uniform(620, 1000))
    pixels = blank(width, height)
    paint, trim, glass = a_colour(rng, 0.95, 0.05), a_colour(rng, 0.25), a_colour(rng, 0.4, 0.1)
    roof, waist, sill = 20, int(height * rng.uniform(0.35, 0.5)), int(height * 0.88)
    inset = int(rng.uniform(20, 190))
    cv2.ellipse(pixels, (width // 2, sill + 30), (width // 2, 50), 0, 0, 360, (10, 10, 12, 150), -1)
    for x in (70, width - 200):
        bar(pixels, x, sill - 60, x + 130, height - 5, (18, 18, 20))
    upper = [(30, waist), (inset + 40, roof), (width - inset - 40, roof), (width - 30, waist)]
    fill(pixels, [*upper, (width - 15, sill), (15, sill)], paint)
    low, high = waist - 15, roof + 30
    fill(pixels, [(95, low), (inset + 75, high), (width - inset - 75, high), (width - 95, low)], glass)
    red, green, blue = (min(255, value + 50) for value in glass)
    fill(pixels, [(150, low), (inset + 140, high), (inset + 260, high), (330, low)], (red, green, blue))
    lamps: Colour = choose(rng, ((200, 25, 30), (240, 240, 230), (230, 235, 255)))
    lamp_y = int(waist + (sill - waist) * rng.uniform(0.15, 0.4))
    lamp_w, lamp_h = int(rng.uniform(70, 170)), int(rng.uniform(40, 120))
    lit = rng.random() < 0.5
    for x, skew in ((45, 1), (width - 45 - lamp_w, -1)):
        _lamp(rng, pixels, (x, lamp_y, lamp_w, lamp_h), lamps, trim, skew=skew, lit=lit)
    if rng.random() < 0.6:  # a grille or a boot's edge
        for y in range(lamp_y, lamp_y + lamp_h, 16):
            cv2.line(pixels, (60 + lamp_w, y), (width - 60 - lamp_w, y), (*trim, 255), 5)
    bumper = int(waist + (sill - waist) * rng.uniform(0.55, 0.7))
    bar(pixels, 20, bumper, width - 20, sill, choose(rng, (trim, paint)))
    if rng.random() < 0.5:
        brand = text_image(a_name(rng), fonts.font(rng), 40, choose(rng, ((200, 200, 205), (40, 40, 40))))
        paste_centred(pixels, brand, width * rng.uniform(0.25, 0.75), bumper - 30, (140, 30))
    shade = (0.55 + 0.6 * noise(rng, width, height, 4))[..., None] * np.linspace(1.1, 0.75, height)[:, None, None]
    pixels[..., :3] = np.clip(pixels[..., :3] * shade, 0, 255).astype(np.uint8)
    return Patch(pixels, [_mounted(rng, fonts, pixels, lamp_y, sill)] if rng.random() < 0.85 else [])


def _lamp(
    rng: Rng, pixels: Pixels, place: tuple[int, int, int, int], colour: Colour, edge: Colour, *, skew: int, lit: bool
) -> None:
    """Draw one lamp of a pair: a block, or a form narrower towards the middle, with its bulbs if it is lit."""
    x, y, w, h = place
    if rng.random() < 0.5:
        bar(pixels, x, y, x + w, y + h, colour)
        bar(pixels, x, y, x + w, y + h, edge, 4)
    else:
        outer, inner = (x, x + w) if skew > 0 else (x + w, x)
        fill(pixels, [(outer, y), (inner, y + h // 2), (inner, y + h), (outer, y + int(h * 0.8))], colour)
    if lit:
        bulb = choose(rng, ((255, 190, 60), (255, 245, 220), (255, 120, 90)))
        for _ in range(int(rng.integers(1, 4))):
            at = int(x + w * rng.uniform(0.2, 0.8)), int(y + h * rng.uniform(0.3, 0.7))
            axes = int(w * rng.uniform(0.1, 0.35)), int(h * rng.uniform(0.15, 0.4))
            cv2.ellipse(pixels, at, axes, 0, 0, 360, (*bulb, 255), -1, cv2.LINE_AA)


def _mounted(rng: Rng, fonts: Fonts, pixels: Pixels, lamp_y: int, sill: int) -> Thing:
    """Draw a plate in its frame onto a vehicle, between its lamps and its sill."""
    number, width = plate(rng, fonts), pixels.shape[1]
    w = int(width * rng.uniform(0.2, 0.34))
    h = int(w * number.size[1] / number.size[0])
    lowest = sill - h - 6
    x, y = (width - w) // 2 + int(rng.normal(0, 12)), int(rng.uniform(min(lamp_y, lowest), lowest))
    edge = int(rng.integers(2, 12))
    bar(pixels, x - edge, y - edge, x + w + edge, y + h + edge, a_contrast(rng)[0])
    paste(pixels, cv2.resize(number.pixels, (w, h), interpolation=cv2.INTER_AREA), x, y)
    return Thing("license_plate", rectangle(x, y, x + w, y + h))
