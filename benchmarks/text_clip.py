"""A video full of text, rendered: what a screen recording, a slide show or a departure board looks like."""

import random
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from shared.video.image import Image

WIDTH, HEIGHT = 1280, 720
FRAMES_PER_SECOND = 25
ROWS = 7
ROW_HEIGHT = HEIGHT // ROWS
LINE_WIDTHS = (100, 1050)
"""Lines are as long as on slides and boards: from one word to the image's width, in pixels."""
WORDS = [
    "Invoice", "total", "1,284.50", "EUR", "platform", "9", "departs", "14:35", "gate", "B27", "delayed", "reference",
    "AX-7741", "please", "keep", "your", "ticket", "quarterly", "report", "revenue", "growth", "margin", "exit",
    "north", "parking", "level", "open", "Monday", "closed", "chapter", "section", "figure",
]  # fmt: skip


def write_text_clip(path: Path, frames: int, seed: int = 1) -> None:
    """Write an H.264 video of 1280x720 with seven moving lines of text in every frame, short and long ones.

    Args:
        path: The file to write.
        frames: How many frames.
        seed: Of the words and how they move.
    """
    lines = _lines(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_image(lines, index), format="bgr24")))
        container.mux(stream.encode(None))


def text_clip_content(path: Path, frames: int, seed: int = 1) -> dict[str, Any]:
    """Return what is in the video that `write_text_clip` wrote, as `benchmarks.quality` knows it.

    A line counts while all of it is in the image.
    """
    texts = []
    for line in _lines(seed):
        whole = [index for index in range(frames) if line.is_whole(index)]
        if whole:
            texts.append({"value": line.text, "first_frame": whole[0], "last_frame": whole[-1]})
    return {"file": path.name, "frames": frames, "text": texts, "labels": [], "empty_text": False}


def _lines(seed: int) -> "list[_Line]":
    drawn = random.Random(seed)
    return [_Line(drawn, row) for row in range(ROWS)]


class _Line:
    def __init__(self, drawn: random.Random, row: int) -> None:
        self.size = drawn.uniform(0.8, 1.3)
        self.text = drawn.choice(WORDS)
        most = drawn.uniform(*LINE_WIDTHS)
        while _width(longer := f"{self.text} {drawn.choice(WORDS)}", self.size) <= most:
            self.text = longer
        self.left = drawn.randint(20, 200)
        self.baseline = row * ROW_HEIGHT + ROW_HEIGHT // 2
        self.pixels_a_frame = drawn.uniform(-1.5, 1.5)

    def left_at(self, index: int) -> int:
        return int(self.left + index * self.pixels_a_frame)

    def is_whole(self, index: int) -> bool:
        return 0 <= self.left_at(index) <= WIDTH - _width(self.text, self.size)


def _width(text: str, size: float) -> int:
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 2)[0][0])


def _image(lines: list[_Line], index: int) -> Image:
    across = np.linspace(40, 90, WIDTH, dtype=np.uint8)
    image = np.broadcast_to(across[None, :, None], (HEIGHT, WIDTH, 3)).copy()
    for line in lines:
        place = (line.left_at(index), line.baseline)
        cv2.putText(image, line.text, place, cv2.FONT_HERSHEY_DUPLEX, line.size, (235, 235, 235), 2, cv2.LINE_AA)
    return image
