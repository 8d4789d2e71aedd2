"""How long checking results holds the interpreter: `python -m benchmarks.results_check [--mib 50]`.

The server checks the results of one job while other threads renew leases and answer status calls. Between two steps of
that work another thread may run; the longest wait of such a thread is what this measures. It compares the check of
`shared.results` with decoding the whole document in one call of msgspec, and checks a document as large whose frames
hold as many lists, one in the other, as a frame may.
"""

import io
import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.measuring import command_line
from shared.results import (
    MAX_FRAME_LISTS,
    Detection,
    ImageResult,
    TextLine,
    check_document,
    encode_document,
    encode_frame,
)

MIB = 1 << 20
TICK_SECONDS = 0.001
LISTS_IN_NESTED = 7
"""Lists and objects in each value of a document of lists."""


def document_of(frames: int, lines: int = 10) -> bytes:
    """Return a document with twenty objects and so many lines of text in every frame."""
    chance = random.Random(1)

    def box() -> tuple[float, float, float, float]:
        x, y = chance.uniform(0, 1800), chance.uniform(0, 1000)
        return x, y, x + 80, y + 60

    def frame(index: int) -> bytes:
        objects = [Detection(label="car", class_id=2, confidence=chance.random(), box=box()) for _ in range(20)]
        corners = ((0.0, 0.0), (640.1, 0.0), (640.1, 20.5), (0.0, 20.5))
        text = [TextLine(text=f"line {number}", confidence=0.9, polygon=corners) for number in range(lines)]
        return encode_frame(index, index * 33.4, ImageResult.of(1920, 1080, objects, text))

    return b"".join(encode_document(map(frame, range(frames))))


def document_of_lists(size_bytes: int) -> bytes:
    """Return a document about as large, of frames that take as long to check as any that is accepted."""
    nested: dict[str, Any] = {"a": [[[[[[]]]]]]}
    found = {"a": [nested] * ((MAX_FRAME_LISTS - 4) // LISTS_IN_NESTED)}
    frames = max(size_bytes // len(encode_frame(0, 0.0, found)), 1)
    return b"".join(encode_document(encode_frame(index, 0.0, found) for index in range(frames)))


def longest_hold_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Return the longest time for which another thread could not run during the work, and the work's own, in ms."""
    longest, is_done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest
        before = time.perf_counter()
        while not is_done.is_set():
            time.sleep(TICK_SECONDS)
            now = time.perf_counter()
            longest, before = max(longest, now - before - TICK_SECONDS), now

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        work()
    finally:
        took = time.perf_counter() - began
        is_done.set()
        watcher.join()
    return longest * 1000, took * 1000


def main() -> None:
    """Print both ways, the median and the worst of the rounds."""
    parser = command_line(__doc__)
    parser.add_argument("--mib", type=int, default=50, help="size of the results")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    document, lists = document_of(options.mib * MIB // len(document_of(1))), document_of_lists(options.mib * MIB)
    ways: dict[str, Callable[[], object]] = {
        "frame by frame (what the server does)": lambda: check_document(io.BytesIO(document)),
        "the same, frames of nested lists": lambda: check_document(io.BytesIO(lists)),
        "the whole document in one call": lambda: msgspec.json.decode(document),
    }
    for name, work in ways.items():
        holds, times = zip(*(longest_hold_ms(work) for _ in range(options.rounds)), strict=True)
        print(
            f"{name}: longest hold {statistics.median(holds):.1f} ms (worst {max(holds):.1f}), "
            f"whole check {statistics.median(times):.0f} ms of {len(document) / MIB:.0f} MiB"
        )


if __name__ == "__main__":
    main()
