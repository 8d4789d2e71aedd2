"""Things that are no class: text in the scene, shapes, objects, and what only looks like a class."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from training.scenes.backgrounds import Backgrounds
from training.scenes.chance import Rng, a_colour, a_contrast, choose, log_uniform
from training.scenes.codes import code_lookalike
from training.scenes.drawing import paste_centred, read_rgba, rounded_rectangle, stack, weathered
from training.scenes.patch import Patch, blank
from training.scenes.screens import Screens
from training.scenes.shops import shop_sign
from training.scenes.text import Fonts, a_number, a_sentence, a_word, text_image


class Clutter:
    """Draws things without a label; `cutouts` are images of objects with transparent surroundings."""

    def __init__(self, fonts: Fonts, backgrounds: Backgrounds, cutouts: list[Path]) -> None:
        self._fonts = fonts
        self._backgrounds = backgrounds
        self._cutouts = cutouts
        self._screens = Screens(fonts, backgrounds)

    def thing(self, rng: Rng) -> Patch:
        """Draw one thing."""
        chance = rng.random()
        if chance < 0.35 and self._cutouts:
            return Patch(read_rgba(choose(rng, self._cutouts)))
        kinds = (
            (0.58, self._with_text),
            (0.67, partial(shop_sign, fonts=self._fonts)),
            (0.76, code_lookalike),
            (0.8, self._display),
            (0.83, _leaves),
            (0.87, self._mirror),
            (0.9, self._ball),
        )
        draw = next((draw for limit, draw in kinds if chance < limit), self._shape)
        return draw(rng)

    def _display(self, rng: Rng) -> Patch:
        """Draw a screen in its frame, on a desk or in a hand: wide or upright."""
        width, height = choose(rng, ((640, 400), (640, 480), (320, 560)))
        edge = int(rng.uniform(0, 40))
        body = blank(width + 2 * edge, height + 2 * edge, a_colour(rng, lightest=0.4))
        paste_centred(body, self._screens.screen(rng, width, height), body.shape[1] / 2, body.shape[0] / 2)
        return Patch(weathered(rng, body))

    def _mirror(self, rng: Rng) -> Patch:
        """Draw a mirror or a window in its dark frame, with leaves or a bright scene in it."""
        size = 240
        scene = self._backgrounds.photo(rng, size, size).astype(np.float32) * rng.uniform(1, 2) - rng.uniform(0, 80)
        shown = _leaves(rng).pixels[..., :3] if rng.random() < 0.6 else np.clip(scene, 0, 255).astype(np.uint8)
        frame, glass = blank(size, size), blank(size, size)
        edge, radius = int(rng.integers(6, 40)), int(rng.integers(8, 78))
        rounded_rectangle(frame, 1, radius + edge, (*a_colour(rng, lightest=0.25), 255))
        rounded_rectangle(glass, edge, radius, (255, 255, 255, 255))
        inside = glass[..., 3] > 0
        frame[inside, :3] = shown[inside]
        return Patch(frame)

    def _with_text(self, rng: Rng) -> Patch:
        """Draw a shop's sign, a poster, a page, a shirt, letters on a wall: text of the scene, which is no caption."""
        ink, ground = a_contrast(rng)
        script = self._fonts.script(rng)
        lines = []
        for _ in range(int(rng.choice([1, 2, 4, 9], p=[0.45, 0.3, 0.15, 0.1]))):
            text = choose(rng, (a_word(rng, script).upper(), a_sentence(rng, script, 4), a_number(rng)))
            lines.append(text_image(text, self._fonts.font(rng, script), int(rng.uniform(24, 90)), ink))
        block = stack(lines, int(rng.uniform(8, 40)), choose(rng, ("left", "centre")))
        if rng.random() < 0.25:
            return Patch(weathered(rng, block))
        margin = int(rng.uniform(10, 120))
        width, height = block.shape[1] + 2 * margin, block.shape[0] + 2 * margin
        board = blank(width, height, ground)
        if rng.random() < 0.4:
            board[..., :3] = self._backgrounds.photo(rng, width, height) // 2 + np.array(ground, np.uint8) // 2
        paste_centred(board, block, width / 2, height / 2)
        return Patch(weathered(rng, board))

    def _ball(self, rng: Rng) -> Patch:
        """Draw a ball, shaded, with seams and a word on it."""
        ball = blank(240, 240, a_colour(rng))
        seam = (*a_colour(rng, 0.4), 255)
        for _ in range(int(rng.integers(0, 5))):
            x, y = rng.integers(-80, 320, size=2).tolist()
            cv2.circle(ball, (x, y), int(rng.integers(60, 240)), seam, int(rng.integers(2, 6)), cv2.LINE_AA)
        script = self._fonts.script(rng)
        ink, _ = a_contrast(rng)
        word = text_image(a_word(rng, script).upper(), self._fonts.font(rng, script), int(rng.uniform(24, 60)), ink)
        turned = np.rot90(word, int(rng.integers(4)))
        paste_centred(ball, turned, rng.uniform(80, 160), rng.uniform(80, 160), fit=(170, 170))
        across, down = np.meshgrid(*[np.linspace(-1, 1, 240)] * 2)
        from_light = np.hypot(across - rng.uniform(-0.5, 0.5), down + rng.uniform(0, 0.6))
        ball[..., :3] = (ball[..., :3] * np.clip(1.15 - 0.5 * from_light, 0, 1)[..., None]).astype(np.uint8)
        ball[..., 3] = np.where(np.hypot(across, down) < 0.97, 255, 0)
        return Patch(ball)

    def _shape(self, rng: Rng) -> Patch:
        """Draw a disc, a ring, a polygon or a panel: what could be taken for a sign or a plate."""
        size = 240
        mask = np.zeros((size, size), np.uint8)
        kind = int(rng.integers(4))
        if kind == 0:
            cv2.circle(
                mask, (120, 120), 115, (255,), -1 if rng.random() < 0.6 else int(rng.integers(8, 60)), cv2.LINE_AA
            )
        elif kind == 1:
            mask[int(rng.uniform(0, 110)) : 240 - int(rng.uniform(0, 110))] = 255
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
            corners = 115 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            points = 120 + corners * rng.uniform(0.5, 1, (len(angles), 1))
            cv2.fillPoly(mask, [points.astype(np.int32)], (255,), cv2.LINE_AA)
        surface = np.full((size, size, 3), a_colour(rng), np.uint8)
        surface = surface if rng.random() < 0.6 else self._backgrounds.photo(rng, size, size)
        return Patch(weathered(rng, np.dstack([surface, mask])))


def _leaves(rng: Rng) -> Patch:
    """Draw leaves against the light, as a bush, a window or a mirror shows them: spots as sharp as those of a code."""
    size = 240
    shown = blank(size, size, a_colour(rng, 0.3))
    green = rng.integers((30, 70, 10), (120, 190, 90))
    long = log_uniform(rng, 3, 14)
    for _ in range(int(min(12_000 / long**2, 1_200))):
        x, y = rng.integers(size, size=2).tolist()
        light = rng.choice([0.35, 0.7, 1.0, 1.3, 2.2], p=[0.25, 0.2, 0.25, 0.2, 0.1])
        colour = np.clip(green * light, 0, 255).astype(int).tolist()
        axes = max(1, int(long)), max(1, int(long * rng.uniform(0.3, 0.7)))
        cv2.ellipse(shown, (x, y), axes, rng.uniform(0, 360), 0, 360, (*colour, 255), -1, cv2.LINE_AA)
    mask = blank(size, size)
    if rng.random() < 0.4:
        axes = 118, int(rng.uniform(60, 118))
        cv2.ellipse(mask, (120, 120), axes, 0, 0, 360, (255, 255, 255, 255), -1, cv2.LINE_AA)
    else:
        rounded_rectangle(mask, 1, int(rng.integers(2, 118)), (255, 255, 255, 255))
    shown[..., 3] = mask[..., 3]
    return Patch(shown)
