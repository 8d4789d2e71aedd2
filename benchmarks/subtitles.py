"""How well a timeline gives back burned-in subtitles: `python -m benchmarks.subtitles`.

Renders clips with subtitles that are known to the frame, runs the pipeline over them in this process, makes the
timeline, and counts exact lines, wrong characters, exact first and last frames, and lines of no truth.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import command_line, machine, save, show_table
from benchmarks.small_videos import ROOT
from benchmarks.subtitle_clips import STYLES, KnownLine, Style, subtitles, write_clip
from job_client.timeline import TextSpan, timeline_of
from job_client.timeline.readings import aligned
from job_worker.settings import WorkerSettings
from shared.process.cores import usable_cores
from shared.results import encoded_document, read_document, read_frame

if TYPE_CHECKING:
    from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService

PIPELINE = "ocr"


@dataclass(slots=True)
class Score:
    """What was found of the lines of one clip.

    Attributes:
        clip: Its name.
        lines: How many lines there are.
        exact: How many have exactly their text.
        characters: How many characters they have.
        wrong: How many edits (Levenshtein) are between what they say and what was read.
        ends: First and last frames, two a line.
        exact_ends: How many of them are exact.
        untrue: Lines of the timeline that stand for no line of the truth.
    """

    clip: str
    lines: int = 0
    exact: int = 0
    characters: int = 0
    wrong: int = 0
    ends: int = 0
    exact_ends: int = 0
    untrue: int = 0

    def __add__(self, other: "Score") -> "Score":
        numbers = {name: value + getattr(other, name) for name, value in asdict(self).items() if name != "clip"}
        return Score(self.clip, **numbers)

    def row(self) -> dict[str, object]:
        """Return it as a row of a table, in percent."""
        return {
            "clip": self.clip,
            "lines": self.lines,
            "exact %": _percent(self.exact, self.lines),
            "characters wrong %": _percent(self.wrong, self.characters),
            "first and last frame exact %": _percent(self.exact_ends, self.ends),
            "lines of no truth": self.untrue,
            "of no truth %": _percent(self.untrue, self.lines),
        }


def _percent(count: int, of: int) -> float:
    return round(100 * count / of, 2)


def score(clip: str, known: Sequence[KnownLine], found: Sequence[TextSpan]) -> Score:
    """Return what a timeline found of known lines.

    Each line takes the text that overlaps it in time and differs least; no text stands for two lines.
    """
    total = Score(clip, lines=len(known), characters=sum(len(line.text) for line in known), ends=2 * len(known))
    left = list(found)
    for line in known:
        best = min(left, key=lambda span: (_edits(line, span), abs(span.first_frame - line.first_frame)), default=None)
        if best is None or _edits(line, best) >= len(line.text):
            total.wrong += len(line.text)
            continue
        left.remove(best)
        total.wrong += _edits(line, best)
        total.exact += best.text == line.text
        total.exact_ends += (best.first_frame == line.first_frame) + (best.last_frame == line.last_frame)
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


def _found(style: Style, cues: list[list[KnownLine]], seed: int, folder: Path, threads: int) -> Sequence[TextSpan]:
    """Return the texts of a clip's timeline; the results of an earlier run in the folder are used again."""
    video = folder / f"{style.name}-{len(cues)}-{seed}.mp4"
    results = video.with_suffix(".json")
    if not results.exists():
        write_clip(video, style, cues, seed)
        frames = _service(threads).encoded_frames(PIPELINE, video)
        results.write_bytes(b"".join(encoded_document(frames)))
    with results.open("rb") as document:
        return timeline_of(read_document(document, read_frame)).texts


def main() -> int:
    """Render, run, count, print and save; return the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("--cues", type=int, default=240, help="how many subtitles in all clips together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "subtitles", help="folder for clips and numbers")
    parser.add_argument("--clips", nargs="+", choices=[style.name for style in STYLES], help="only these clips")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    scores = []
    for style in STYLES:
        if chosen.clips and style.name not in chosen.clips:
            continue
        cues = subtitles(style, -(-chosen.cues // len(STYLES)), chosen.seed)
        found = _found(style, cues, chosen.seed, chosen.out, chosen.threads)
        scores.append(score(style.name, [line for cue in cues for line in cue], found))
    total = sum(scores, Score("all"))
    show_table("Burned-in subtitles", [each.row() for each in [*scores, total]])
    save(chosen.out / "subtitles.json", {"machine": machine(), "scores": [asdict(each) for each in [*scores, total]]})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
