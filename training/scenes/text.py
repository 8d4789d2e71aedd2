"""Words and fonts."""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from training.scenes.patch import Colour, Pixels

__all__ = ["Fonts", "a_clock", "a_name", "a_number", "a_sentence", "a_word", "choose", "text_picture"]

T = TypeVar("T")

SCRIPTS = {
    "latin": "abcdefghijklmnopqrstuvwxyz",
    "cyrillic": "абвгдежзиклмнопрстуфхцчшыя",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "han": "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可",
    "kana": "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
}
COMMON = {"latin": "eeeeeaaaiiooouuttnnssrrllddmmccppgghbkvywfzjx"}
CAPITALS_IN = ("latin", "cyrillic", "greek")


def choose(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of the choices, as it is."""
    return choices[int(rng.integers(len(choices)))]


class Fonts:
    """Font files by the scripts that they have letters of."""

    def __init__(self, files: list[Path]) -> None:
        self._by_script: dict[str, list[Path]] = {script: [] for script in SCRIPTS}
        for file in sorted(files):
            for script in _scripts_of(file):
                self._by_script[script].append(file)
        if not self._by_script["latin"]:
            raise ValueError("no font with Latin letters was found")

    def script(self, rng: np.random.Generator) -> str:
        """A script that there is a font for: mostly Latin."""
        if rng.random() < 0.75:
            return "latin"
        return choose(rng, [script for script, files in self._by_script.items() if files])

    def font(self, rng: np.random.Generator, script: str = "latin") -> Path:
        """A font with letters of the script."""
        return choose(rng, self._by_script[script])


@cache
def _scripts_of(file: Path) -> tuple[str, ...]:
    with TTFont(file, fontNumber=0, lazy=True) as font:
        letters = set(font.getBestCmap() or ())
    return tuple(
        script
        for script, alphabet in SCRIPTS.items()
        if all(ord(letter) in letters for letter in alphabet)
        and (script not in CAPITALS_IN or all(ord(letter.upper()) in letters for letter in alphabet))
        and (script != "latin" or all(ord(letter) in letters for letter in "0123456789:.-"))
    )


@lru_cache(maxsize=48)
def _face(file: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


def a_word(rng: np.random.Generator, script: str = "latin", longest: int = 9) -> str:
    """Letters that look like a word."""
    letters = COMMON.get(script, SCRIPTS[script])
    length = int(rng.integers(1, 4)) if script in ("han", "kana") else int(rng.integers(2, longest + 1))
    return "".join(letters[int(i)] for i in rng.integers(len(letters), size=length))


def a_name(rng: np.random.Generator, script: str = "latin") -> str:
    """A word with a capital."""
    return a_word(rng, script).capitalize()


def a_sentence(rng: np.random.Generator, script: str = "latin", words: int = 6) -> str:
    """Some words, in one of the usual cases, with a mark at the end now and then."""
    sentence = " ".join(a_word(rng, script) for _ in range(int(rng.integers(1, words + 1))))
    cased = (sentence.capitalize(), sentence.upper(), sentence.title())[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    return cased + choose(rng, ("", "", ".", "!", "?", "...", ","))


def a_number(rng: np.random.Generator, digits: int = 4) -> str:
    """Digits, with a point or a unit now and then."""
    number = "".join(str(digit) for digit in rng.integers(10, size=int(rng.integers(1, digits + 1))))
    if rng.random() < 0.4:
        number += f".{rng.integers(100)}"
    return number + choose(rng, ("", "", "", "°", " km/h", "%", " m", " fps", "s"))


def a_clock(rng: np.random.Generator) -> str:
    """A time, a timecode, a date or a frame counter."""
    h, m, s, f = (int(value) for value in rng.integers((24, 60, 60, 30)))
    return choose(
        rng,
        (
            f"{h:02}:{m:02}",
            f"{m:02}:{s:02}",
            f"{h:02}:{m:02}:{s:02}",
            f"{h:02}:{m:02}:{s:02}:{f:02}",
            f"00:{m:02}:{s:02}.{f * 33:03}",
            f"20{h:02}-{m % 12 + 1:02}-{f % 28 + 1:02} {h:02}:{m:02}:{s:02}",
            f"{f % 28 + 1:02}/{m % 12 + 1:02}/20{h:02} {h:02}:{m:02}",
            f"Frame {m * 60 + s}",
            f"Frame = {s}",
            f"PTS = {m}.{f}s",
            f"{h * 3600 + m * 60 + s:06}",
            f"REC {m:02}:{s:02}",
            f"T+{m:02}:{s:02}",
        ),
    )


def text_picture(
    text: str,
    font: Path,
    size: int,
    fill: Colour,
    outline: Colour | None = None,
    outline_width: int = 0,
    spacing: float = 0.0,
) -> Pixels:
    """Draws one line of text.

    Args:
        text: The line.
        font: The font file.
        size: The font's size in pixels.
        fill: The letters' colour.
        outline: The colour of their outline.
        outline_width: Its width in pixels.
        spacing: Space put between letters, as a share of the size.

    Returns:
        RGBA, cut to the letters and their outline.
    """
    face = _face(font, max(size, 6))
    letters = list(text) if spacing > 0 else [text]
    gap = spacing * size
    width = int(sum(face.getlength(part) for part in letters) + gap * len(letters)) + 2 * size + 2 * outline_width
    picture = Image.new("RGBA", (width, 3 * size + 2 * outline_width), (*fill, 0) if outline is None else (*outline, 0))
    draw = ImageDraw.Draw(picture)
    x = float(size // 2 + outline_width)
    for part in letters:
        draw.text((x, size), part, font=face, fill=(*fill, 255), stroke_width=outline_width, stroke_fill=outline)
        x += face.getlength(part) + gap
    drawn = picture.getchannel("A").getbbox() or (0, 0, 4, 4)
    return np.asarray(picture.crop(drawn)).copy()
