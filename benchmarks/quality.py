"""What the pipeline finds of what is really in the videos: `python -m benchmarks.quality`.

Runs variants on frames of the videos whose content is known, and of rendered recordings of large screens, and has the
videos' own judge count what was found. Neither videos nor judge are part of the project: they are looked for in
`../shared/videos` or the folder that FOREGSYTE_TEST_VIDEOS names.

With `--timeline` it runs every frame of the known videos instead and says what their timelines give back of the known
texts, and how many lines of no truth they have in videos without text, both beside what single frames give.
"""

import importlib.util
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from benchmarks.known_text import Content, counted
from benchmarks.measuring import Rows, command_line, machine, save, show_table
from benchmarks.pipeline_variants import PLAIN, Setup, chosen_setups, pipeline_of, variant_options
from benchmarks.plain_script import PlainScript
from benchmarks.screen_clips import SCREENS, write_screen_clip
from benchmarks.small_videos import OUTSIDE, ROOT
from job_worker.analysis.scheduling import analyse_frames
from shared.results import decode_frame, encode_document, encode_frame
from shared.video.frame import Frame
from shared.video.image import Image
from shared.video.reader import VideoReader

WEIGHTS = os.environ.get("FOREGSYTE_TEST_WEIGHTS", ROOT.parent / "shared" / "models" / "yolo11n_int8_openvino_model")
"""General weights: the objects of the videos are known by their labels."""

Find = Callable[[Image], dict[str, Any]]

FRAMES_WITHOUT_TEXT = 5
"""Frames looked at of a video that must give no text."""

SCREEN_FRAMES = 2
"""Frames of each rendered screen; all are looked at."""


COLUMNS = {
    "text any": ("text", "recall_any"),
    "text mean": ("text", "recall_mean"),
    "spurious a frame": ("spurious", "chars_per_frame"),
    "labels any": ("label", "recall_any"),
    "labels mean": ("label", "recall_mean"),
}
"""Where each column of the table stands in the judge's totals."""


def known_videos() -> dict[Path, Content]:
    """Return the videos whose content is known, by their absolute paths; none where there is no folder of them."""
    truth = OUTSIDE / "TRUTH.json"
    if not truth.exists():
        return {}
    return {(OUTSIDE / content["file"]).resolve(): content for content in json.loads(truth.read_text(encoding="utf-8"))}


def rendered_screens(folder: Path) -> dict[Path, Content]:
    """Write the recordings of large screens, and return them as `known_videos` does."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = {folder.resolve() / f"{screen.name}.mp4": screen for screen in SCREENS}
    return {clip: write_screen_clip(clip, screen, SCREEN_FRAMES) for clip, screen in clips.items()}


def found(setup: Setup, videos: dict[Path, Content], folder: Path) -> dict[str, Any]:
    """Run a variant on frames of the videos, five evenly spread over each thing's time on screen.

    Args:
        setup: The variant.
        videos: The videos and what is in them.
        folder: Where its results go, a file for each video.

    Returns:
        The judge's totals.
    """
    judge = _judge()
    find = _finder(setup)
    folder.mkdir(parents=True, exist_ok=True)
    for video, content in videos.items():
        frames = _sampled(video, content, judge)
        encoded = (encode_frame(frame.index, frame.timestamp_ms, find(frame.image)) for frame in frames)
        (folder / f"{content['file']}.json").write_bytes(b"".join(encode_document(encoded)))
    return cast("dict[str, Any]", judge.run([*videos.values()], str(folder))["totals"])


def timelines(setup: Setup, videos: dict[Path, Content], folder: Path) -> dict[str, int]:
    """Run a profile on every frame of the videos, and count what frames and timelines give; see `counted`.

    Args:
        setup: The profile.
        videos: The videos and what is in them.
        folder: Where its results go, a file for each video.
    """
    judge, pipeline = _judge(), pipeline_of(setup, "ocr")
    folder.mkdir(parents=True, exist_ok=True)
    total = Counter[str]()
    for video, content in videos.items():
        encoded = [
            encode_frame(frame.index, frame.timestamp_ms, frame.analysis)
            for frame in analyse_frames(VideoReader(video), pipeline)
        ]
        (folder / f"{content['file']}.json").write_bytes(b"".join(encode_document(encoded)))
        frames = [decode_frame(frame, index) for index, frame in enumerate(encoded)]
        sampled = _sampled_indices(content, judge) & {frame.frame_index for frame in frames}
        total.update(counted(content, frames, sampled, judge.judge_video))
    return dict(total)


def recall_rows(variants: dict[str, dict[str, Any]]) -> Rows:
    """Return the totals of some variants as a table; what no video could tell is left empty."""
    return [
        {"variant": name, **{column: totals[part][key] for column, (part, key) in COLUMNS.items()}}
        for name, totals in variants.items()
    ]


def _judge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("judge", OUTSIDE / "judge.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"there is no judge in {OUTSIDE}; name the folder of videos in FOREGSYTE_TEST_VIDEOS")
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    return judge


def _finder(setup: Setup) -> Find:
    if setup.name == PLAIN:
        return PlainScript(setup.weights).result
    pipeline = pipeline_of(setup)
    return lambda image: dict(json.loads(encode_frame(0, 0.0, pipeline.analyse_batch([image])[0]))["result"])


def _sampled(video: Path, content: Content, judge: ModuleType) -> Iterator[Frame]:
    """Yield the frames of a video that the judge looks at."""
    wanted = _sampled_indices(content, judge)
    for frame in VideoReader(video):
        if frame.index in wanted:
            yield frame
        if frame.index >= max(wanted):
            return


def _sampled_indices(content: Content, judge: ModuleType) -> set[int]:
    last = content["frames"] - 1
    wanted: set[int] = set()
    for item in content["text"] + content["labels"]:
        wanted |= set(judge.pick(range(last + 1), item["first_frame"], min(item["last_frame"], last)))
    if content["empty_text"]:
        wanted |= {last * place // (FRAMES_WITHOUT_TEXT - 1) for place in range(FRAMES_WITHOUT_TEXT)}
    return wanted


def main() -> int:
    """Run the variants, print what was found, save results and numbers; return the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("videos", nargs="*", help="file names of videos; default: all whose content is known")
    parser.add_argument("--weights", default=str(WEIGHTS), help="weights of the detector")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "quality", help="folder for results and numbers")
    parser.add_argument("--timeline", action="store_true", help="judge timelines, of the results of every frame")
    chosen = variant_options(parser).parse_args()
    known = {"known videos": known_videos()}
    if not chosen.timeline:
        known["large screens"] = rendered_screens(chosen.out / "screens")
    chosen_of = {
        kind: {video: content for video, content in videos.items() if video.name in chosen.videos or not chosen.videos}
        for kind, videos in known.items()
    }
    if not any(chosen_of.values()):
        raise SystemExit(f"the content of no such video is known in {OUTSIDE}; see FOREGSYTE_TEST_VIDEOS")
    facts = machine()
    report: dict[str, Any] = {"machine": facts}
    for kind, videos in chosen_of.items():
        title = f"{kind}: {facts['processor']}, {chosen.threads} threads"
        if videos and chosen.timeline:
            report[kind] = {
                setup.name: timelines(setup, videos, chosen.out / f"{setup.name}-timelines")
                for setup in chosen_setups(chosen)
                if setup.name != PLAIN
            }
            show_table(title, [{"variant": name, **numbers} for name, numbers in report[kind].items()])
        elif videos:
            report[kind] = {
                setup.name: found(setup, videos, chosen.out / setup.name) for setup in chosen_setups(chosen)
            }
            show_table(title, recall_rows(report[kind]))
    save(chosen.out / "quality.json", report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
