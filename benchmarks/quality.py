"""What the pipeline finds of what is really in the videos: `python -m benchmarks.quality`.

Runs variants on frames of the videos whose content is known, five evenly spread over each thing's time on screen, and
has the videos' own judge count what was found. Neither videos nor judge are part of the project: they are looked for
in `../shared/videos` or the folder that FOREGSYTE_TEST_VIDEOS names.
"""

import argparse
import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_facts
from benchmarks.pipeline import ROOT, VIDEOS
from benchmarks.pipeline_variants import PLAIN, VARIANTS
from benchmarks.plain_script import PlainScript
from job_worker.video.frame import Frame, Image
from job_worker.video.reader import VideoReader
from shared.profiles import Profile

if TYPE_CHECKING:
    from job_worker.pipelines.base import Pipeline

__all__ = ["main"]

WEIGHTS = Path(
    os.environ.get("FOREGSYTE_TEST_WEIGHTS", ROOT.parent / "shared" / "models" / "yolo11n_int8_openvino_model")
)
"""General weights: what is known of the videos is told in their labels."""

FRAMES_WITHOUT_TEXT = 5
"""Frames looked at of a video that must give no text."""

Find = Callable[[Image], dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the variants, prints what was found, saves results and numbers."""
    asked = _arguments(arguments)
    judge = _judge()
    truth = json.loads((VIDEOS / "TRUTH.json").read_text(encoding="utf-8"))
    truth = [video for video in truth if not asked.videos or video["file"] in asked.videos]
    report: dict[str, Any] = {"machine": machine_facts(asked.threads), "variants": {}}
    for name in asked.variants:
        folder = Path(asked.out) / name
        folder.mkdir(parents=True, exist_ok=True)
        find = _finder(name, asked.weights, asked.threads)
        for video in truth:
            _save(folder / f"{video['file']}.json", find, _sampled(video, judge))
        report["variants"][name] = judge.run(truth, str(folder))["totals"]
    _show(report)
    (Path(asked.out) / "quality.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", help="file names of videos; default: all whose content is known")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--weights", default=str(WEIGHTS), help="weights of the detector")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", default=str(ROOT / "build" / "quality"), help="folder for results and numbers")
    return parser.parse_args(arguments)


def _judge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("judge", VIDEOS / "judge.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"there is no judge in {VIDEOS}; name the folder of videos in FOREGSYTE_TEST_VIDEOS")
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    return judge


def _finder(name: str, weights: str, threads: int) -> Find:
    if name == PLAIN:
        return PlainScript(weights).result
    from job_worker.pipelines.chosen import build_pipelines
    from job_worker.settings import WorkerSettings

    settings = WorkerSettings.of(
        pipelines="yolo_ocr", yolo_weights=weights, profile=Profile(name), threads=threads, device="cpu"
    )
    pipelines = build_pipelines(settings)
    return cast("Pipeline", pipelines["yolo_ocr"]).analyse


def _sampled(video: dict[str, Any], judge: ModuleType) -> Iterator[Frame]:
    """Yields the frames of a video that the judge looks at."""
    last = video["frames"] - 1
    wanted: set[int] = set()
    for item in video["text"] + video["labels"]:
        wanted |= set(judge.pick(range(last + 1), item["first_frame"], min(item["last_frame"], last)))
    if video["empty_text"]:
        wanted |= {last * place // (FRAMES_WITHOUT_TEXT - 1) for place in range(FRAMES_WITHOUT_TEXT)}
    for frame in VideoReader(VIDEOS / video["file"]):
        if frame.index in wanted:
            yield frame
        if frame.index >= max(wanted):
            return


def _save(path: Path, find: Find, frames: Iterator[Frame]) -> None:
    results = [{"frame_index": frame.index, "result": find(frame.image)} for frame in frames]
    path.write_text(json.dumps({"results": results}, ensure_ascii=False), encoding="utf-8")


def _show(report: dict[str, Any]) -> None:
    table = Table(title=report["machine"]["text"])
    for column in ("variant", "text any", "text mean", "spurious a frame", "labels any", "labels mean"):
        table.add_column(column)
    for name, totals in report["variants"].items():
        text, labels, spurious = totals["text"], totals["label"], totals["spurious"]["chars_per_frame"]
        numbers = (text["recall_any"], text["recall_mean"], spurious, labels["recall_any"], labels["recall_mean"])
        table.add_row(name, *("" if number is None else f"{number:.3f}" for number in numbers))
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
