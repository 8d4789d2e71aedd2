"""QR codes and barcodes, on labels, posters, parcels and screens, and what only looks like them."""

import barcode
import cv2
import numpy as np
import segno

from training.scenes.drawing import a_colour, noise, paste, paste_centred, stack, weathered
from training.scenes.patch import Colour, Patch, Pixels, Thing, blank, rectangle
from training.scenes.text import Fonts, a_name, a_number, a_sentence, choose, text_picture

__all__ = ["barcode_label", "bars", "code_lookalike", "qr_code", "qr_label"]


def _ink_and_paper(rng: np.random.Generator) -> tuple[Colour, Colour]:
    if rng.random() < 0.6:
        return (15, 15, 15), (250, 250, 250)
    ink, light = a_colour(rng, lightest=0.35), a_colour(rng)
    paper = (255 - light[0] // 5, 255 - light[1] // 5, 255 - light[2] // 5)
    return (paper, ink) if rng.random() < 0.1 else (ink, paper)


def _qr(rng: np.random.Generator, ink: Colour, paper: Colour) -> Pixels:
    content = choose(rng, ("https://", "WIFI:S:", "tel:+", "")) + a_sentence(rng, words=int(rng.integers(1, 14)))
    pixels = qr_code(content, choose(rng, ("l", "m", "q", "h")), ink, paper)
    size = len(pixels)
    if rng.random() < 0.15:
        half = size // 9
        cv2.rectangle(
            pixels,
            (size // 2 - half, size // 2 - half),
            (size // 2 + half, size // 2 + half),
            (*a_colour(rng), 255),
            -1,
        )
    return pixels


def _bars(rng: np.random.Generator, ink: Colour, paper: Colour) -> Pixels:
    digits = "".join(str(digit) for digit in rng.integers(10, size=12))
    kind = choose(rng, ("ean13", "ean13", "code128", "code128", "code39", "itf", "upca", "ean8"))
    text = {
        "ean8": digits[:7],
        "upca": digits[:11],
        "code128": digits[: int(rng.integers(4, 13))],
        "itf": digits[:10],
        "code39": digits[:6],
    }.get(kind, digits)
    return bars(kind, text, int(rng.uniform(60, 420)), ink, paper)


def qr_code(content: str, error_correction: str, ink: Colour, paper: Colour) -> Pixels:
    """A QR code without its quiet zone; error correction `l`, `m`, `q` or `h`."""
    modules = np.array(list(segno.make(content, micro=False, error=error_correction).matrix), np.uint8)
    size = len(modules) * max(4, 320 // len(modules))
    pixels = blank(size, size, paper)
    dark = cv2.resize(modules, (size, size), interpolation=cv2.INTER_NEAREST) > 0
    pixels[dark, :3] = ink
    return pixels


def bars(kind: str, text: str, height: int, ink: Colour, paper: Colour) -> Pixels:
    """A barcode of a kind that python-barcode knows, without its quiet zones and its digits."""
    pattern = barcode.get(kind, text).build()[0].replace("G", "1")
    row = np.repeat(np.array([module == "1" for module in pattern]), 4)
    pixels = blank(len(row), height, paper)
    pixels[:, row, :3] = ink
    x = np.flatnonzero(row)
    return pixels[:, x[0] : x[-1] + 1]


def qr_label(rng: np.random.Generator, fonts: Fonts) -> Patch:
    """A QR code with its surroundings; the code is labelled without its quiet zone."""
    ink, paper = _ink_and_paper(rng)
    return _on_label(rng, fonts, "qr_code", _qr(rng, ink, paper), ink, paper)


def barcode_label(rng: np.random.Generator, fonts: Fonts) -> Patch:
    """A barcode with its surroundings; the bars are labelled, not the digits."""
    ink, paper = _ink_and_paper(rng)
    code = _bars(rng, ink, paper)
    if rng.random() < 0.2:
        code = np.ascontiguousarray(np.rot90(code))
    return _on_label(rng, fonts, "barcode", code, ink, paper)


def _on_label(rng: np.random.Generator, fonts: Fonts, label: str, code: Pixels, ink: Colour, paper: Colour) -> Patch:
    height, width = code.shape[:2]
    margin = int(max(width, height) * rng.uniform(0.04, 0.15))
    above, below = [], []
    for lines in (above, below):
        for _ in range(int(rng.choice(3, p=[0.5, 0.35, 0.15]))):
            text = choose(
                rng, (a_sentence(rng, words=4), a_name(rng), a_number(rng, 13), a_sentence(rng, words=2).upper())
            )
            lines.append(text_picture(text, fonts.font(rng), int(rng.uniform(18, 60)), ink))
    if label == "barcode" and rng.random() < 0.6:
        below.insert(0, text_picture(" ".join(str(d) for d in rng.integers(10, size=11)), fonts.font(rng), 34, ink))
    blocks = [stack(lines, 10, choose(rng, ("left", "centre"))) if lines else None for lines in (above, below)]
    over = (blocks[0].shape[0] + margin // 2) if blocks[0] is not None else 0
    under = (blocks[1].shape[0] + margin // 4) if blocks[1] is not None else 0
    side = int(width * rng.uniform(0, 1.2)) if rng.random() < 0.25 else 0
    pixels = blank(width + 2 * margin + side, height + 2 * margin + over + under, paper)
    x, y = margin + (side if rng.random() < 0.5 else 0), margin + over
    paste(pixels, code, x, y)
    if blocks[0] is not None:
        paste_centred(pixels, blocks[0], x + width / 2, margin * 0.6 + over / 2, (min(blocks[0].shape[1], width), over))
    if blocks[1] is not None:
        paste_centred(
            pixels,
            blocks[1],
            x + width / 2,
            y + height + margin / 4 + under / 2,
            (min(blocks[1].shape[1], width), under),
        )
    outline = rectangle(x, y, x + width, y + height)
    if rng.random() < 0.3:  # on a parcel, a poster or a screen
        border = int(max(pixels.shape[:2]) * rng.uniform(0.05, 0.6))
        pixels = cv2.copyMakeBorder(
            pixels, border, border, border, border, cv2.BORDER_CONSTANT, value=(*a_colour(rng), 255)
        )
        outline = outline + border
    return Patch(weathered(rng, pixels), [Thing(label, outline.astype(np.float32))])


def code_lookalike(rng: np.random.Generator) -> Patch:
    """A chessboard, stripes, a crossword or cloth: no code."""
    kind = int(rng.integers(4))
    rows, columns = (int(value) for value in rng.integers(4, 26, size=2))
    if kind == 0:
        cells = np.indices((rows, columns)).sum(axis=0) % 2
    elif kind == 1:
        cells = np.tile(np.arange(int(rng.integers(6, 30))) % 2, (2, 1))
    elif kind == 2:
        cells = (rng.random((rows, columns)) < rng.uniform(0.1, 0.35)).astype(int)
    else:
        cells = (noise(rng, columns * 3, rows * 3, 6) > 0.5).astype(int)
    dark, light = a_colour(rng, 0.3), a_colour(rng, 1.0, 0.7)
    grid = np.where(cells[..., None] > 0, np.array(dark), np.array(light)).astype(np.uint8)
    size = int(rng.uniform(200, 400)), int(rng.uniform(150, 400))
    pixels = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
    if kind == 2:
        for x in np.linspace(0, size[0], columns + 1).astype(int):
            cv2.line(pixels, (int(x), 0), (int(x), size[1]), dark, 1)
        for y in np.linspace(0, size[1], rows + 1).astype(int):
            cv2.line(pixels, (0, int(y)), (size[0], int(y)), dark, 1)
    return Patch(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
