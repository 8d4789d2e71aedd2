"""How fast the pipeline is, against a plain script and against its own networks: `python -m benchmarks.pipeline`.

All variants take turns on the same frames, round after round, so that what else the machine does disturbs all alike;
ratios are formed within a round. At the end the videos' judge counts what each variant finds in those of them whose
content is known; in all such videos: `python -m benchmarks.quality`.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_facts
from benchmarks.measuring import spread
from benchmarks.pipeline_variants import PLAIN, VARIANTS, Measured, Variant, running
from benchmarks.recall import Content, found, known_videos, recall_table
from benchmarks.small_videos import OUTSIDE, ROOT
from benchmarks.text_clip import text_clip_content, write_text_clip

__all__ = ["main"]

STREET = "people_walking_1080p.mp4"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table and saves the numbers."""
    asked = _arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="foregsyte-benchmark-") as folder:
        clip = Path(folder) / "text_720p.mp4"
        write_text_clip(clip, asked.frames)
        videos = [Path(video) for video in asked.videos] or [OUTSIDE / STREET, clip]
        report = _measure(videos, asked.variants, asked.weights, asked.threads, asked.frames, asked.rounds)
        known = known_videos() | {clip.resolve(): text_clip_content(clip, asked.frames)}
        told = {video: known[video.resolve()] for video in videos if video.resolve() in known}
        report["found"] = _found(told, asked.variants, asked.weights, asked.threads, Path(folder))
    _show(report)
    Path(asked.json).parent.mkdir(parents=True, exist_ok=True)
    Path(asked.json).write_text(json.dumps(report, indent=1), encoding="utf-8")
    _plot(report, Path(asked.json).with_suffix(".png"))
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", help=f"default: {STREET} and a rendered clip full of text")
    parser.add_argument("--weights", help="weights of the detector for all; default: the bundled ones")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--frames", type=int, default=60, help="frames of each video")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", default=str(ROOT / "build" / "pipeline.json"), help="where the numbers go")
    return parser.parse_args(arguments)


def _measure(
    videos: list[Path], names: list[str], weights: str | None, threads: int, frames: int, rounds: int
) -> dict[str, Any]:
    with ExitStack() as stack:
        variants = [stack.enter_context(running(name, weights, threads)) for name in names]
        started = {variant.name: variant.started_seconds for variant in variants}
        for variant, video in product(variants, videos):
            variant.run(video, frames)  # warms caches, and is not counted
        peaks = {variant.name: variant.peak_bytes() for variant in variants}  # before what measuring floors takes
        found = {video.name: _turns(variants, video, frames, rounds) for video in videos}
    return {"machine": machine_facts(threads), "videos": found, "start_seconds": started, "peak_bytes": peaks}


def _found(
    videos: dict[Path, Content], names: list[str], weights: str | None, threads: int, folder: Path
) -> dict[str, dict[str, Any]]:
    """Has the judge count what each variant finds in the videos whose content is known.

    What is known of objects is told in the labels of general weights, which the bundled ones do not have.
    """
    if weights is None:
        videos = {video: content | {"labels": []} for video, content in videos.items()}
    return {name: found(name, weights, threads, videos, folder / name) for name in names} if videos else {}


def _turns(variants: list[Variant], video: Path, frames: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Lets each variant analyse the video in each round."""
    passes: dict[str, list[dict[str, float]]] = {variant.name: [] for variant in variants}
    for variant in rounds * variants:
        passes[variant.name].append(_entry(variant.run(video, frames, floor=variant.name != PLAIN)))
    return passes


def _entry(measured: Measured) -> dict[str, float]:
    return {
        "ms": measured.seconds / measured.frames * 1000,
        "cpu_ms": measured.cpu_seconds / measured.frames * 1000,
        "floor_ms": measured.floor_seconds / measured.frames * 1000,
    }


def _show(report: dict[str, Any]) -> None:
    table = Table(title=report["machine"]["text"])
    for column in ("video", "variant", "ms a frame", "frames/s", "against plain (spread)", "share of floor (spread)"):
        table.add_column(column)
    for video, passes in report["videos"].items():
        for name, entries in passes.items():
            milliseconds = statistics.median(entry["ms"] for entry in entries)
            cells = [f"{milliseconds:.0f}", f"{1000 / milliseconds:.1f}", _ratio(passes, name), _share(entries)]
            table.add_row(video, name, *cells)
    console = Console()
    console.print(table)
    if report["found"]:
        console.print(recall_table("what is found in those whose content is known", report["found"]))
    for name, seconds in report["start_seconds"].items():
        console.print(f"{name}: models loaded in {seconds:.1f} s, peak {report['peak_bytes'][name] / 2**20:.0f} MiB")


def _ratio(passes: dict[str, list[dict[str, float]]], name: str) -> str:
    if PLAIN not in passes:
        return ""
    pairs = zip(passes[PLAIN], passes[name], strict=True)
    return _spread([plain["ms"] / entry["ms"] for plain, entry in pairs])


def _share(entries: list[dict[str, float]]) -> str:
    shares = [entry["floor_ms"] / entry["ms"] for entry in entries if entry["floor_ms"]]
    return _spread(shares) if shares else ""


def _spread(ratios: list[float]) -> str:
    found = spread(ratios)
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def _plot(report: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(report["videos"]), figsize=(5 * len(report["videos"]), 3), squeeze=False)
    for axis, (video, passes) in zip(axes[0], report["videos"].items(), strict=True):
        speeds = {name: 1000 / statistics.median(entry["ms"] for entry in passes[name]) for name in passes}
        bars = axis.barh(list(speeds), list(speeds.values()))
        axis.bar_label(bars, fmt="%.1f")
        axis.invert_yaxis()
        axis.set_title(video)
        axis.set_xlabel("frames a second")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    raise SystemExit(main())
