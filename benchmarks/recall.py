"""What a variant finds of what is really in a video, counted by the judge that lies beside the videos.

Neither videos nor judge are part of the project: they are looked for in `../shared/videos` or the folder that
FOREGSYTE_TEST_VIDEOS names.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from rich.table import Table

from benchmarks.pipeline_variants import PLAIN, pipeline_of
from benchmarks.plain_script import PlainScript
from benchmarks.small_videos import OUTSIDE
from shared.pipelines.profiles import Profile
from shared.results import encode_frame
from shared.video.frame import Frame, Image
from shared.video.reader import VideoReader

__all__ = ["Content", "found", "known_videos", "recall_table"]

Content = dict[str, Any]
"""What is in a video: an entry of the judge's TRUTH.json."""

Find = Callable[[Image], dict[str, Any]]

FRAMES_WITHOUT_TEXT = 5
"""Frames looked at of a video that must give no text."""


def known_videos() -> dict[Path, Content]:
    """Returns the videos whose content is known, by their absolute paths; none where there is no folder of them."""
    truth = OUTSIDE / "TRUTH.json"
    if not truth.exists():
        return {}
    return {(OUTSIDE / content["file"]).resolve(): content for content in json.loads(truth.read_text(encoding="utf-8"))}


def found(name: str, weights: str | None, threads: int, videos: dict[Path, Content], folder: Path) -> dict[str, Any]:
    """Runs a variant on frames of the videos, five evenly spread over each thing's time on screen.

    Args:
        name: The variant.
        weights: The detector's; None for the bundled ones.
        threads: How many threads it has.
        videos: The videos and what is in them.
        folder: Where its results go, a file for each video.

    Returns:
        The judge's totals.
    """
    judge = _judge()
    find = _finder(name, weights, threads)
    folder.mkdir(parents=True, exist_ok=True)
    for video, content in videos.items():
        results = [
            {"frame_index": frame.index, "result": find(frame.image)} for frame in _sampled(video, content, judge)
        ]
        (folder / f"{content['file']}.json").write_text(
            json.dumps({"results": results}, ensure_ascii=False), encoding="utf-8"
        )
    return cast("dict[str, Any]", judge.run([*videos.values()], str(folder))["totals"])


def recall_table(title: str, variants: dict[str, dict[str, Any]]) -> Table:
    """Returns the totals of some variants as a table; what no video could tell is left empty."""
    table = Table(title=title)
    for column in ("variant", "text any", "text mean", "spurious a frame", "labels any", "labels mean"):
        table.add_column(column)
    for name, totals in variants.items():
        text, labels, spurious = totals["text"], totals["label"], totals["spurious"]["chars_per_frame"]
        numbers = (text["recall_any"], text["recall_mean"], spurious, labels["recall_any"], labels["recall_mean"])
        table.add_row(name, *("" if number is None else f"{number:.3f}" for number in numbers))
    return table


def _judge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("judge", OUTSIDE / "judge.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"there is no judge in {OUTSIDE}; name the folder of videos in FOREGSYTE_TEST_VIDEOS")
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    return judge


def _finder(name: str, weights: str | None, threads: int) -> Find:
    if name == PLAIN:
        return PlainScript(weights).result
    pipeline = pipeline_of(Profile(name), weights, threads)
    return lambda image: dict(json.loads(encode_frame(0, 0.0, pipeline.analyse_batch([image])[0]))["result"])


def _sampled(video: Path, content: Content, judge: ModuleType) -> Iterator[Frame]:
    """Yields the frames of a video that the judge looks at."""
    last = content["frames"] - 1
    wanted: set[int] = set()
    for item in content["text"] + content["labels"]:
        wanted |= set(judge.pick(range(last + 1), item["first_frame"], min(item["last_frame"], last)))
    if content["empty_text"]:
        wanted |= {last * place // (FRAMES_WITHOUT_TEXT - 1) for place in range(FRAMES_WITHOUT_TEXT)}
    for frame in VideoReader(video):
        if frame.index in wanted:
            yield frame
        if frame.index >= max(wanted):
            return
