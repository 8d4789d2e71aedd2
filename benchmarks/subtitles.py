"""How well a timeline gives back burned-in subtitles: `python -m benchmarks.subtitles`.

Renders clips with subtitles that are known to the frame, runs the pipeline over them in this process, makes the
timeline, and counts exact lines, wrong characters, lines whose first and last frame are both exact, and lines of no
truth. Exit code 1 where all clips together miss an aim.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import command_line, machine, save, show_table
from benchmarks.small_videos import ROOT
from benchmarks.subtitle_clips import STYLES, KnownLine, Style, subtitles, write_clip
from job_client.timeline import TextSpan, timeline_of
from job_client.timeline.readings import aligned
from job_worker.settings import WorkerSettings
from shared.process.cores import usable_cores
from shared.results import decode_frame, encode_document, iter_document

if TYPE_CHECKING:
    from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService

PIPELINE = "ocr"

EXACT = "exact %"
WRONG = "characters wrong %"
EXACT_TIMES = "first and last frame exact %"
UNTRUE = "of no truth %"
AIMS = {EXACT: (98, 100), WRONG: (0, 0.3), EXACT_TIMES: (97, 100), UNTRUE: (0, 1)}
"""From and to which percentage each number is good enough, over all clips."""


@dataclass(slots=True)
class Score:
    """What was found of the lines of one clip.

    Attributes:
        clip: Its name.
        lines: How many lines there are.
        exact: How many have exactly their text.
        characters: How many characters they have.
        wrong: How many edits (Levenshtein) are between what they say and what was read.
        exact_times: How many lines have exactly their first and their last frame.
        untrue: Lines of the timeline that stand for no line of the truth.
    """

    clip: str
    lines: int = 0
    exact: int = 0
    characters: int = 0
    wrong: int = 0
    exact_times: int = 0
    untrue: int = 0

    def __add__(self, other: "Score") -> "Score":
        numbers = {name: value + getattr(other, name) for name, value in asdict(self).items() if name != "clip"}
        return Score(self.clip, **numbers)

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table, in percent."""
        return {
            "clip": self.clip,
            "lines": self.lines,
            EXACT: _percent(self.exact, self.lines),
            WRONG: _percent(self.wrong, self.characters),
            EXACT_TIMES: _percent(self.exact_times, self.lines),
            "lines of no truth": self.untrue,
            UNTRUE: _percent(self.untrue, self.lines),
        }

    def missed(self) -> list[str]:
        """Return the aims that it misses, each in words."""
        row = self.row()
        return [
            f"{name} is {row[name]}, not {low:g} to {high:g}"
            for name, (low, high) in AIMS.items()
            if not low <= row[name] <= high
        ]


def _percent(count: int, of: int) -> float:
    return round(100 * count / of, 2)


def score(clip: str, known: Sequence[KnownLine], found: Sequence[TextSpan]) -> Score:
    """Return what a timeline found of known lines.

    Each line takes the text that overlaps it in time and differs least; no text stands for two lines, and none for a
    line of which half is wrong.
    """
    total = Score(clip, lines=len(known), characters=sum(len(line.text) for line in known))
    left = list(found)
    for line in known:
        best = min(left, key=lambda span: (_edits(line, span), abs(span.first_frame - line.first_frame)), default=None)
        if best is None or 2 * _edits(line, best) >= len(line.text):
            total.wrong += len(line.text)
            continue
        left.remove(best)
        total.wrong += _edits(line, best)
        total.exact += best.text == line.text
        total.exact_times += (best.first_frame, best.last_frame) == (line.first_frame, line.last_frame)
    total.untrue = len(left)
    return total


def _edits(line: KnownLine, span: TextSpan) -> int:
    if span.last_frame < line.first_frame or span.first_frame > line.last_frame:
        return len(line.text)
    return sum(a != b for a, b in aligned(line.text, span.text))


def _service(threads: int) -> "VideoFilePipelineService":
    from job_worker.analysis.build_pipelines import build_pipelines
    from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService

    return VideoFilePipelineService(
        build_pipelines(WorkerSettings.of(pipelines=PIPELINE, threads=threads, device="cpu"))
    )


def _found(style: Style, cues: list[list[KnownLine]], chosen: Namespace) -> Sequence[TextSpan]:
    """Return the texts of a clip's timeline."""
    video = chosen.out / f"{style.name}-{len(cues)}-{chosen.seed}.mp4"
    results = video.with_suffix(".json")
    if not (chosen.reuse and results.exists()):
        write_clip(video, style, cues, chosen.seed)
        frames = _service(chosen.threads).encoded_frames(PIPELINE, video)
        results.write_bytes(b"".join(encode_document(frames)))
    with results.open("rb") as document:
        return timeline_of(iter_document(document, decode_frame)).texts


def main() -> int:
    """Render, run, count, print and save; return the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("--cues", type=int, default=270, help="how many subtitles in all clips together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "subtitles", help="folder for clips and numbers")
    parser.add_argument("--clips", nargs="+", choices=[style.name for style in STYLES], help="only these clips")
    parser.add_argument("--reuse", action="store_true", help="take results that --out has, whatever code they are of")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    scores = []
    for style in STYLES:
        if chosen.clips and style.name not in chosen.clips:
            continue
        cues = subtitles(style, -(-chosen.cues // len(STYLES)), chosen.seed)
        found = _found(style, cues, chosen)
        scores.append(score(style.name, [line for cue in cues for line in cue], found))
    total = sum(scores, Score("all"))
    show_table("Burned-in subtitles", [each.row() for each in [*scores, total]])
    save(chosen.out / "subtitles.json", {"machine": machine(), "scores": [asdict(each) for each in [*scores, total]]})
    for missed in total.missed():
        print(f"missed: {missed}", file=sys.stderr)
    return int(bool(total.missed()))


if __name__ == "__main__":
    raise SystemExit(main())
