"""Videos with subtitles that are known to the frame, rendered: several fonts, sizes and scripts, one line or two."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from shared.video.image import Image

WIDTH, HEIGHT = 640, 360
FRAMES_PER_SECOND = 25
MARGIN = 24
"""How far the lowest line is above the bottom, in pixels."""

CUE_FRAMES = (12, 40)
GAP_FRAMES = (0, 0, 0, 1, 3, 12)
"""Half of the subtitles follow each other at once."""

NUMBERED_SHARE = 0.15
"""How many subtitles are like the one before but for a number."""

FRESH_SHARE = 0.2
"""How many subtitles of a clip of alike ones begin with other words."""

LETTERS = "aeknrstv"
"""Letters that do not look alike."""

MOST_WIDTH = 0.95
"""How much of the width a changed line may take."""

WORDS = {
    "latin": (
        "the night train leaves before dawn, and nobody knows where it will stop. We should have asked Martha; she was "
        "there when they closed the harbour. Yes! Do you remember her brother? He paid 25 dollars for an old camera "
        "that never worked. What a day. Take the second road on the left, then wait until I call you back."
    ),
    "chinese": ("今天 晚上 我们 一起 去 看 电影 明天 早上 火车 站 见面 他 说 没有 时间 为什么 不 告诉 我 城市 很 安静"),
    "japanese": (
        "今日は とても 寒い ですね 駅の 前で 待って います どこへ 行くの ありがとう また 明日 電話 して ください"
    ),
}


class Style(NamedTuple):
    """What the subtitles of one clip look like.

    Attributes:
        name: Of the clip.
        font: The package and the file in it.
        size: Height of the font in pixels.
        script: Which words are used.
        lines: How many lines a subtitle has.
        is_moving: Whether the image behind them moves.
        is_alike: Whether each subtitle is like the one before but for a word, a letter or a number.
    """

    name: str
    font: tuple[str, str]
    size: int
    script: str
    lines: int
    is_moving: bool
    is_alike: bool = False


_DEJAVU = "mpl-data/fonts/ttf/DejaVu{}.ttf"
_NOTO = ("justmytype_intl_cjk", "fonts/ofl/notosanssc/NotoSansSC[wght].ttf")
STYLES = (
    Style("sans", ("matplotlib", _DEJAVU.format("Sans")), 24, "latin", 1, is_moving=True),
    Style("bold", ("matplotlib", _DEJAVU.format("Sans-Bold")), 20, "latin", 2, is_moving=False),
    Style("serif", ("matplotlib", _DEJAVU.format("Serif")), 22, "latin", 2, is_moving=True),
    Style("mono", ("matplotlib", _DEJAVU.format("SansMono")), 18, "latin", 1, is_moving=False),
    Style("noto", _NOTO, 28, "latin", 1, is_moving=True),
    Style("chinese", _NOTO, 28, "chinese", 1, is_moving=True),
    Style("chinese-two", _NOTO, 22, "chinese", 2, is_moving=False),
    Style("japanese", _NOTO, 26, "japanese", 1, is_moving=True),
    Style("alike", ("matplotlib", _DEJAVU.format("Sans")), 24, "latin", 1, is_moving=True, is_alike=True),
)


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line of a subtitle, and the first and the last frame that it is in."""

    text: str
    first_frame: int
    last_frame: int


def subtitles(style: Style, count: int, seed: int) -> list[list[KnownLine]]:
    """Return the subtitles of a clip, each with its lines from top to bottom."""
    drawn = random.Random(f"{seed} {style.name}")
    font = _font(style)
    cues: list[list[KnownLine]] = []
    at = drawn.randint(0, 10)
    texts: list[str] = []
    for _ in range(count):
        texts = _next_texts(texts, style, font, drawn)
        last = at + drawn.randint(*CUE_FRAMES) - 1
        cues.append([KnownLine(text, at, last) for text in texts])
        at = last + 1 + drawn.choice(GAP_FRAMES)
    return cues


def _next_texts(before: list[str], style: Style, font: ImageFont.FreeTypeFont, drawn: random.Random) -> list[str]:
    if style.is_alike:
        is_fresh = not before or drawn.random() < FRESH_SHARE
        return [f"{drawn.randint(1, 80)} {_words(style, font, drawn)}" if is_fresh else _alike(before[0], font, drawn)]
    numbers = [word for word in before[-1].split() if word.isdigit()] if before else []
    if drawn.random() < NUMBERED_SHARE and style.script == "latin":
        if numbers:
            changed = before[-1].replace(numbers[0], str(int(numbers[0]) + 1), 1)
            return [*(_words(style, font, drawn) for _ in before[:-1]), changed]
        return [*(_words(style, font, drawn) for _ in range(style.lines - 1)), f"Chapter {drawn.randint(1, 80)} begins"]
    while True:
        texts = [_words(style, font, drawn) for _ in range(style.lines)]
        if not set(texts) & set(before):
            return texts


def _alike(text: str, font: ImageFont.FreeTypeFont, drawn: random.Random) -> str:
    """Return a text, which begins with a number, with another number, another word or another letter."""
    number, *words = text.split()
    place = drawn.randrange(len(words))
    change = drawn.choice(("number", "word", "letter"))
    if change == "number":
        return " ".join((str(int(number) + 1), *words))
    while True:
        changed = drawn.choice(WORDS["latin"].split())
        if change == "letter":
            at = drawn.randrange(len(words[place]))
            changed = words[place][:at] + drawn.choice(LETTERS) + words[place][at + 1 :]
        line = " ".join((number, *words[:place], changed, *words[place + 1 :]))
        if line.casefold() != text.casefold() and font.getlength(line) < MOST_WIDTH * WIDTH:
            return line


def _words(style: Style, font: ImageFont.FreeTypeFont, drawn: random.Random) -> str:
    """Return words as they stand in a row of the source, as many as fit into a line of random width."""
    words = WORDS[style.script].split()
    blank = " " if style.script == "latin" else ""
    most = drawn.uniform(0.25, 0.85) * WIDTH
    place = drawn.randrange(len(words))
    text = words[place]
    while font.getlength(longer := blank.join((text, words[(place := place + 1) % len(words)]))) < most:
        text = longer
    return text


def write_clip(path: Path, style: Style, cues: list[list[KnownLine]], seed: int) -> None:
    """Write an H.264 video with these subtitles, as a web page would show it: crf 23, medium."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for image in _images(style, cues, seed):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def _images(style: Style, cues: list[list[KnownLine]], seed: int) -> Iterator[Image]:
    scene = _scene(seed)
    font = _font(style)
    shown = {frame: cue for cue in cues for frame in range(cue[0].first_frame, cue[0].last_frame + 1)}
    for frame in range(max(shown) + 10):
        offset = 2 * frame if style.is_moving else 0
        image = np.roll(scene, (-offset // 3, -offset), axis=(0, 1))[:HEIGHT, :WIDTH]
        yield _with_lines(image, shown[frame], font) if frame in shown else np.ascontiguousarray(image)


def _scene(seed: int) -> Image:
    """Return an image larger than a frame, of blurred shapes and some sharp edges, in middle tones."""
    drawn = np.random.default_rng(seed)
    coarse = drawn.integers(40, 180, (9, 16, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        x, y, wide, high = (int(value) for value in drawn.integers((0, 0, 20, 20), (2 * WIDTH, 2 * HEIGHT, 200, 120)))
        colour = tuple(int(value) for value in drawn.integers(30, 190, 3))
        cv2.ellipse(scene, (x, y), (wide, high), 0, 0, 360, colour, -1, cv2.LINE_AA)
    return np.asarray(scene, np.uint8)


def _with_lines(image: Image, cue: list[KnownLine], font: ImageFont.FreeTypeFont) -> Image:
    canvas = PilImage.fromarray(np.ascontiguousarray(image))
    draw = ImageDraw.Draw(canvas)
    step = round(font.size * 1.35)
    for row, line in enumerate(reversed(cue)):
        place = (WIDTH / 2, HEIGHT - MARGIN - row * step)
        draw.text(place, line.text, "white", font, "ms", stroke_width=2, stroke_fill="black")
    return np.asarray(canvas)


def _font(style: Style) -> ImageFont.FreeTypeFont:
    package, name = style.font
    return ImageFont.truetype(str(files(package) / name), style.size)
