"""Traffic signs: those that look alike the world over, panels with places and distances, images of real designs."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from training.scenes.chance import Colour, Rng, a_colour, choose
from training.scenes.drawing import bar, fill, paste, paste_centred, read_rgba, rounded_rectangle, stack, weathered
from training.scenes.patch import Patch, Pixels, Points, Thing, blank, rectangle
from training.scenes.text import Fonts, a_sentence, text_image

WHITE, BLACK = (245, 245, 245), (18, 18, 18)
RED, BLUE, GREEN, BROWN = (190, 20, 30), (0, 85, 165), (0, 105, 70), (110, 65, 35)
YELLOW, ORANGE, LIME = (250, 205, 20), (240, 130, 20), (180, 220, 40)

Draw = Callable[[Rng], Pixels]
"""Draws one sign without its pole."""

Scheme = tuple[Colour, Colour]
"""The ground, and what is on it."""

GUIDE_SCHEMES: list[Scheme] = [(GREEN, WHITE)] * 2 + [(BLUE, WHITE)] * 2 + [(WHITE, BLACK), (YELLOW, BLACK)]
GUIDE_SCHEMES += [(BROWN, WHITE), (ORANGE, BLACK)]
RULE_SCHEMES: tuple[Scheme, ...] = ((WHITE, BLACK), (WHITE, BLACK), (WHITE, RED), (BLACK, WHITE), (YELLOW, BLACK))
SHIELD_SCHEMES: tuple[Scheme, ...] = ((BLUE, WHITE), (WHITE, BLACK), (GREEN, WHITE))
CHEVRON_SCHEMES: tuple[Scheme, ...] = ((YELLOW, BLACK), (RED, WHITE), (WHITE, RED), (BLACK, YELLOW))

ARROWS = "←↑→↓↖↗↘↙"
SYMBOLS = ARROWS + "!?✈♿☎⚡⇅↺✚●▲"
WORDS = ("STOP", "STOP", "STOP", "STOP", "ALTO", "PARE", "ARRÊT", "СТОП", "DUR")
RULES = (
    "SPEED LIMIT", "NO PARKING", "ONE WAY", "DO NOT ENTER", "KEEP RIGHT", "ROAD WORK AHEAD", "NO TURN ON RED",
    "WRONG WAY", "DEAD END", "SLOW", "BUS LANE", "DETOUR", "SCHOOL", "EXIT ONLY",
)  # fmt: skip
LIMITS = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120)

SIZE = 320
"""Width and height of the drawings of signs, in pixels."""

SHIELD = np.array([[30, 40], [90, 20], [160, 45], [230, 20], [290, 40], [300, 170], [160, 300], [20, 170]])
CHEVRON = np.array([[30, 20], [80, 20], [150, 120], [80, 220], [30, 220], [100, 120]])


class Signs:
    """Draws signs; `clipart` are images of whole signs with transparent surroundings."""

    def __init__(self, fonts: Fonts, clipart: list[Path], symbol_font: Path) -> None:
        self._fonts = fonts
        self._clipart = [image for image in map(read_rgba, clipart) if (image[..., 3] == 0).any()]
        self._symbol_font = symbol_font

    def sign(self, rng: Rng) -> Patch:
        """Draw one sign on its pole, or two; labelled without the pole."""
        if rng.random() < 0.3:
            panels = [self._guide(rng)]
        else:
            panels = [self._one(rng) for _ in range(2 if rng.random() < 0.15 else 1)]
        return _mounted(rng, [weathered(rng, panel) for panel in panels])

    def panel(self, rng: Rng) -> Patch:
        """Draw a panel with places and distances, without a pole."""
        pixels = weathered(rng, self._guide(rng))
        height, width = pixels.shape[:2]
        return Patch(pixels, [Thing("traffic_sign", rectangle(0, 0, width, height))])

    def _one(self, rng: Rng) -> Pixels:
        if self._clipart and rng.random() < 0.3:
            image = choose(rng, self._clipart)
            x, y, w, h = cv2.boundingRect((image[..., 3] > 128).astype(np.uint8))
            return image[y : y + h, x : x + w].copy()
        kinds: tuple[Draw, ...] = (
            self._stop, self._stop, self._give_way, self._warning, self._diamond, self._diamond, self._ring, self._ring,
            self._no_entry, self._mandatory, self._rule, self._rule, self._square, self._shield, self._chevron,
        )  # fmt: skip
        return choose(rng, kinds)(rng)

    def _symbol(self, rng: Rng, colour: Colour) -> Pixels:
        if rng.random() < 0.3:
            return text_image(str(int(rng.integers(2, 130))), self._fonts.font(rng), 150, colour)
        return text_image(choose(rng, SYMBOLS), self._symbol_font, 180, colour)

    def _arrow(self, rng: Rng, size: int, colour: Colour) -> Pixels:
        return text_image(choose(rng, ARROWS), self._symbol_font, size, colour)

    def _text(self, rng: Rng, text: str, colour: Colour, size: int = 90) -> Pixels:
        return text_image(text, self._fonts.font(rng), size, colour)

    def _stop(self, rng: Rng) -> Pixels:
        return stop_sign(choose(rng, WORDS), self._fonts.font(rng))

    def _give_way(self, rng: Rng) -> Pixels:
        pixels = _nested(3, np.pi / 2, (1.0, RED), (rng.uniform(0.55, 0.75), WHITE))
        if rng.random() < 0.3:
            _centre(pixels, self._text(rng, choose(rng, ("YIELD", "GIVE WAY")), RED), 0.4, 0.12, down=0.42)
        return pixels

    def _warning(self, rng: Rng) -> Pixels:
        inner = rng.uniform(0.65, 0.8), choose(rng, (WHITE, WHITE, YELLOW))
        pixels = _nested(3, -np.pi / 2, (1.0, RED), inner)
        return _centre(pixels, self._symbol(rng, BLACK), 0.3, 0.3, down=0.56)

    def _diamond(self, rng: Rng) -> Pixels:
        ground = choose(rng, (YELLOW, YELLOW, ORANGE, LIME))
        pixels = _nested(4, 0.0, (1.0, ground if rng.random() < 0.7 else WHITE), (0.94, BLACK), (0.9, ground))
        if rng.random() < 0.2:
            return pixels
        if rng.random() < 0.5:
            return _centre(pixels, self._symbol(rng, BLACK), 0.45, 0.45)
        lines = [self._text(rng, word, BLACK) for word in a_sentence(rng, words=3).upper().split()]
        return _centre(pixels, stack(lines, 10, "centre"), 0.5, 0.4)

    def _ring(self, rng: Rng) -> Pixels:
        edge = RED if rng.random() < 0.9 else (120, 120, 120)
        inner = rng.uniform(0.72, 0.84), choose(rng, (WHITE, WHITE, WHITE, YELLOW, BLUE))
        pixels = _disc((1.0, edge), inner)
        number = str(choose(rng, LIMITS))
        inside = self._text(rng, number, BLACK) if rng.random() < 0.6 else self._symbol(rng, BLACK)
        if rng.random() < 0.9:
            _centre(pixels, inside, 0.5, 0.42)
        if rng.random() < 0.3:
            cv2.line(pixels, (70, 70), (SIZE - 70, SIZE - 70), (*edge, 255), 22, cv2.LINE_AA)
        return pixels

    def _no_entry(self, rng: Rng) -> Pixels:
        pixels = _disc((1.0, RED))
        half = int(SIZE * rng.uniform(0.06, 0.1))
        bar(pixels, 45, SIZE // 2 - half, SIZE - 45, SIZE // 2 + half, WHITE)
        return pixels

    def _mandatory(self, rng: Rng) -> Pixels:
        return _centre(_disc((1.0, WHITE), (0.95, BLUE)), self._symbol(rng, WHITE), 0.55, 0.55)

    def _rule(self, rng: Rng) -> Pixels:
        ground, letters = choose(rng, RULE_SCHEMES)
        pixels = _board(int(rng.uniform(180, 320)), int(rng.uniform(120, 320)), ground, letters)
        lines = [self._text(rng, word, letters) for word in choose(rng, RULES).split()]
        if rng.random() < 0.5:
            lines.append(self._text(rng, str(5 * int(rng.integers(1, 17))), letters, 180))
        elif rng.random() < 0.3:
            lines = [self._arrow(rng, 150, letters)]
        height, width = pixels.shape[:2]
        paste_centred(pixels, stack(lines, 12, "centre"), width / 2, height / 2, (width * 0.82, height * 0.82))
        return pixels

    def _square(self, rng: Rng) -> Pixels:
        pixels = _board(260, choose(rng, (260, 340)), BLUE, WHITE)
        letter = rng.random() < 0.6
        inside = self._text(rng, choose(rng, ("P", "H", "i", "M")), WHITE) if letter else self._symbol(rng, WHITE)
        paste_centred(pixels, inside, 130, pixels.shape[0] / 2, (170, 170))
        return pixels

    def _shield(self, rng: Rng) -> Pixels:
        pixels = blank(SIZE, SIZE)
        ground, letters = choose(rng, SHIELD_SCHEMES)
        fill(pixels, SHIELD, WHITE if ground != WHITE else BLACK)
        fill(pixels, (SHIELD - 160) * 93 // 100 + 160, ground)
        if ground == BLUE:
            bar(pixels, 45, 48, 275, 95, RED)
        paste_centred(pixels, self._text(rng, str(int(rng.integers(1, 400))), letters), 160, 170, (200, 120))
        return pixels

    def _chevron(self, rng: Rng) -> Pixels:
        ground, arrow = choose(rng, CHEVRON_SCHEMES)
        one = blank(180, 240, ground)
        fill(one, CHEVRON, arrow)
        pixels = np.tile(one, (1, int(rng.integers(1, 5)), 1))
        return pixels if rng.random() < 0.5 else np.ascontiguousarray(pixels[:, ::-1])

    def _guide(self, rng: Rng) -> Pixels:
        """Draw a panel with places, distances, arrows and road numbers."""
        ground, letters = choose(rng, GUIDE_SCHEMES)
        font = self._fonts.font(rng)
        lines = [self._guide_line(rng, font, letters) for _ in range(int(rng.integers(1, 5)))]
        inside = stack(lines, int(rng.uniform(20, 45)), choose(rng, ("left", "centre", "centre")))
        return _framed(inside, int(rng.uniform(25, 60)), ground, letters)

    def _guide_line(self, rng: Rng, font: Path, letters: Colour) -> Pixels:
        parts = [text_image(a_sentence(rng, words=2).title().rstrip(".,!?"), font, 64, letters)]
        if rng.random() < 0.35:
            parts.insert(int(rng.integers(2)), self._arrow(rng, 80, letters))
        if rng.random() < 0.3:
            kilometres, number, leaving = (rng.integers(1, most) for most in (90, 300, 99))
            text = choose(rng, (f"{kilometres} km", f"{number}", "1 MILE", f"EXIT {leaving}"))
            parts.append(text_image(text, font, 64, letters))
        if rng.random() < 0.2:
            parts.insert(0, cv2.resize(self._shield(rng), (80, 80), interpolation=cv2.INTER_AREA))
        height, gap = max(part.shape[0] for part in parts), int(rng.uniform(20, 60))
        line = blank(sum(part.shape[1] for part in parts) + gap * (len(parts) - 1), height)
        x = 0
        for part in parts:
            paste(line, part, x, (height - part.shape[0]) // 2)
            x += part.shape[1] + gap
        return line


def stop_sign(word: str, font: Path) -> Pixels:
    """Draw a red octagon with a word."""
    pixels = _nested(8, np.pi / 8, (1.0, WHITE), (0.93, RED))
    return _centre(pixels, text_image(word, font, 90, WHITE), 0.76, 0.34)


def limit_sign(number: int, font: Path) -> Pixels:
    """Draw a speed limit: a red ring with a number."""
    pixels = _disc((1.0, RED), (0.78, WHITE))
    return _centre(pixels, text_image(str(number), font, 120, BLACK), 0.5, 0.42)


def guide_sign(lines: list[str], font: Path) -> Pixels:
    """Draw a blue panel with the names of places."""
    return _framed(stack([text_image(line, font, 64, WHITE) for line in lines], 28, "left"), 45, BLUE, WHITE)


def _corners(count: int, turned: float, size: float) -> Points:
    """Return the corners of a regular polygon about the middle of a square of `SIZE`, as large as fits."""
    angles = turned + np.arange(count) * 2 * np.pi / count
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points /= np.abs(points).max()
    middle = SIZE / 2
    if count == 3:  # about its own centre, which is not that of the square
        points[:, 1] -= points[:, 1].mean()
    return np.round(middle + points * (middle - 4) * size)


def _nested(count: int, turned: float, *layers: tuple[float, Colour]) -> Pixels:
    """Draw regular polygons over one another: the size, 1 for the largest that fits, and the colour of each."""
    pixels = blank(SIZE, SIZE)
    for size, colour in layers:
        fill(pixels, _corners(count, turned, size), colour)
    return pixels


def _disc(*layers: tuple[float, Colour]) -> Pixels:
    return _nested(64, 0.0, *layers)


def _centre(pixels: Pixels, inside: Pixels, wide: float, high: float, down: float = 0.5) -> Pixels:
    """Put an image into a sign, so far down, in a room of these shares of its size; return the sign."""
    paste_centred(pixels, inside, SIZE / 2, SIZE * down, (SIZE * wide, SIZE * high))
    return pixels


def _framed(inside: Pixels, margin: int, ground: Colour, edge: Colour) -> Pixels:
    """Put an image on a board with a margin around it."""
    pixels = _board(inside.shape[1] + 2 * margin, inside.shape[0] + 2 * margin, ground, edge)
    paste(pixels, inside, margin, margin)
    return pixels


def _board(width: int, height: int, ground: Colour, edge: Colour) -> Pixels:
    """Draw a rectangle with rounded corners and a line along its edge."""
    pixels, radius = blank(width, height), max(4, min(width, height) // 14)
    for inset, colour in ((0, ground), (radius // 2 + 2, edge), (radius // 2 + 6, ground)):
        rounded_rectangle(pixels, inset, max(1, radius - inset // 2), (*colour, 255))
    return pixels


def _mounted(rng: Rng, panels: list[Pixels]) -> Patch:
    """Put the panels above one another on a pole, a gantry or nothing."""
    width = max(panel.shape[1] for panel in panels)
    gap = int(rng.uniform(0, 20))
    tall = sum(panel.shape[0] + gap for panel in panels)
    pole = int(tall * rng.uniform(0.2, 1.6)) if rng.random() < 0.7 else 0
    pixels = blank(width, tall + pole)
    if pole:
        half, grey = max(3, int(width * rng.uniform(0.02, 0.05))), int(rng.uniform(40, 190))
        for x in (width // 2,) if width < 1.6 * tall else (width // 5, width * 4 // 5):
            bar(pixels, x - half, 20, x + half, tall + pole, (grey, grey, grey))
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
        things = []
    return Patch(pixels, things)
