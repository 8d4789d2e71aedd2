"""How long a timeline of results takes to make: `python -m benchmarks.timeline`.

The results are made up, seeded, and hard: every character is misread in one of fifty frames. `still` is a clock and a
caption; `ticker` three lines of text that move through the frame; `dense` 160 lines in each frame; `flicker` 20 words,
each in one frame and no other; `crowd` 150 people.
"""

import random
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.measuring import command_line, machine, save, show_table
from job_client.timeline import timeline_of
from shared.results import Detection, FrameResult, TextLine

FRAME_MS = 40.0
LETTERS = "etaoinshrdlu ETA 0123456789"
MISREAD = 0.02
TEXT = "".join(random.Random(1).choices(LETTERS, k=20_000))


def main() -> int:
    """Measure, print a table and save the numbers; return the exit code."""
    parser = command_line(__doc__, "timeline")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    rows, seconds = [], {}
    for scene in (still, ticker, dense, flicker, crowd):
        frames = list(scene(chosen.frames))
        seconds[scene.__name__] = median(_seconds(frames) for _ in range(chosen.rounds)) / chosen.frames
        ms, two_hours = 1000 * seconds[scene.__name__], 216_000 * seconds[scene.__name__]
        rows.append({"scene": scene.__name__, "CPU a frame": f"{ms:.2f} ms", "216,000 frames": f"{two_hours:.0f} s"})
    facts = machine()
    show_table(f"{chosen.frames} frames, {facts['processor']}, {facts['cores']} cores", rows)
    save(chosen.json, {"machine": facts, "frames": chosen.frames, "seconds_a_frame": seconds})
    return 0


def still(count: int) -> Iterator[FrameResult]:
    """Yield frames of a clock and of a caption that changes every four seconds."""
    chance = random.Random(2)
    for index in range(count):
        clock = f"{index // 1500:02}:{index // 25 % 60:02}"
        yield _frame(index, _line(clock, 900, 20), _line(_misread(TEXT[index // 100 * 30 :][:30], chance), 400, 650))


def ticker(count: int) -> Iterator[FrameResult]:
    """Yield frames through which three lines run, a third of a character a frame."""
    chance = random.Random(2)
    for index in range(count):
        begin, shift = divmod(index, 3)
        texts = (TEXT[begin + 150 * row :][:70] for row in range(3))
        yield _frame(index, *(_line(_misread(text, chance), -3 * shift, 40 * row) for row, text in enumerate(texts)))


def dense(count: int) -> Iterator[FrameResult]:
    """Yield frames of a table with 40 rows of four columns."""
    chance = random.Random(2)
    cells = [(TEXT[40 * cell :][:25], 450 * (cell % 4), 26 * (cell // 4)) for cell in range(160)]
    for index in range(count):
        yield _frame(index, *(_line(_misread(text, chance), x, y) for text, x, y in cells))


def flicker(count: int) -> Iterator[FrameResult]:
    """Yield frames of 20 words, now here now there, as they are read in textures."""
    chance = random.Random(2)
    for index in range(count):
        words = (TEXT[chance.randrange(len(TEXT) - 8) :][:8] for _ in range(20))
        yield _frame(index, *(_line(word, 1800 * chance.random(), 1000 * chance.random()) for word in words))


def crowd(count: int) -> Iterator[FrameResult]:
    """Yield frames in which 150 people walk; each is missed in one of ten."""
    chance = random.Random(2)
    people = [(chance.random() * 1900, chance.random() * 1000, chance.gauss(0, 3)) for _ in range(150)]
    for index in range(count):
        boxes = [((x + index * speed) % 1900, y) for x, y, speed in people if chance.random() < 0.9]
        found = (
            Detection(label="person", confidence=chance.uniform(0.4, 0.9), box=(x, y, x + 40, y + 80)) for x, y in boxes
        )
        yield FrameResult(index, index * FRAME_MS, tuple(found), (), {})


def _frame(index: int, *lines: TextLine) -> FrameResult:
    return FrameResult(index, index * FRAME_MS, (), lines, {})


def _line(text: str, x: float, y: float) -> TextLine:
    right = x + 12 * len(text)
    return TextLine(text=text, confidence=0.95, polygon=((x, y), (right, y), (right, y + 20), (x, y + 20)))


def _misread(text: str, chance: random.Random) -> str:
    return "".join(chance.choice(LETTERS) if chance.random() < MISREAD else char for char in text).strip() or "-"


def _seconds(frames: list[FrameResult]) -> float:
    began_at = time.process_time()
    timeline_of(frames)
    return time.process_time() - began_at


if __name__ == "__main__":
    raise SystemExit(main())
