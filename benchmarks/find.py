"""How long a search over the text of many videos takes: `python -m benchmarks.find`.

The index holds lines of random words; what is measured is reading it and searching in it, as `foregsyte find` does once
the server has listed its jobs.
"""

import random
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.measuring import command_line, machine, save, show_table
from job_client.search import TextIndex, matches
from job_client.timeline import TextSpan

BOX = (0.0, 0.0, 9.0, 9.0)
LETTERS = "etaoinshrdlu"


def main() -> int:
    """Measure, print a table and save the numbers; return the exit code."""
    parser = command_line(__doc__, "find")
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=30, help="of text in each video")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="foregsyte-benchmark-") as folder:
        index = TextIndex("localhost:1", Path(folder))
        for video in range(chosen.videos):
            index.add(str(video), [_span(chance) for _ in range(chosen.lines)])
        seconds = [_search(index, chosen.videos) for _ in range(chosen.rounds)]
    ms = {"median": 1000 * median(seconds), "worst": 1000 * max(seconds)}
    facts = machine()
    title = f"{chosen.videos} videos of {chosen.lines} lines, {facts['processor']}, {facts['cores']} cores"
    show_table(title, [{name: f"{value:.0f} ms" for name, value in ms.items()}])
    save(chosen.json, {"machine": facts, "videos": chosen.videos, "lines": chosen.lines, "ms": ms})
    return 0


def _span(chance: random.Random) -> TextSpan:
    words = ("".join(chance.choices(LETTERS, k=chance.randint(2, 9))) for _ in range(chance.randint(1, 6)))
    return TextSpan(0, 25, 0.0, 1000.0, 26, 0.9, 3, BOX, BOX, BOX, text=" ".join(words))


def _search(index: TextIndex, videos: int) -> float:
    began_at = time.perf_counter()
    lines_of = {str(video): index.lines_of(str(video)) or [] for video in range(videos)}
    matches("the shrill", lines_of, 85)
    return time.perf_counter() - began_at


if __name__ == "__main__":
    raise SystemExit(main())
