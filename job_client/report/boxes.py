"""Where in each frame something was found, in the compact form in which the page holds it."""

import sys
import zlib
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from shared.results import FrameResult

MAX_BOXES_BYTES = 4_000_000
"""How much the boxes of one video may take, compressed: a page of two hours stays below 15 MB."""

MAX_NUMBER = (1 << 16) - 1
TEXT, CODE, FIRST_LABEL = range(3)
"""What a box is of; a label has its number behind these."""


class Boxes(NamedTuple):
    """The boxes of a video.

    Attributes:
        labels: The labels of the objects, in the order of their first frames.
        packed: The boxes: see `packed` and `boxes_of`.
    """

    labels: list[str]
    packed: str


def boxes_of(results: Sequence[FrameResult], wanted: Sequence[int], max_bytes: int = MAX_BOXES_BYTES) -> Boxes:
    """Return the boxes of all frames, or, where those take too much, of every second, third ... and some wanted ones.

    A frame is its number (the low 16 bits, then the high ones), how many boxes it has, and for each what it is of and
    its coordinates in pixels: four of an object's box, eight of the corners of text and codes.

    Args:
        results: The result of every frame.
        wanted: Frames that are left out only where they are more than the others, the most important ones first.
        max_bytes: How much they may take, compressed and in base64.
    """
    labels: dict[str, int] = {}
    every = 1
    while True:
        chosen = set(wanted)
        held = (frame for frame in results if frame.frame_index % every == 0 or frame.frame_index in chosen)
        text = packed(_numbers(held, lambda label: labels.setdefault(label, len(labels))))
        excess = -(-len(text) // max_bytes)
        if excess <= 1 or (every >= len(results) and not wanted):
            return Boxes(list(labels), text)
        if len(results) > every * len(wanted):  # fewer of those that are more
            every *= excess
        else:
            wanted = wanted[: len(wanted) // excess]


def packed(numbers: "array[Any]") -> str:
    """Return numbers as base64 of their bytes, little-endian, compressed (zlib, RFC 1950)."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(zlib.compress(numbers.tobytes())).decode()


def _numbers(frames: Iterable[FrameResult], number_of: Callable[[str], int]) -> "array[int]":
    numbers = array("H")
    for frame in frames:
        low, high = frame.frame_index & MAX_NUMBER, frame.frame_index >> 16
        numbers.extend((low, high, len(frame.detections) + len(frame.text_lines) + len(frame.codes)))
        for found in frame.detections:
            numbers.append(min(FIRST_LABEL + number_of(found.label), MAX_NUMBER))
            _add(numbers, found.box)
        for kind, entries in ((TEXT, frame.text_lines), (CODE, frame.codes)):
            for entry in entries:
                numbers.append(kind)
                _add(numbers, chain.from_iterable(entry.polygon))
    return numbers


def _add(numbers: "array[int]", coordinates: Iterable[float]) -> None:
    values = tuple(coordinates)
    try:
        numbers.fromlist([*map(round, values)])
    except OverflowError:  # only a plugin states what is in no frame
        numbers.fromlist([round(min(max(value, 0), MAX_NUMBER)) for value in values])
