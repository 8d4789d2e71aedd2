"""Screens of computers and phones: icons with names, windows, lists, keys. What stands on them is no class."""

from collections.abc import Callable

import cv2
import numpy as np

from training.scenes.backgrounds import Backgrounds
from training.scenes.chance import Rng, a_colour, a_contrast, choose
from training.scenes.drawing import paste, paste_centred, rounded_rectangle
from training.scenes.patch import Pixels, blank
from training.scenes.text import Fonts, a_name, a_number, a_sentence, text_image

Write = Callable[[str, int], Pixels]
"""Draws a line of text in a size of pixels."""


class Screens:
    """Draws what a screen shows, seen from the front."""

    def __init__(self, fonts: Fonts, backgrounds: Backgrounds) -> None:
        self._fonts = fonts
        self._backgrounds = backgrounds

    def screen(self, rng: Rng, width: int, height: int) -> Pixels:
        """Draw an opaque screen of the given size: RGBA."""
        ink, ground = a_contrast(rng)
        pixels = blank(width, height, ground)
        if rng.random() < 0.3:
            pixels[..., :3] = self._backgrounds.photo(rng, width, height)
        script = self._fonts.script(rng)
        font = self._fonts.font(rng, script)
        draw = choose(rng, (self._icons, self._window, self._window, self._keys, self._dialog, self._dialog))
        draw(rng, pixels, lambda text, size: text_image(text, font, size, ink), script)
        if rng.random() < 0.5:  # the bar of the system or of the browser
            bar = blank(width, max(10, height // int(rng.integers(14, 30))), a_colour(rng))
            words = text_image(a_name(rng, script), font, max(6, bar.shape[0] // 2), ink)
            paste_centred(bar, words, width * rng.uniform(0.05, 0.95), bar.shape[0] / 2)
            paste(pixels, bar, 0, 0 if rng.random() < 0.5 else height - bar.shape[0])
        return pixels

    def _icons(self, rng: Rng, pixels: Pixels, text: Write, script: str) -> None:
        """Draw a grid of icons or folders, mostly of one kind, with a name below each."""
        height, width = pixels.shape[:2]
        step = width / int(rng.integers(3, 10))
        size = int(step * rng.uniform(0.3, 0.7))
        named = rng.random() < 0.8
        usual = None if rng.random() < 0.5 else _icon(rng, size)
        for y in np.arange(step * rng.uniform(0.3, 0.9), height, step * rng.uniform(0.8, 1.3)):
            for x in np.arange(step / 2, width, step):
                if rng.random() < 0.1:
                    continue
                paste_centred(pixels, _icon(rng, size) if usual is None else usual, x, y)
                if named and size > 16:
                    name = text(a_name(rng, script), max(6, size // 5))
                    paste_centred(pixels, name, x, y + size * 0.7, fit=(min(step * 0.9, name.shape[1]), name.shape[0]))

    def _window(self, rng: Rng, pixels: Pixels, text: Write, script: str) -> None:
        """Draw a title and lines below it: a page, a list with marks before its lines, or a table."""
        height, width = pixels.shape[:2]
        size = int(np.clip(height / rng.uniform(10, 34), 7, 40))
        left = width * rng.uniform(0.02, 0.3)
        columns = int(rng.choice([1, 1, 2, 4]))
        mark = _icon(rng, size) if rng.random() < 0.5 else None
        paste(pixels, text(a_sentence(rng, script, 3), int(size * 1.6)), int(left), size)
        for y in np.arange(size * 4, height - size, size * rng.uniform(1.3, 2.4)):
            for column in range(columns):
                x = left + column * (width - left) / columns
                if mark is not None:
                    paste_centred(pixels, mark, x, y + size / 2)
                words = text(choose(rng, (a_sentence(rng, script, 8), a_sentence(rng, script, 3), a_number(rng))), size)
                room = int((width - left) / columns - 2 * size)
                paste(pixels, words[:, : max(room, 1)], int(x + size), int(y))
            if rng.random() < 0.2:
                cv2.line(pixels, (int(left), int(y)), (width, int(y)), (*a_colour(rng), 255), 1)

    def _keys(self, rng: Rng, pixels: Pixels, text: Write, script: str) -> None:
        """Draw rows of keys or buttons with a letter or a word on each."""
        height, width = pixels.shape[:2]
        columns = int(rng.integers(3, 13))
        step = width / columns
        if rng.random() < 0.35:  # round ones, as lamps and switches of machines are
            key = blank(int(step * 0.9), int(step * 0.9))
            rounded_rectangle(key, 0, max(1, min(key.shape[:2]) // 2 - 1), (*a_colour(rng), 255))
            rounded_rectangle(key, int(step * rng.uniform(0.02, 0.15)), max(1, int(step * 0.25)), (*a_colour(rng), 255))
        else:
            key = blank(int(step * 0.9), int(step * rng.uniform(0.5, 0.95)))
            rounded_rectangle(key, 0, max(1, min(key.shape[:2]) // int(rng.integers(3, 12))), (*a_colour(rng), 255))
        for y in np.arange(height * rng.uniform(0, 0.6), height, key.shape[0] + step * 0.1):
            for x in np.arange(step / 2, width, step):
                paste_centred(pixels, key, x, y)
                label = a_name(rng, script)[: int(rng.choice([1, 1, 1, 5]))]
                paste_centred(pixels, text(label, int(key.shape[0] * 0.5)), x, y, fit=(step * 0.7, key.shape[0] * 0.6))

    def _dialog(self, rng: Rng, pixels: Pixels, text: Write, script: str) -> None:
        """Draw bars of raised buttons with a word or two on each, and a framed box of lines, an image beside them."""
        height, width = pixels.shape[:2]
        for y in rng.uniform(0.03, 0.97, int(rng.integers(1, 4))) * height:
            self._buttons(rng, pixels, text, script, float(y))
        box = blank(int(width * rng.uniform(0.35, 0.75)), int(height * rng.uniform(0.15, 0.45)), a_colour(rng, 0.5))
        edge = int(rng.integers(1, 8))
        cv2.rectangle(box, (0, 0), (box.shape[1] - 1, box.shape[0] - 1), (*a_colour(rng), 255), edge)
        left = edge + 4
        if rng.random() < 0.6:
            side = int(box.shape[0] * 0.7)
            image = np.dstack([self._backgrounds.photo(rng, side, side), np.full((side, side), 255, np.uint8)])
            paste(box, image, left, (box.shape[0] - side) // 2)
            left += side + 6
        size = int(np.clip(box.shape[0] / rng.uniform(3, 6), 7, 40))
        for y in range(edge + 4, box.shape[0] - size - edge, int(size * rng.uniform(1.2, 1.8))):
            words = text(choose(rng, (a_sentence(rng, script, 3), a_name(rng, script))), size)
            paste(box, words[:, : max(box.shape[1] - left - edge, 1)], left, y)
        paste_centred(pixels, box, width * rng.uniform(0.35, 0.65), height * rng.uniform(0.3, 0.7))

    def _buttons(self, rng: Rng, pixels: Pixels, text: Write, script: str, middle: float) -> None:
        width = pixels.shape[1]
        step = width / int(rng.integers(2, 9))
        high = int(max(12, pixels.shape[0] * rng.uniform(0.05, 0.16)))
        face, light, shade = a_colour(rng), a_colour(rng, darkest=0.5), a_colour(rng, 0.4)
        for x in np.arange(step / 2, width, step):
            if rng.random() < 0.15:
                continue
            button = blank(max(int(step * 0.95), 8), high, face)
            cv2.rectangle(button, (0, 0), (button.shape[1] - 1, high - 1), (*shade, 255), max(1, high // 12))
            cv2.line(button, (0, 0), (button.shape[1], 0), (*light, 255), max(1, high // 10))
            two = high > 24 and rng.random() < 0.4
            for row in range(1 + two):
                words = text(a_name(rng, script), max(7, int(high * (0.3 if two else 0.5))))
                place = high * (0.3 + 0.4 * row if two else 0.5)
                fit = step * 0.85, high * (0.38 if two else 0.7)
                paste_centred(button, words, button.shape[1] / 2, place, fit=fit)
            paste_centred(pixels, button, x, middle)


def _icon(rng: Rng, size: int) -> Pixels:
    """Draw a folder, a tile, a disc or a sheet with a figure on it."""
    large = 96
    icon = blank(large, large)
    body, figure = ((*colour, 255) for colour in a_contrast(rng))
    kind = int(rng.integers(4))
    if kind == 0:
        cv2.rectangle(icon, (8, 14), (44, 30), body, -1)
        cv2.rectangle(icon, (4, 24), (92, 84), body, -1)
    elif kind == 1:
        rounded_rectangle(icon, 4, int(rng.integers(4, 30)), body)
    elif kind == 2:
        cv2.circle(icon, (48, 48), 44, body, -1, cv2.LINE_AA)
    else:
        corners = np.array([[16, 4], [62, 4], [80, 22], [80, 92], [16, 92]], np.int32)
        cv2.fillPoly(icon, [corners], body, cv2.LINE_AA)
    points = rng.uniform(28, 70, (int(rng.integers(2, 6)), 2)).astype(np.int32)
    cv2.polylines(icon, [points], bool(rng.random() < 0.5), figure, int(rng.integers(3, 10)), cv2.LINE_AA)
    if rng.random() < 0.4:
        cv2.circle(icon, (48, 52), int(rng.integers(8, 24)), figure, -1 if rng.random() < 0.5 else 5, cv2.LINE_AA)
    return cv2.resize(icon, (max(size, 4), max(size, 4)), interpolation=cv2.INTER_AREA)
