"""Recordings of large screens, rendered: small type in a bar, an editor, a terminal and a page with large letters."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

FRAMES_PER_SECOND = 25


class Screen(NamedTuple):
    """What a screen is like.

    Attributes:
        name: Of its clip.
        width: In pixels.
        height: In pixels.
        scale: Pixels for each of a layout that is made for 96 dots an inch, as systems scale what they show.
        script: Of the words: a key of `WORDS`.
        is_dark: Whether the letters are bright.
    """

    name: str
    width: int
    height: int
    scale: float
    script: str
    is_dark: bool


SCREENS = (
    Screen("screen_1440p", 2560, 1440, 1.0, "latin", is_dark=True),
    Screen("screen_1440p_chinese", 2560, 1440, 1.25, "chinese", is_dark=False),
    Screen("screen_4k_single", 3840, 2160, 1.0, "latin", is_dark=True),
    Screen("screen_4k", 3840, 2160, 1.5, "latin", is_dark=False),
    Screen("screen_4k_double", 3840, 2160, 2.0, "latin", is_dark=True),
    Screen("screen_4k_japanese", 3840, 2160, 1.5, "japanese", is_dark=True),
)

WORDS = {
    "latin": (
        "Archive Bookmarks Calendar Develop Extensions Favourites Gallery History Inspect Journal Keyboard Library "
        "Messages Navigate Outline Preview Quarantine Repository Selection Terminal Undelete Viewport Window Yesterday"
    ),
    "chinese": "文件编辑 查看历史 设置窗口 工具帮助 打开项目 保存副本 网络连接 系统更新 用户目录 搜索结果 数据备份",
    "japanese": "ファイル 編集する 表示設定 ウインドウ 履歴検索 保存場所 印刷予約 更新確認 接続状態 利用時間 音声入力",
}
NAMES = "buffer cursor decode encode filter gather handle insert journal kernel lookup mapper"

_DEJAVU = "mpl-data/fonts/ttf/DejaVu{}.ttf"
_SANS = {
    "latin": ("matplotlib", _DEJAVU.format("Sans")),
    "chinese": ("justmytype_intl_cjk", "fonts/ofl/notosanssc/NotoSansSC[wght].ttf"),
    "japanese": ("justmytype_intl_cjk", "fonts/ofl/notosansjp/NotoSansJP[wght].ttf"),
}
_MONO = ("matplotlib", _DEJAVU.format("SansMono"))

SMALL, PLAIN, LARGE, HUGE = 12, 14, 48, 260
"""Sizes of fonts, in pixels at 96 dots an inch."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text on a screen.

    Attributes:
        value: The text.
        left: In pixels at 96 dots an inch, as the other numbers.
        top: Of its highest letters.
        size: Of the font.
        is_mono: Whether all letters are of one width, as in a terminal.
    """

    value: str
    left: float
    top: float
    size: int = PLAIN
    is_mono: bool = False


def write_screen_clip(path: Path, screen: Screen, frames: int, seed: int = 1) -> dict[str, Any]:
    """Write an H.264 video of a screen that shows something else in each frame.

    Args:
        path: The file to write.
        screen: What the screen is like.
        frames: How many frames.
        seed: Of the words.

    Returns:
        What is in the video, as `benchmarks.quality` knows it.
    """
    shown = [_texts(screen, random.Random(f"{seed} {screen.name} {index}")) for index in range(frames)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = screen.width, screen.height, "yuv420p"
        for texts in shown:
            image = np.asarray(_drawn(screen, texts))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    known = [
        {"value": text.value, "first_frame": index, "last_frame": index}
        for index, texts in enumerate(shown)
        for text in texts
    ]
    return {"file": path.name, "frames": frames, "text": known, "labels": [], "empty_text": False}


def _texts(screen: Screen, drawn: random.Random) -> list[_Text]:
    """Return the texts of a screen: below a bar an editor on the left, on the right a terminal under a page."""
    width, height = screen.width / screen.scale, screen.height / screen.scale
    words = drawn.sample(WORDS[screen.script].split(), 9)
    middle = 0.55 * width
    return [
        *(_Text(word, 30 + 110 * place, 6, SMALL + 1) for place, word in enumerate(words[:5])),
        _Text(f"{drawn.randint(10, 23)}:{drawn.randint(10, 59)}:{drawn.randint(10, 59)}", width - 90, 6, SMALL + 1),
        *_code(drawn, 40, 70, rows=drawn.randint(8, 14)),
        _Text(words[5], middle, 0.06 * height, LARGE),
        _Text(words[6], middle, 0.06 * height + 80, PLAIN),
        _Text(f"{drawn.randint(100, 999)}", middle + 60, 0.2 * height, HUGE),
        _Text(f"{words[7]} - 80x24", middle + 150, 0.62 * height, SMALL),
        *_code(drawn, middle + 10, 0.62 * height + 30, rows=drawn.randint(4, 8)),
        _Text(f"{words[8]} {drawn.randint(100, 999)}", 40, height - 22, SMALL),
    ]


def _code(drawn: random.Random, left: float, top: float, rows: int) -> Iterator[_Text]:
    for row in range(rows):
        first, second, third = drawn.sample(NAMES.split(), 3)
        indent = 4 * 8 * drawn.randint(0, 3)
        value = f"{first}_{second} = {third}({drawn.randint(1000, 9999)})"
        yield _Text(value, left + indent, top + 21 * row, drawn.choice((PLAIN - 1, PLAIN)), is_mono=True)


def _drawn(screen: Screen, texts: list[_Text]) -> PilImage.Image:
    ink, window, desk = ((215, 218, 224), (30, 33, 40), (52, 60, 78))
    if not screen.is_dark:
        ink, window, desk = ((35, 38, 45), (250, 250, 248), (190, 204, 214))
    image = PilImage.new("RGB", (screen.width, screen.height), desk)
    draw = ImageDraw.Draw(image)
    for left, top, right, bottom in ((0.01, 0.04, 0.5, 0.95), (0.53, 0.04, 0.98, 0.58), (0.53, 0.61, 0.98, 0.95)):
        corners = (left * screen.width, top * screen.height, right * screen.width, bottom * screen.height)
        draw.rectangle(corners, window, ink)
    for text in texts:
        font = _font(*(_MONO if text.is_mono else _SANS[screen.script]), round(text.size * screen.scale))
        draw.text((text.left * screen.scale, text.top * screen.scale), text.value, ink, font)
    return image


def _font(package: str, name: str, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(files(package) / name), size)
    if "[wght]" in name:
        font.set_variation_by_name("Regular")
    return font
