"""Words and fonts."""

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from training.scenes.chance import Colour, Rng, choose
from training.scenes.patch import Pixels

SCRIPTS = {
    "latin": "abcdefghijklmnopqrstuvwxyz",
    "cyrillic": "абвгдежзиклмнопрстуфхцчшыя",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "han": "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可",
    "kana": "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
}
COMMON = {"latin": "eeeeeaaaiiooouuttnnssrrllddmmccppgghbkvywfzjx"}
CAPITALS_IN = ("latin", "cyrillic", "greek")


class Fonts:
    """Font files by the scripts that they have letters of.

    Raises:
        ValueError: No file has Latin letters.
    """

    def __init__(self, files: list[Path]) -> None:
        self._by_script: dict[str, list[Path]] = {
            script: [file for file in sorted(files) if script in _scripts_of(file)] for script in SCRIPTS
        }
        if not self._by_script["latin"]:
            raise ValueError("no font with Latin letters was found")

    def script(self, rng: Rng) -> str:
        """Return a script that there is a font for: mostly Latin."""
        if rng.random() < 0.75:
            return "latin"
        return choose(rng, [script for script, files in self._by_script.items() if files])

    def font(self, rng: Rng, script: str = "latin") -> Path:
        """Return a font with letters of the script."""
        return choose(rng, self._by_script[script])


@cache
def _scripts_of(file: Path) -> tuple[str, ...]:
    with TTFont(file, fontNumber=0, lazy=True) as font:
        letters = set(font.getBestCmap() or ())
    return tuple(script for script in SCRIPTS if letters.issuperset(map(ord, _needed(script))))


def _needed(script: str) -> str:
    alphabet = SCRIPTS[script] + (SCRIPTS[script].upper() if script in CAPITALS_IN else "")
    return alphabet + ("0123456789:.-" if script == "latin" else "")


@lru_cache(maxsize=48)
def _face(file: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


def a_word(rng: Rng, script: str = "latin", longest: int = 9) -> str:
    """Return letters that look like a word."""
    letters = COMMON.get(script, SCRIPTS[script])
    length = int(rng.integers(1, 4)) if script in ("han", "kana") else int(rng.integers(2, longest + 1))
    return "".join(letters[int(i)] for i in rng.integers(len(letters), size=length))


def a_name(rng: Rng, script: str = "latin") -> str:
    """Return a word with a capital."""
    return a_word(rng, script).capitalize()


def a_sentence(rng: Rng, script: str = "latin", words: int = 6) -> str:
    """Return some words, in one of the usual cases, with a mark at the end now and then."""
    sentence = " ".join(a_word(rng, script) for _ in range(int(rng.integers(1, words + 1))))
    cased = (sentence.capitalize(), sentence.upper(), sentence.title())[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    return cased + choose(rng, ("", "", ".", "!", "?", "...", ","))


def digits(rng: Rng, count: int) -> str:
    """Return so many digits."""
    return "".join(map(str, rng.integers(10, size=count)))


def a_number(rng: Rng, longest: int = 4) -> str:
    """Return digits, with a point or a unit now and then."""
    number = digits(rng, int(rng.integers(1, longest + 1)))
    if rng.random() < 0.4:
        number += f".{rng.integers(100)}"
    return number + choose(rng, ("", "", "", "°", " km/h", "%", " m", " fps", "s"))


def a_clock(rng: Rng) -> str:
    """Return a time, a timecode, a date or a frame counter."""
    h, m, s, f = (int(value) for value in rng.integers((24, 60, 60, 30)))
    seconds = f"{m:02}:{s:02}"
    forms = (
        f"{h:02}:{m:02}", seconds, f"{h:02}:{seconds}", f"{h:02}:{seconds}:{f:02}", f"00:{seconds}.{f * 33:03}",
        f"20{h:02}-{m % 12 + 1:02}-{f % 28 + 1:02} {h:02}:{seconds}",
        f"{f % 28 + 1:02}/{m % 12 + 1:02}/20{h:02} {h:02}:{m:02}",
        f"Frame {m * 60 + s}", f"Frame = {s}", f"PTS = {m}.{f}s", f"{h * 3600 + m * 60 + s:06}",
        f"REC {seconds}", f"T+{seconds}",
    )  # fmt: skip
    return choose(rng, forms)


def text_image(
    text: str, font: Path, size: int, fill: Colour, edge: Colour | None = None, edge_width: int = 0, gap: float = 0.0
) -> Pixels:
    """Draw one line of text.

    Args:
        text: The line.
        font: The font file.
        size: The font's size in pixels.
        fill: The letters' colour.
        edge: The colour of their outline.
        edge_width: Its width in pixels.
        gap: Space put between letters, as a share of the size.

    Returns:
        RGBA, cut to the letters and their outline.
    """
    face = _face(font, max(size, 6))
    letters = list(text) if gap > 0 else [text]
    gap *= size
    width = int(sum(face.getlength(part) for part in letters) + gap * len(letters)) + 2 * size + 2 * edge_width
    image = Image.new("RGBA", (width, 3 * size + 2 * edge_width), (*(edge or fill), 0))
    draw = ImageDraw.Draw(image)
    x = float(size // 2 + edge_width)
    for part in letters:
        draw.text((x, size), part, font=face, fill=(*fill, 255), stroke_width=edge_width, stroke_fill=edge)
        x += face.getlength(part) + gap
    drawn = image.getchannel("A").getbbox() or (0, 0, 4, 4)
    return np.asarray(image.crop(drawn)).copy()
