"""How long the report of a long video takes, and how large it is: `python -m benchmarks.report`.

The results are those of two hours at 30 frames a second: objects that cross the frame, flicker and jitter, subtitles, a
clock, signs that come and go, and readings of nothing. The thumbnails, which need a video, are stood in for by as many
random bytes as they may have.
"""

import gc
import random
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import Rows, command_line, machine, peak_bytes, save, show_table
from job_client.job import JobInfo
from job_client.report.page import ReportedVideo, render_report
from job_client.report.thumbnails import MAX_THUMBNAILS_BYTES
from job_client.timeline import timeline_and_noise
from shared.contract.job_status import JobStatus
from shared.process.settings import MIB
from shared.results import Box, Detection, FrameResult, Polygon, TextLine

FRAMES = 216_000
RATE = 30
LABELS = ("car", "person", "bicycle", "truck", "dog", "traffic light", "bus")
WORDS = ("harbour", "turn", "left", "open", "Platz", "coffee", "station", "STOP", "exit", "market", "bridge", "river")
PAGE = Path("build/report.html")
NOW = datetime(2026, 1, 5, tzinfo=UTC)
THUMBNAILS = 200


def frames_of(count: int, seed: int = 1) -> Iterator[FrameResult]:
    """Yield the results of so many frames of 1920 x 1080 pixels."""
    chance = random.Random(seed)
    sign = ""
    for index in range(count):
        if index % 150 == 0:
            sign = " ".join(chance.sample(WORDS, 2))
        texts = [_line(f"{' '.join(WORDS[index // 75 % 9 :][:3])} {index // 75}", 600, 960, chance)]
        texts.append(_line(f"{index // 108_000:02}:{index // 1800 % 60:02}:{index // 30 % 60:02}", 30, 40, chance))
        if index % 150 < 40:
            texts.append(_line(sign, 900 + 5 * (index % 150), 300, chance))
        if chance.random() < 0.02:
            texts.append(_line(chance.choice("Y一1|l"), chance.randrange(1800), chance.randrange(1000), chance, 0.6))
        things = (_thing(number, index, chance) for number in range(4) if chance.random() < 0.95)
        yield FrameResult(index, round(index * 1000 / RATE, 1), tuple(things), tuple(texts), {})


def _line(text: str, left: int, top: int, chance: random.Random, confidence: float = 0.97) -> TextLine:
    x, y = left + chance.randrange(2), top + chance.randrange(2)
    right, bottom = x + 18 * len(text), y + 40
    polygon: Polygon = ((x, y), (right, y), (right, bottom), (x, bottom))
    return TextLine(text=text, confidence=confidence, polygon=polygon)


def _thing(number: int, index: int, chance: random.Random) -> Detection:
    """Return one of the things that cross the frame, each in ten seconds, with gaps between them."""
    passed, place = divmod(index + 90 * number, 300)
    x, y = 6.0 * place + chance.uniform(-2, 2), 200.0 + 180 * number + chance.uniform(-2, 2)
    box: Box = (round(x, 2), round(y, 2), round(x + 160, 2), round(y + 120, 2))
    kind = (passed * 5 + number) % len(LABELS)
    return Detection(label=LABELS[kind], class_id=kind, confidence=round(chance.uniform(0.5, 0.95), 4), box=box)


def row_of(count: int) -> dict[str, object]:
    """Make the page of so many frames; return what it takes."""
    results = list(frames_of(count))
    gc.freeze()  # what was there before the measurement is none of the report's work
    chance = random.Random(2)
    image_bytes = MAX_THUMBNAILS_BYTES * 3 // 4 // THUMBNAILS
    images = (b64encode(chance.randbytes(image_bytes)).decode() for _ in range(THUMBNAILS))
    thumbnails = {
        count * number // THUMBNAILS: f"data:image/jpeg;base64,{image}" for number, image in enumerate(images)
    }
    info = JobInfo("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55", JobStatus.completed, 1.0, NOW, NOW, "yolo_ocr", "")
    began = time.perf_counter()
    timeline, noise = timeline_and_noise(results)
    timed = time.perf_counter()
    video = ReportedVideo(info, "two_hours.mp4", results, timeline, noise, thumbnails, (1920, 1080))
    page = render_report([video])
    ended = time.perf_counter()
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    return {
        "frames": count,
        "events": len(timeline.texts) + len(timeline.objects),
        "seconds for the timeline": round(timed - began, 1),
        "for the page": round(ended - timed, 1),
        "MB": round(PAGE.stat().st_size / 1e6, 1),
        "MiB at most, with the results": round(peak_bytes() / MIB),
    }


def main() -> int:
    """Run the command; return its exit code."""
    parser = command_line(__doc__, "report")
    parser.add_argument("--frames", type=int, nargs="+", default=[FRAMES], help="the lengths of the videos")
    chosen = parser.parse_args()
    report = {"machine": machine()}
    rows: Rows = [row_of(frames) for frames in chosen.frames]
    show_table("The report of a long video", rows)
    print(f"\nthe last page: {PAGE}")
    save(chosen.json, report | {"tables": {"report": rows}})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
