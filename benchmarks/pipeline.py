"""How fast the pipeline is, against a plain script and against its own networks: `python -m benchmarks.pipeline`.

All variants take turns on the same frames, round after round, so that what else the machine does disturbs all alike;
ratios are formed within a round. At the end the videos' judge counts what each variant finds in those of them whose
content is known; in all such videos: `python -m benchmarks.quality`.
"""

import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measuring import Rows, command_line, machine, save, show_table, spread
from benchmarks.pipeline_variants import PLAIN, Setup, Variant, VariantError, chosen_setups, running, variant_options
from benchmarks.quality import found, known_videos, recall_rows
from benchmarks.small_videos import OUTSIDE
from benchmarks.text_clip import text_clip_content, write_text_clip

STREET = "people_walking_1080p.mp4"

Passes = dict[str, list[dict[str, float]]]
"""What each variant's passes over one video took, by its name: `ms`, `cpu_ms` and `floor_ms` of a frame."""


def main() -> int:
    """Measure, print a table and save the numbers; return the exit code."""
    parser = command_line(__doc__, "pipeline")
    parser.add_argument("videos", nargs="*", type=Path, help=f"default: {STREET} and a rendered clip full of text")
    parser.add_argument("--weights", help="weights of the detector for all; default: the bundled ones")
    parser.add_argument("--frames", type=int, default=60, help="frames of each video")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = variant_options(parser).parse_args()
    setups = chosen_setups(chosen)
    with tempfile.TemporaryDirectory(prefix="foregsyte-benchmark-") as folder:
        clip = Path(folder) / "text_720p.mp4"
        write_text_clip(clip, chosen.frames)
        videos = chosen.videos or [OUTSIDE / STREET, clip]
        try:
            report = _measure(videos, setups, chosen.frames, chosen.rounds)
        except VariantError as error:
            raise SystemExit(f"error: {error}") from error
        contents = known_videos() | {clip.resolve(): text_clip_content(clip, chosen.frames)}
        known = {video: contents[video.resolve()] for video in videos if video.resolve() in contents}
        if not chosen.weights:  # objects are known by the labels of general weights, which the bundled ones do not have
            known = {video: content | {"labels": []} for video, content in known.items()}
        report["found"] = {setup.name: found(setup, known, Path(folder) / setup.name) for setup in setups if known}
    _show(report, chosen.threads)
    save(chosen.json, report)
    return 0


def _measure(videos: list[Path], setups: list[Setup], frames: int, rounds: int) -> dict[str, Any]:
    with ExitStack() as stack:
        variants = [stack.enter_context(running(setup)) for setup in setups]
        for variant, video in product(variants, videos):
            if not variant.run(video, frames).frames:  # warms caches, and is not counted
                raise VariantError(f"the variant {variant.name} found no frame in {video}")
        started = {variant.name: variant.started_seconds for variant in variants}
        peaks = {variant.name: variant.peak_bytes() for variant in variants}  # before what measuring floors takes
        passes = {video.name: _turns(variants, video, frames, rounds) for video in videos}
    return {"machine": machine(), "videos": passes, "start_seconds": started, "peak_bytes": peaks}


def _turns(variants: list[Variant], video: Path, frames: int, rounds: int) -> Passes:
    """Run each variant on the video in each round."""
    passes: Passes = {variant.name: [] for variant in variants}
    for variant in rounds * variants:
        run = variant.run(video, frames, floor=variant.name != PLAIN)
        seconds = {"ms": run.seconds, "cpu_ms": run.cpu_seconds, "floor_ms": run.floor_seconds}
        passes[variant.name].append({name: value / run.frames * 1000 for name, value in seconds.items()})
    return passes


def _show(report: dict[str, Any], threads: int) -> None:
    facts = report["machine"]
    title = f"{facts['processor']}, {facts['cores']} cores, {threads} threads"
    show_table(title, [row for video, passes in report["videos"].items() for row in _rows(video, passes)])
    if report["found"]:
        show_table("what is found in those whose content is known", recall_rows(report["found"]))
    for name, seconds in report["start_seconds"].items():
        print(f"{name}: models loaded in {seconds:.1f} s, peak {report['peak_bytes'][name] / 2**20:.0f} MiB")


def _rows(video: str, passes: Passes) -> Rows:
    rows = []
    for name, entries in passes.items():
        ms = median(entry["ms"] for entry in entries)
        ratios = [plain["ms"] / entry["ms"] for plain, entry in zip(passes.get(PLAIN, ()), entries, strict=False)]
        shares = [entry["floor_ms"] / entry["ms"] for entry in entries if entry["floor_ms"]]
        speed = {"video": video, "variant": name, "ms a frame": f"{ms:.0f}", "frames/s": f"{1000 / ms:.1f}"}
        compared = {"against plain (spread)": ratios, "share of floor (spread)": shares}
        rows.append(speed | {column: spread(values) if values else None for column, values in compared.items()})
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
