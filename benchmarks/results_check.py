"""How long checking results holds the interpreter: `python -m benchmarks.results_check [--mib 50]`.

The server checks the results of one job while other threads renew leases and answer status calls. Between two steps of
that work another thread may run; the longest wait of such a thread is what this measures, in time of the processor,
which other programs do not lengthen. It compares the check of `shared.results` with decoding the whole document in one
call of msgspec, and checks a document as large whose frames hold as many lists, one in the other, as a frame may. The
exit code is 1 where the median of the rounds is above `--max-hold-ms` for one of the two checks.
"""

import io
import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from benchmarks.measuring import command_line
from shared.process.settings import MIB
from shared.results import (
    MAX_FRAME_LISTS,
    Detection,
    ImageResult,
    TextLine,
    check_document,
    encode_document,
    encode_frame,
)

TICK_SECONDS = 0.001
MAX_HOLD_MS = 20.0
"""The longest wait of another thread: no call that is answered meanwhile is slowed down noticeably."""
LISTS_IN_NESTED = 7
"""Lists and objects in each value of a document of lists."""


class Way(NamedTuple):
    """One way to check a document; `is_of_server` where the server checks like that."""

    name: str
    document: bytes
    check: Callable[[bytes], object]
    is_of_server: bool

    def holds(self, rounds: int) -> float:
        """Check it so often and print how long that held the interpreter; return the median in milliseconds."""
        holds, times = zip(*(longest_hold_ms(lambda: self.check(self.document)) for _ in range(rounds)), strict=True)
        print(
            f"{self.name}: longest hold {statistics.median(holds):.1f} ms (worst {max(holds):.1f}), "
            f"whole check {statistics.median(times):.0f} ms of {len(self.document) / MIB:.0f} MiB"
        )
        return float(statistics.median(holds))


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
        before = time.process_time()
        while not is_done.is_set():
            time.sleep(TICK_SECONDS)
            now = time.process_time()
            longest, before = max(longest, now - before - TICK_SECONDS), now

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.process_time()
    try:
        work()
    finally:
        took = time.process_time() - began
        is_done.set()
        watcher.join()
    return longest * 1000, took * 1000


def main() -> int:
    """Print each way, the median and the worst of the rounds; return the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("--mib", type=int, default=50, help="size of the results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-hold-ms", type=float, default=MAX_HOLD_MS)
    options = parser.parse_args()
    document, lists = document_of(options.mib * MIB // len(document_of(1))), document_of_lists(options.mib * MIB)
    ways = (
        Way("frame by frame (what the server does)", document, _checked, is_of_server=True),
        Way("the same, frames of nested lists", lists, _checked, is_of_server=True),
        Way("the whole document in one call", document, msgspec.json.decode, is_of_server=False),
    )
    too_long = [way for way in ways if way.holds(options.rounds) > options.max_hold_ms and way.is_of_server]
    for way in too_long:
        print(f"too long, more than {options.max_hold_ms:g} ms: {way.name}")
    return 1 if too_long else 0


def _checked(document: bytes) -> None:
    check_document(io.BytesIO(document))


if __name__ == "__main__":
    raise SystemExit(main())
