"""Text put over an image in post-production: subtitles, scoreboards, clocks, counters, watermarks, emblems, titles."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from training.boxes import LabelledBox
from training.scenes.chance import Colour, Rng, a_colour, a_contrast, choose
from training.scenes.drawing import fill, paste, paste_centred, resized, rounded_rectangle, stack
from training.scenes.patch import MIN_SHOWN, Pixels, blank
from training.scenes.text import Fonts, a_clock, a_name, a_number, a_sentence, a_word, text_image

WHITE, BLACK = (250, 250, 250), (10, 10, 10)

MARGIN = 0.04
"""How near to the frame's edge captions come, as a share of its height."""

APART = 8
"""Pixels left free around a caption."""

MIN_HEIGHT = 5
"""Lower captions, in pixels, are left out."""

VISIBLE = 60
"""Alpha from which on a pixel counts as part of a caption."""

STROKES = cv2.FONT_HERSHEY_SIMPLEX
"""The letters of counters that programs draw."""

EMBLEMS = (
    tuple((0.5 + 0.5 * np.cos(angle), 0.5 + 0.5 * np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 40)),
    ((0, 0.1), (0.5, 0), (1, 0.1), (0.95, 0.65), (0.5, 1), (0.05, 0.65)),
    ((0, 0), (1, 0), (1, 0.8), (0.5, 1), (0, 0.8)),
    ((0, 0), (1, 0), (1, 1), (0, 1)),
    ((0, 0.25), (0.5, 0), (1, 0.25), (1, 0.75), (0.5, 1), (0, 0.75)),
)
"""The outlines of emblems of channels and brands, as shares of a square: circle, shield, ribbon, square, hexagon."""

Drawn = tuple[Pixels, float, float]
"""A caption, and where it goes: 0 for the frame's left or upper edge, 1 for its right or lower one."""

Draw = Callable[[Rng, Pixels], Drawn]
"""Draws one kind of caption for a frame."""


class Captions:
    """Draws captions into frames, each as one block."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts

    def draw(self, rng: Rng, frame: Pixels, taken: list[LabelledBox]) -> list[LabelledBox]:
        """Draw some captions where nothing labelled is yet.

        Args:
            rng: Where chance comes from.
            frame: What to draw into.
            taken: The boxes that are in the frame already.

        Returns:
            The captions' boxes.
        """
        kinds: tuple[Draw, ...] = (
            self._subtitle, self._subtitle, self._subtitle, self._lower_third, self._scoreboard, self._clock,
            self._clock, self._watermark, self._watermark, self._title, self._badge, self._badge,
            self._values, self._ticker, self._credits, self._emblem, self._emblem, self._counter, self._counter,
        )  # fmt: skip
        boxes: list[LabelledBox] = []
        for _ in range(int(rng.choice([1, 2, 3, 4, 6], p=[0.4, 0.27, 0.18, 0.1, 0.05]))):
            boxes += put_caption(frame, *choose(rng, kinds)(rng, frame), [*taken, *boxes])
        return boxes

    def _lines(self, rng: Rng, texts: list[str], script: str, size: int, fill: Colour, *edge: Any) -> Pixels:
        """Write lines in one font; `edge` is what `text_image` takes after the letters' colour."""
        font = self._fonts.font(rng, script)
        lines = [text_image(text, font, size, fill, *edge) for text in texts]
        return stack(lines, int(size * rng.uniform(0.15, 0.5)), choose(rng, ("left", "centre", "centre", "right")))

    def _subtitle(self, rng: Rng, frame: Pixels) -> Drawn:
        script = self._fonts.script(rng)
        size = _size(rng, frame, 0.022, 0.085)
        fill: Colour = choose(rng, (WHITE, WHITE, WHITE, (255, 235, 80), (230, 230, 230), a_colour(rng, 1.0, 0.8)))
        texts = [a_sentence(rng, script, 7) for _ in range(int(rng.choice([1, 2, 3], p=[0.55, 0.38, 0.07])))]
        gap = rng.uniform(0.1, 0.35) if rng.random() < 0.15 else 0.0
        outline = int(rng.integers(0, max(2, size // 8) + 1))
        block = self._lines(rng, texts, script, size, fill, BLACK, outline, gap)
        if rng.random() < 0.3:
            block = _on_panel(rng, block, a_colour(rng, 0.2), int(rng.choice([130, 180, 255])), size)
        elif outline == 0:
            block = _shadowed(block, max(1, size // 12))
        return block, rng.normal(0.5, 0.03), rng.uniform(0.85, 0.98) if rng.random() < 0.9 else rng.uniform(0.02, 0.15)

    def _lower_third(self, rng: Rng, frame: Pixels) -> Drawn:
        script = self._fonts.script(rng)
        size = _size(rng, frame, 0.035, 0.07, 9)
        ink, ground = a_contrast(rng)
        name = text_image(a_sentence(rng, script, 3).title(), self._fonts.font(rng, script), size, ink)
        parts = [_on_panel(rng, name, ground, 255 if rng.random() < 0.7 else 190, size)]
        if rng.random() < 0.7:
            ink, ground = a_contrast(rng)
            line = text_image(a_sentence(rng, script, 5), self._fonts.font(rng, script), int(size * 0.7), ink)
            parts.append(_on_panel(rng, line, ground, 255, int(size * 0.6)))
            parts[1] = _extended(parts[1], parts[0].shape[1], 0)
        return stack(parts, 0, "left"), choose(rng, (0.05, 0.08, 0.5)), rng.uniform(0.75, 0.95)

    def _scoreboard(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.02, 0.06, 7)
        font = self._fonts.font(rng)
        score = f"{rng.integers(0, 130)}-{rng.integers(0, 130)}"
        home, goals, guest = a_word(rng, longest=4).upper(), str(rng.integers(0, 9)), a_word(rng, longest=4).upper()
        words = [home, goals, guest, score, a_clock(rng)[:5], f"Q{rng.integers(1, 5)}", "LIVE", "HD"]
        cells = []
        for i in rng.permutation(len(words))[: int(rng.integers(2, 7))]:
            ink, ground = a_contrast(rng)
            cells.append(_on_panel(rng, text_image(words[int(i)], font, size, ink), ground, 255, size))
        if rng.random() < 0.35:
            width = max(cell.shape[1] for cell in cells)
            column = stack([_extended(cell, width, 0) for cell in cells], 0, "left")
            return column, rng.uniform(0.02, 0.98), rng.uniform(0.02, 0.98)
        height = max(cell.shape[0] for cell in cells)
        row = np.concatenate([_extended(cell, 0, height) for cell in cells], axis=1)
        return row, choose(rng, (0.04, 0.5, 0.96)), choose(rng, (0.04, 0.04, 0.95))

    def _clock(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.025, 0.12)
        text = choose(rng, (a_clock(rng), a_clock(rng), a_number(rng), f"{a_name(rng)} {a_clock(rng)}"))
        if rng.random() < 0.35:
            ink, ground = a_contrast(rng)
            letters = text_image(text, self._fonts.font(rng), size, ink)
            block = _on_panel(rng, letters, ground, int(rng.choice([150, 255])), size)
        else:
            block = text_image(text, self._fonts.font(rng), size, *_style(rng, size))
        return block, *_corner(rng)

    def _watermark(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.02, 0.09)
        script = self._fonts.script(rng)
        names = (
            a_word(rng, script).upper(), a_name(rng, script), f"www.{a_word(rng)}.com",
            f"© {a_name(rng)} {a_name(rng)}", f"@{a_word(rng)}", f"{a_word(rng).upper()} HD",
        )  # fmt: skip
        text = choose(rng, names)
        texts = [text, f"www.{a_word(rng)}.com"] if rng.random() < 0.15 else [text]
        fill = choose(rng, (WHITE, WHITE, BLACK, (128, 128, 128), a_colour(rng, 1.0, 0.5)))
        block = self._lines(rng, texts, script, size, fill)
        block[..., 3] = (block[..., 3] * rng.uniform(0.45, 1.0)).astype(np.uint8)
        return block, *_corner(rng)

    def _title(self, rng: Rng, frame: Pixels) -> Drawn:
        script = self._fonts.script(rng)
        size = _size(rng, frame, 0.08, 0.3, 12)
        words = [a_word(rng, script) for _ in range(int(rng.integers(1, 6)))]
        per_line = int(rng.integers(1, 4))
        texts = [" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)][:3]
        if rng.random() < 0.6:
            texts = [text.upper() for text in texts]
        block = self._lines(rng, texts, script, size, *_style(rng, size))
        if rng.random() < 0.1:
            block = np.ascontiguousarray(np.rot90(block, choose(rng, (1, 3))))
        return block, rng.normal(0.5, 0.15), rng.normal(0.45, 0.15)

    def _badge(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.025, 0.07)
        ink, ground = a_contrast(rng)
        drawn = a_sentence(rng, words=2).upper(), a_word(rng).upper()
        text = choose(rng, ("LIVE", "SUBSCRIBE NOW", "REC", "NEW", "BREAKING NEWS", "REPLAY", *drawn))
        letters = text_image(text, self._fonts.font(rng), size, ink)
        return _on_panel(rng, letters, ground, 255, size, smooth=True), *_corner(rng)

    def _values(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.025, 0.07)
        unit = choose(rng, ("", "°", "°C", " km/h", "%", " m"))
        texts = [
            choose(rng, ("", f"{a_name(rng)}: ")) + f"{rng.integers(0, 200)}.{rng.integers(10)}{unit}"
            for _ in range(int(rng.integers(1, 6)))
        ]
        return self._lines(rng, texts, "latin", size, *_style(rng, size)), *_corner(rng)

    def _emblem(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.02, 0.06, 7)
        ink, ground = choose(rng, (a_contrast(rng), (WHITE, a_colour(rng, 0.7))))
        words = [a_word(rng, longest=6).upper() for _ in range(int(rng.integers(1, 4)))]
        lines = [text_image(word, self._fonts.font(rng), int(size * rng.uniform(0.6, 1.3)), ink) for word in words]
        block = stack(lines, size // 4, "centre")
        side = int(max(block.shape[:2]) * rng.uniform(1.2, 1.6))
        emblem = blank(side, side, ground)
        emblem[..., 3] = 0
        corners = choose(rng, EMBLEMS)
        fill(emblem, [(int(x * (side - 1)), int(y * (side - 1))) for x, y in corners], ground)
        paste_centred(emblem, block, side / 2, side / 2)
        return emblem, *_corner(rng)

    def _counter(self, rng: Rng, frame: Pixels) -> Drawn:
        text = choose(rng, (a_clock(rng), a_number(rng), f"Frame {rng.integers(1000)}", f"{rng.random():.2f}"))
        ink, ground = a_contrast(rng)
        enlarged = int(rng.integers(1, 5))
        scale, thickness = rng.uniform(0.3, 0.9), int(rng.integers(1, 3))
        (width, height), below = cv2.getTextSize(text, STROKES, scale, thickness)
        block = blank(width + 4, height + below + 4, ground)
        block[..., 3] = int(rng.choice([0, 0, 140, 255]))
        cv2.putText(block, text, (2, height + 2), STROKES, scale, (*ink, 255), thickness)
        block = np.repeat(np.repeat(block, enlarged, axis=0), enlarged, axis=1)
        return resized(block, _size(rng, frame, 0.04, 0.2) / block.shape[0]), *_corner(rng)

    def _ticker(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.025, 0.05)
        ink, ground = a_contrast(rng)
        script = self._fonts.script(rng)
        news = " ".join(a_sentence(rng, script, 9) for _ in range(3))
        text = text_image(news, self._fonts.font(rng, script), size, ink)
        panel = blank(frame.shape[1], int(size * rng.uniform(1.4, 2.2)), ground)
        paste(panel, text, int(rng.uniform(0, frame.shape[1] * 0.3)), (panel.shape[0] - text.shape[0]) // 2)
        return panel, 0.5, rng.uniform(0.9, 1.0)

    def _credits(self, rng: Rng, frame: Pixels) -> Drawn:
        size = _size(rng, frame, 0.022, 0.06)
        script = self._fonts.script(rng)
        texts = [a_sentence(rng, script, 4) for _ in range(int(rng.integers(3, 8)))]
        block = self._lines(rng, texts, script, size, *_style(rng, size))
        return block, rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)


def put_caption(frame: Pixels, pixels: Pixels, x: float, y: float, taken: list[LabelledBox]) -> list[LabelledBox]:
    """Draw a caption, made smaller where it does not fit, unless it would touch what is there or be hardly seen."""
    height, width = frame.shape[:2]
    scale = min(1.0, (width * 0.98) / pixels.shape[1], (height * 0.9) / pixels.shape[0])
    pixels = resized(pixels, scale) if scale < 1 else pixels
    left, top = int(x * (width - pixels.shape[1])), int(y * (height - pixels.shape[0]))
    visible = np.argwhere(pixels[..., 3] > VISIBLE)
    if not len(visible):
        return []
    (y1, x1), (y2, x2) = visible.min(axis=0), visible.max(axis=0) + 1
    whole = LabelledBox("caption", left + x1, top + y1, left + x2, top + y2)
    box = whole.cut_to(width, height)
    near = LabelledBox("", box.x1 - APART, box.y1 - APART, box.x2 + APART, box.y2 + APART)
    hardly_seen = box.area < MIN_SHOWN * whole.area or box.y2 - box.y1 < MIN_HEIGHT
    if hardly_seen or any(near.overlap(other) for other in taken):
        return []
    paste(frame, pixels, left, top)
    return [box]


def _size(rng: Rng, frame: Pixels, low: float, high: float, least: int = 8) -> int:
    """Return a font size in pixels, between two shares of the frame's height."""
    return max(least, int(frame.shape[0] * rng.uniform(low, high)))


def _corner(rng: Rng) -> tuple[float, float]:
    """Return a place that is mostly near a corner or an edge."""
    if rng.random() < 0.2:
        return rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95)
    x = choose(rng, (MARGIN, MARGIN, 0.5, 1 - MARGIN, 1 - MARGIN)) + rng.normal(0, 0.01)
    return x, choose(rng, (MARGIN, 1 - MARGIN)) + rng.normal(0, 0.01)


def _style(rng: Rng, size: int) -> tuple[Colour, Colour | None, int]:
    """Return letters that can be read over an image: their colour, their outline's, and its width in pixels."""
    kind = int(rng.integers(4))
    if kind == 0:
        return WHITE, BLACK, max(1, size // 12)
    if kind == 1:
        return choose(rng, (WHITE, WHITE, BLACK)), None, 0
    if kind == 2:
        return *a_contrast(rng), max(1, size // 10)
    return a_colour(rng, 1.0, 0.6), choose(rng, (BLACK, None)), 1


def _extended(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the image at least so wide and high: its last column and row are repeated."""
    right, below = max(0, width - pixels.shape[1]), max(0, height - pixels.shape[0])
    return cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)


def _shadowed(block: Pixels, by: int) -> Pixels:
    shadow = cv2.copyMakeBorder(block, by, by, by, by, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    shadow[..., :3] = 0
    shadow[..., 3] = cv2.GaussianBlur(np.roll(shadow[..., 3], (by, by), (0, 1)), (0, 0), by)
    paste(shadow, block, by, by)
    return shadow


def _on_panel(rng: Rng, text: Pixels, ground: Colour, alpha: int, size: int, *, smooth: bool = False) -> Pixels:
    """Return the text on a panel, which is a gradient now and then, with round corners where requested."""
    across, down = int(size * rng.uniform(0.25, 1.0)), int(size * rng.uniform(0.2, 0.6))
    panel = blank(text.shape[1] + 2 * across, text.shape[0] + 2 * down, ground)
    if rng.random() < 0.3:
        other = np.array(a_colour(rng, 0.9), np.float32)
        share = np.linspace(0, rng.uniform(0, 0.5), panel.shape[1])[None, :, None]
        panel[..., :3] = (panel[..., :3] * (1 - share) + other * share).astype(np.uint8)
    panel[..., 3] = alpha
    if smooth:
        mask = np.zeros(panel.shape[:2], np.uint8)
        rounded_rectangle(mask, 0, int(min(mask.shape) * rng.uniform(0.1, 0.5)), (255,))
        panel[..., 3] = np.minimum(panel[..., 3], mask)
    paste(panel, text, across, down)
    return panel
