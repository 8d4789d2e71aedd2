"""Traffic signs: those that look alike the world over, panels with places and distances, pictures of real designs."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.scenes.drawing import a_colour, paste, paste_centred, read_rgba, rounded, stack, weathered
from training.scenes.patch import Colour, Patch, Pixels, Thing, blank, rectangle
from training.scenes.text import Fonts, a_sentence, choose, text_picture

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Signs", "guide_sign", "limit_sign", "stop_sign"]

WHITE, BLACK = (245, 245, 245), (18, 18, 18)
RED, BLUE, YELLOW, ORANGE = (190, 20, 30), (0, 85, 165), (250, 205, 20), (240, 130, 20)
GROUNDS: tuple[tuple[Colour, Colour], ...] = (
    ((0, 105, 70), WHITE),
    ((0, 105, 70), WHITE),
    ((0, 85, 165), WHITE),
    ((0, 85, 165), WHITE),
    (WHITE, BLACK),
    (YELLOW, BLACK),
    ((110, 65, 35), WHITE),
    (ORANGE, BLACK),
)
ARROWS = "←↑→↓↖↗↘↙"
SYMBOLS = ARROWS + "!?✈♿☎⚡⇅↺✚●▲"
WORDS = ("STOP", "STOP", "STOP", "STOP", "ALTO", "PARE", "ARRÊT", "СТОП", "DUR")
RULES = (
    "SPEED LIMIT",
    "NO PARKING",
    "ONE WAY",
    "DO NOT ENTER",
    "KEEP RIGHT",
    "ROAD WORK AHEAD",
    "NO TURN ON RED",
    "WRONG WAY",
    "DEAD END",
    "SLOW",
    "BUS LANE",
    "DETOUR",
    "SCHOOL",
    "EXIT ONLY",
)
SIZE = 320


class Signs:
    """Draws signs; `clipart` are pictures of whole signs with transparent surroundings."""

    def __init__(self, fonts: Fonts, clipart: list[Path], symbol_font: Path) -> None:
        self._fonts = fonts
        self._clipart = [picture for picture in map(read_rgba, clipart) if (picture[..., 3] == 0).any()]
        self._symbol_font = symbol_font

    def sign(self, rng: np.random.Generator) -> Patch:
        """One sign on its pole, or two; labelled without the pole."""
        if rng.random() < 0.3:
            panels = [self._panel(rng)]
        else:
            panels = [self._one(rng) for _ in range(2 if rng.random() < 0.15 else 1)]
        panels = [weathered(rng, panel) for panel in panels]
        return _mounted(rng, panels)

    def panel(self, rng: np.random.Generator) -> Patch:
        """A panel with places and distances, without a pole."""
        pixels = weathered(rng, self._panel(rng))
        height, width = pixels.shape[:2]
        return Patch(pixels, [Thing("traffic_sign", rectangle(0, 0, width, height))])

    def _one(self, rng: np.random.Generator) -> Pixels:
        if self._clipart and rng.random() < 0.3:
            picture = choose(rng, self._clipart)
            x, y, w, h = cv2.boundingRect((picture[..., 3] > 128).astype(np.uint8))
            return picture[y : y + h, x : x + w].copy()
        kinds: tuple[Callable[[np.random.Generator], Pixels], ...] = (
            self._stop, self._stop, self._give_way, self._warning, self._diamond, self._diamond, self._ring, self._ring,
            self._no_entry, self._mandatory, self._rule, self._rule, self._square, self._shield, self._chevron,
        )  # fmt: skip
        return choose(rng, kinds)(rng)

    def _symbol(self, rng: np.random.Generator, colour: Colour) -> Pixels:
        if rng.random() < 0.3:
            return text_picture(str(int(rng.integers(2, 130))), self._fonts.font(rng), 150, colour)
        return text_picture(choose(rng, list(SYMBOLS)), self._symbol_font, 180, colour)

    def _text(self, rng: np.random.Generator, text: str, colour: Colour) -> Pixels:
        return text_picture(text, self._fonts.font(rng), 90, colour)

    def _stop(self, rng: np.random.Generator) -> Pixels:
        return stop_sign(choose(rng, WORDS), self._fonts.font(rng))

    def _give_way(self, rng: np.random.Generator) -> Pixels:
        pixels = _polygon(3, np.pi / 2, RED)
        _fill(pixels, _corners(3, np.pi / 2, rng.uniform(0.55, 0.75)), WHITE)
        if rng.random() < 0.3:
            paste_centred(
                pixels,
                self._text(rng, choose(rng, ("YIELD", "GIVE WAY")), RED),
                SIZE / 2,
                SIZE * 0.42,
                (SIZE * 0.4, SIZE * 0.12),
            )
        return pixels

    def _warning(self, rng: np.random.Generator) -> Pixels:
        pixels = _polygon(3, -np.pi / 2, RED)
        _fill(pixels, _corners(3, -np.pi / 2, rng.uniform(0.65, 0.8)), choose(rng, (WHITE, WHITE, YELLOW)))
        paste_centred(pixels, self._symbol(rng, BLACK), SIZE / 2, SIZE * 0.56, (SIZE * 0.3, SIZE * 0.3))
        return pixels

    def _diamond(self, rng: np.random.Generator) -> Pixels:
        ground = choose(rng, (YELLOW, YELLOW, ORANGE, (180, 220, 40)))
        pixels = _polygon(4, 0.0, ground if rng.random() < 0.7 else WHITE)
        _fill(pixels, _corners(4, 0.0, 0.94), BLACK)
        _fill(pixels, _corners(4, 0.0, 0.9), ground)
        if rng.random() < 0.2:
            return pixels
        if rng.random() < 0.5:
            paste_centred(pixels, self._symbol(rng, BLACK), SIZE / 2, SIZE / 2, (SIZE * 0.45, SIZE * 0.45))
        else:
            lines = [self._text(rng, word, BLACK) for word in a_sentence(rng, words=3).upper().split()]
            paste_centred(pixels, stack(lines, 10, "centre"), SIZE / 2, SIZE / 2, (SIZE * 0.5, SIZE * 0.4))
        return pixels

    def _ring(self, rng: np.random.Generator) -> Pixels:
        edge = RED if rng.random() < 0.9 else (120, 120, 120)
        pixels = _polygon(64, 0.0, edge)
        _fill(pixels, _corners(64, 0.0, rng.uniform(0.72, 0.84)), choose(rng, (WHITE, WHITE, WHITE, YELLOW, BLUE)))
        number = str(int(choose(rng, (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120))))
        inside = self._text(rng, number, BLACK) if rng.random() < 0.6 else self._symbol(rng, BLACK)
        if rng.random() < 0.9:
            paste_centred(pixels, inside, SIZE / 2, SIZE / 2, (SIZE * 0.5, SIZE * 0.42))
        if rng.random() < 0.3:
            cv2.line(pixels, (70, 70), (SIZE - 70, SIZE - 70), (*edge, 255), 22, cv2.LINE_AA)
        return pixels

    def _no_entry(self, rng: np.random.Generator) -> Pixels:
        pixels = _polygon(64, 0.0, RED)
        half = int(SIZE * rng.uniform(0.06, 0.1))
        cv2.rectangle(pixels, (45, SIZE // 2 - half), (SIZE - 45, SIZE // 2 + half), (*WHITE, 255), -1)
        return pixels

    def _mandatory(self, rng: np.random.Generator) -> Pixels:
        pixels = _polygon(64, 0.0, WHITE)
        _fill(pixels, _corners(64, 0.0, 0.95), BLUE)
        paste_centred(pixels, self._symbol(rng, WHITE), SIZE / 2, SIZE / 2, (SIZE * 0.55, SIZE * 0.55))
        return pixels

    def _rule(self, rng: np.random.Generator) -> Pixels:
        ground, letters = choose(rng, ((WHITE, BLACK), (WHITE, BLACK), (WHITE, RED), (BLACK, WHITE), (YELLOW, BLACK)))
        width, height = int(rng.uniform(180, 320)), int(rng.uniform(120, 320))
        pixels = _board(width, height, ground, letters)
        lines = [self._text(rng, word, letters) for word in choose(rng, RULES).split()]
        if rng.random() < 0.5:
            lines.append(text_picture(str(5 * int(rng.integers(1, 17))), self._fonts.font(rng), 180, letters))
        elif rng.random() < 0.3:
            lines = [text_picture(choose(rng, list(ARROWS)), self._symbol_font, 150, letters)]
        paste_centred(pixels, stack(lines, 12, "centre"), width / 2, height / 2, (width * 0.82, height * 0.82))
        return pixels

    def _square(self, rng: np.random.Generator) -> Pixels:
        pixels = _board(260, choose(rng, (260, 340)), BLUE, WHITE)
        inside = (
            self._text(rng, choose(rng, ("P", "H", "i", "M")), WHITE)
            if rng.random() < 0.6
            else self._symbol(rng, WHITE)
        )
        paste_centred(pixels, inside, 130, pixels.shape[0] / 2, (170, 170))
        return pixels

    def _shield(self, rng: np.random.Generator) -> Pixels:
        pixels = blank(SIZE, SIZE)
        outline = np.array([[30, 40], [90, 20], [160, 45], [230, 20], [290, 40], [300, 170], [160, 300], [20, 170]])
        ground, letters = choose(rng, ((BLUE, WHITE), (WHITE, BLACK), ((0, 105, 70), WHITE)))
        cv2.fillPoly(pixels, [outline], (*(WHITE if ground != WHITE else BLACK), 255), cv2.LINE_AA)
        cv2.fillPoly(pixels, [(outline - 160) * 93 // 100 + 160], (*ground, 255), cv2.LINE_AA)
        if ground == BLUE:
            cv2.rectangle(pixels, (45, 48), (275, 95), (*RED, 255), -1)
        paste_centred(pixels, self._text(rng, str(int(rng.integers(1, 400))), letters), 160, 170, (200, 120))
        return pixels

    def _chevron(self, rng: np.random.Generator) -> Pixels:
        ground, arrow = choose(rng, ((YELLOW, BLACK), (RED, WHITE), (WHITE, RED), (BLACK, YELLOW)))
        count = int(rng.integers(1, 5))
        pixels = blank(180 * count, 240, ground)
        for i in range(count):
            x = 180 * i
            points = np.array(
                [[x + 30, 20], [x + 80, 20], [x + 150, 120], [x + 80, 220], [x + 30, 220], [x + 100, 120]]
            )
            cv2.fillPoly(pixels, [points], (*arrow, 255), cv2.LINE_AA)
        return pixels if rng.random() < 0.5 else np.ascontiguousarray(pixels[:, ::-1])

    def _panel(self, rng: np.random.Generator) -> Pixels:
        ground, letters = choose(rng, GROUNDS)
        font = self._fonts.font(rng)
        lines = []
        for _ in range(int(rng.integers(1, 5))):
            parts = [text_picture(a_sentence(rng, words=2).title().rstrip(".,!?"), font, 64, letters)]
            if rng.random() < 0.35:
                parts.insert(
                    int(rng.integers(2)), text_picture(choose(rng, list(ARROWS)), self._symbol_font, 80, letters)
                )
            if rng.random() < 0.3:
                parts.append(
                    text_picture(
                        choose(
                            rng,
                            (
                                f"{rng.integers(1, 90)} km",
                                f"{rng.integers(1, 300)}",
                                "1 MILE",
                                f"EXIT {rng.integers(1, 99)}",
                            ),
                        ),
                        font,
                        64,
                        letters,
                    )
                )
            if rng.random() < 0.2:
                parts.insert(0, cv2.resize(self._shield(rng), (80, 80), interpolation=cv2.INTER_AREA))
            height, gap = max(part.shape[0] for part in parts), int(rng.uniform(20, 60))
            line = blank(sum(part.shape[1] for part in parts) + gap * (len(parts) - 1), height)
            x = 0
            for part in parts:
                paste(line, part, x, (height - part.shape[0]) // 2)
                x += part.shape[1] + gap
            lines.append(line)
        inside = stack(lines, int(rng.uniform(20, 45)), choose(rng, ("left", "centre", "centre")))
        margin = int(rng.uniform(25, 60))
        pixels = _board(inside.shape[1] + 2 * margin, inside.shape[0] + 2 * margin, ground, letters)
        paste(pixels, inside, margin, margin)
        return pixels


def stop_sign(word: str, font: Path) -> Pixels:
    """A red octagon with a word."""
    pixels = _polygon(8, np.pi / 8, WHITE)
    _fill(pixels, _corners(8, np.pi / 8, 0.93), RED)
    paste_centred(pixels, text_picture(word, font, 90, WHITE), SIZE / 2, SIZE / 2, (SIZE * 0.76, SIZE * 0.34))
    return pixels


def limit_sign(number: int, font: Path) -> Pixels:
    """A speed limit: a red ring with a number."""
    pixels = _polygon(64, 0.0, RED)
    _fill(pixels, _corners(64, 0.0, 0.78), WHITE)
    paste_centred(pixels, text_picture(str(number), font, 120, BLACK), SIZE / 2, SIZE / 2, (SIZE * 0.5, SIZE * 0.42))
    return pixels


def guide_sign(lines: list[str], font: Path) -> Pixels:
    """A blue panel with the names of places."""
    inside = stack([text_picture(line, font, 64, WHITE) for line in lines], 28, "left")
    pixels = _board(inside.shape[1] + 90, inside.shape[0] + 90, BLUE, WHITE)
    paste(pixels, inside, 45, 45)
    return pixels


def _corners(count: int, turned: float, size: float = 1.0) -> np.ndarray:
    """The corners of a regular polygon about the middle of a square of `SIZE`, as large as fits."""
    angles = turned + np.arange(count) * 2 * np.pi / count
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points /= np.abs(points).max()
    middle = SIZE / 2
    if count == 3:  # about its own centre, which is not that of the square
        points[:, 1] -= points[:, 1].mean()
    return np.round(middle + points * (middle - 4) * size).astype(np.int32)


def _polygon(count: int, turned: float, colour: Colour) -> Pixels:
    pixels = blank(SIZE, SIZE)
    _fill(pixels, _corners(count, turned), colour)
    return pixels


def _fill(pixels: Pixels, corners: np.ndarray, colour: Colour) -> None:
    cv2.fillPoly(pixels, [corners], (*colour, 255), cv2.LINE_AA)


def _board(width: int, height: int, ground: Colour, edge: Colour) -> Pixels:
    """A rectangle with rounded corners and a line along its edge."""
    pixels, radius = blank(width, height), max(4, min(width, height) // 14)
    for inset, colour in ((0, ground), (radius // 2 + 2, edge), (radius // 2 + 6, ground)):
        rounded(pixels, inset, max(1, radius - inset // 2), (*colour, 255))
    return pixels


def _mounted(rng: np.random.Generator, panels: list[Pixels]) -> Patch:
    """The panels above one another on a pole, a gantry or nothing."""
    width = max(panel.shape[1] for panel in panels)
    gap = int(rng.uniform(0, 20))
    tall = sum(panel.shape[0] + gap for panel in panels)
    pole = int(tall * rng.uniform(0.2, 1.6)) if rng.random() < 0.7 else 0
    pixels = blank(width, tall + pole)
    if pole:
        half, grey = max(3, int(width * rng.uniform(0.02, 0.05))), int(rng.uniform(40, 190))
        xs = (width // 2,) if width < 1.6 * tall else (width // 5, width * 4 // 5)
        for x in xs:
            cv2.rectangle(pixels, (x - half, 20), (x + half, tall + pole), (grey, grey, grey, 255), -1)
    things, y = [], 0
    for panel in panels:
        x = (width - panel.shape[1]) // 2
        paste(pixels, panel, x, y)
        mask = (panel[..., 3] > 128).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        points = np.concatenate(outlines).reshape(-1, 2) + np.array([x, y])
        things.append(Thing("traffic_sign", points.astype(np.float32)))
        y += panel.shape[0] + gap
    if rng.random() < 0.1:
        pixels[..., :3] = a_colour(rng, 0.2)  # seen against the light, only the shape is left
        return Patch(pixels, [])
    return Patch(pixels, things)
