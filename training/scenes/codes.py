"""QR codes and barcodes, on labels, posters, parcels and screens, and what only looks like them."""

import barcode  # type: ignore[import-untyped]
import cv2
import numpy as np
import segno

from training.scenes.chance import Colour, Rng, a_colour, choose, noise
from training.scenes.drawing import bar, paste, paste_centred, stack, weathered
from training.scenes.patch import Patch, Pixels, Thing, blank, rectangle
from training.scenes.text import Fonts, a_name, a_number, a_sentence, digits, text_image

DIGITS = {"ean13": 12, "ean8": 7, "upca": 11, "itf": 10, "code39": 6}
"""How many digits a barcode of a kind holds; those of Code 128 vary."""


def qr_code(content: str, error_correction: str, ink: Colour, paper: Colour) -> Pixels:
    """Draw a QR code without its quiet zone; error correction `l`, `m`, `q` or `h`."""
    modules = np.array(list(segno.make(content, micro=False, error=error_correction).matrix), np.uint8)
    size = len(modules) * max(4, 320 // len(modules))
    pixels = blank(size, size, paper)
    dark = cv2.resize(modules, (size, size), interpolation=cv2.INTER_NEAREST) > 0
    pixels[dark, :3] = ink
    return pixels


def bars(kind: str, text: str, height: int, ink: Colour, paper: Colour) -> Pixels:
    """Draw a barcode of a kind that python-barcode knows, without its quiet zones and its digits."""
    pattern = barcode.get(kind, text).build()[0].replace("G", "1")
    row = np.repeat(np.array([module == "1" for module in pattern]), 4)
    pixels = blank(len(row), height, paper)
    pixels[:, row, :3] = ink
    x = np.flatnonzero(row)
    return pixels[:, x[0] : x[-1] + 1]


def qr_label(rng: Rng, fonts: Fonts) -> Patch:
    """Draw a QR code with its surroundings; the code is labelled without its quiet zone."""
    ink, paper = _ink_and_paper(rng)
    content = choose(rng, ("https://", "WIFI:S:", "tel:+", "")) + a_sentence(rng, words=int(rng.integers(1, 14)))
    code = qr_code(content, choose(rng, ("l", "m", "q", "h")), ink, paper)
    middle, half = len(code) // 2, len(code) // 9
    if rng.random() < 0.15:  # a logo
        bar(code, middle - half, middle - half, middle + half, middle + half, a_colour(rng))
    return _on_label(rng, fonts, "qr_code", code, ink, paper)


def barcode_label(rng: Rng, fonts: Fonts) -> Patch:
    """Draw a barcode with its surroundings; the bars are labelled, not the digits."""
    ink, paper = _ink_and_paper(rng)
    content = digits(rng, 12)
    kind = choose(rng, ("ean13", "ean13", "code128", "code128", "code39", "itf", "upca", "ean8"))
    length = DIGITS | {"code128": int(rng.integers(4, 13))}
    code = bars(kind, content[: length[kind]], int(rng.uniform(60, 420)), ink, paper)
    if rng.random() < 0.2:
        code = np.ascontiguousarray(np.rot90(code))
    return _on_label(rng, fonts, "barcode", code, ink, paper)


def _ink_and_paper(rng: Rng) -> tuple[Colour, Colour]:
    if rng.random() < 0.6:
        return (15, 15, 15), (250, 250, 250)
    ink, (red, green, blue) = a_colour(rng, lightest=0.35), a_colour(rng)
    paper = (255 - red // 5, 255 - green // 5, 255 - blue // 5)
    return (paper, ink) if rng.random() < 0.1 else (ink, paper)


def _on_label(rng: Rng, fonts: Fonts, label: str, code: Pixels, ink: Colour, paper: Colour) -> Patch:
    """Put the code on a label with text above and below it, and that on a parcel, a poster or a screen."""
    height, width = code.shape[:2]
    margin = int(max(width, height) * rng.uniform(0.04, 0.15))
    above, below = _lines(rng, fonts, ink), _lines(rng, fonts, ink)
    if label == "barcode" and rng.random() < 0.6:
        below.insert(0, text_image(" ".join(digits(rng, 11)), fonts.font(rng), 34, ink))
    upper, lower = (stack(lines, 10, choose(rng, ("left", "centre"))) if lines else None for lines in (above, below))
    over = upper.shape[0] + margin // 2 if upper is not None else 0
    under = lower.shape[0] + margin // 4 if lower is not None else 0
    side = int(width * rng.uniform(0, 1.2)) if rng.random() < 0.25 else 0
    pixels = blank(width + 2 * margin + side, height + 2 * margin + over + under, paper)
    x, y = margin + (side if rng.random() < 0.5 else 0), margin + over
    paste(pixels, code, x, y)
    blocks = (upper, margin * 0.6 + over / 2, over), (lower, y + height + margin / 4 + under / 2, under)
    for block, middle, room in blocks:
        if block is not None:
            paste_centred(pixels, block, x + width / 2, middle, (min(block.shape[1], width), room))
    outline = rectangle(x, y, x + width, y + height)
    if rng.random() < 0.3:
        border = int(max(pixels.shape[:2]) * rng.uniform(0.05, 0.6))
        ground = blank(pixels.shape[1] + 2 * border, pixels.shape[0] + 2 * border, a_colour(rng))
        paste(ground, pixels, border, border)
        pixels, outline = ground, outline + border
    return Patch(weathered(rng, pixels), [Thing(label, outline.astype(np.float32))])


def _lines(rng: Rng, fonts: Fonts, ink: Colour) -> list[Pixels]:
    lines = []
    for _ in range(int(rng.choice(3, p=[0.5, 0.35, 0.15]))):
        texts = a_sentence(rng, words=4), a_name(rng), a_number(rng, 13), a_sentence(rng, words=2).upper()
        lines.append(text_image(choose(rng, texts), fonts.font(rng), int(rng.uniform(18, 60)), ink))
    return lines


def code_lookalike(rng: Rng) -> Patch:
    """Draw a chessboard, stripes, a crossword or cloth: no code."""
    kind = int(rng.integers(4))
    rows, columns = (int(value) for value in rng.integers(4, 26, size=2))
    if kind == 0:
        cells = np.indices((rows, columns)).sum(axis=0) % 2
    elif kind == 1:
        cells = np.tile(np.arange(int(rng.integers(6, 30))) % 2, (2, 1))
    elif kind == 2:
        cells = rng.random((rows, columns)) < rng.uniform(0.1, 0.35)
    else:
        cells = noise(rng, columns * 3, rows * 3, 6) > 0.5
    dark, light = a_colour(rng, 0.3), a_colour(rng, 1.0, 0.7)
    grid = np.where(cells[..., None] > 0, np.array(dark), np.array(light)).astype(np.uint8)
    size = int(rng.uniform(200, 400)), int(rng.uniform(150, 400))
    pixels = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
    if kind == 2:
        for x in np.linspace(0, size[0], columns + 1).astype(int).tolist():
            cv2.line(pixels, (x, 0), (x, size[1]), dark, 1)
        for y in np.linspace(0, size[1], rows + 1).astype(int).tolist():
            cv2.line(pixels, (0, y), (size[0], y), dark, 1)
    return Patch(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA))
