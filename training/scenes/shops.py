"""Boards over shops: a word on a coloured ground. They are as wide as plates, and no class."""

import numpy as np

from training.scenes.chance import Rng, a_contrast, choose
from training.scenes.drawing import bar, paste_centred, weathered
from training.scenes.patch import Patch, blank
from training.scenes.text import Fonts, a_name, a_number, a_word, text_image

GROUNDS = ((20, 110, 70), (190, 30, 40), (25, 60, 140), (240, 200, 40), (245, 245, 240), (30, 30, 32), (230, 110, 30))
INKS = ((255, 230, 60), (255, 255, 250), (20, 20, 25), (200, 25, 35), (30, 70, 160))


def shop_sign(rng: Rng, fonts: Fonts) -> Patch:
    """Draw a board with one word, and on some a smaller line below it."""
    width, height = 640, int(640 / rng.uniform(1.4, 6))
    if rng.random() < 0.7:
        ground, ink = choose(rng, GROUNDS), choose(rng, INKS)
        while abs(np.subtract(ground, ink)).sum() < 180:
            ink = choose(rng, INKS)
    else:
        ink, ground = a_contrast(rng)
    board = blank(width, height, ground)
    if rng.random() < 0.4:
        bar(board, 0, 0, width - 1, height - 1, ink, int(rng.integers(2, 14)))
    script = fonts.script(rng)
    word = choose(rng, (a_word(rng, script).upper(), a_name(rng, script), a_name(rng, script).upper()))
    below = rng.random() < 0.3
    image = text_image(word, fonts.font(rng, script), 120, ink)
    paste_centred(board, image, width / 2, height * (0.38 if below else 0.5), (width * 0.9, height * 0.6))
    if below:
        line = choose(rng, (a_number(rng), a_word(rng, script)))
        image = text_image(line, fonts.font(rng, script), 50, ink)
        paste_centred(board, image, width / 2, height * 0.82, (width * 0.6, height * 0.25))
    return Patch(weathered(rng, board))
