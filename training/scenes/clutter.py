"""Things that are no class: text in the scene, shapes, objects, and what only looks like a class."""

from pathlib import Path

import cv2
import numpy as np

from training.scenes.backgrounds import Backgrounds
from training.scenes.chance import Rng, a_colour, a_contrast, choose
from training.scenes.codes import code_lookalike
from training.scenes.drawing import paste_centred, read_rgba, stack, weathered
from training.scenes.patch import Patch, Pixels, blank
from training.scenes.screens import Screens
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
        if chance < 0.65:
            return self._with_text(rng)
        if chance < 0.76:
            return code_lookalike(rng)
        if chance < 0.8:
            return self._display(rng)
        return Patch(self._shape(rng))

    def _display(self, rng: Rng) -> Patch:
        """Draw a screen in its frame, on a desk or in a hand: wide or upright."""
        width, height = choose(rng, ((640, 400), (640, 480), (320, 560)))
        edge = int(rng.uniform(0, 40))
        body = blank(width + 2 * edge, height + 2 * edge, a_colour(rng, lightest=0.4))
        paste_centred(body, self._screens.screen(rng, width, height), body.shape[1] / 2, body.shape[0] / 2)
        return Patch(weathered(rng, body))

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

    def _shape(self, rng: Rng) -> Pixels:
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
        return weathered(rng, np.dstack([surface, mask]))
