"""What a worker makes of a GPU: `python -m benchmarks.gpu`, at most four minutes on a host with a GPU.

Each profile with `--device cpu` and `--device auto`, on a street and on a clip full of text: frames a second, the share
of the cores and of the GPU that is busy, memory, seconds until the models are loaded, agreement with the CPU's lines
and boxes, and what the videos' judge counts. It needs neither network, nor server, nor videos: where the street of
`../shared/videos` is absent, the bundled sample takes its place. A variant that fails does not end it.

Beside torch, ultralytics, av and openvino it needs these packages of a worker: cachetools, msgspec, platformdirs,
pydantic, pydantic-settings, threadpoolctl, xxhash, and rapidocr for its model files alone (`pip install --no-deps`).
"""

# ruff: noqa: E402 - what is not installed is named before it is imported

import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from shutil import which
from statistics import mean
from typing import Any

NEEDED = (
    "torch", "ultralytics", "av", "openvino", "cachetools", "msgspec", "platformdirs", "pydantic", "pydantic_settings",
    "threadpoolctl", "xxhash", "rapidocr",
)  # fmt: skip
"""The packages that it needs, as they are imported."""
if absent := [name.replace("_", "-") for name in NEEDED if not find_spec(name)]:
    raise SystemExit(
        f"error: not installed: {' '.join(absent)}; install them with pip, of rapidocr the models alone (--no-deps)"
    )

from benchmarks.known_text import Content
from benchmarks.measuring import Rows, command_line, machine, peak_bytes, show_table, write_report
from benchmarks.pipeline import STREET
from benchmarks.pipeline_variants import Setup, VariantError, line_forgetter, pipeline_of, result_of
from benchmarks.quality import found, known_videos
from benchmarks.small_videos import OUTSIDE, ROOT
from benchmarks.text_clip import text_clip_content, write_text_clip
from shared.pipelines.profiles import Profile
from shared.process.cores import usable_cores
from shared.results import encode_frame
from shared.video.frame import Frame

REFERENCE = "cpu"
"""Always measured, first: what the other devices find is compared with what it finds."""
DEVICES = (REFERENCE, "auto")
CLIP_FRAMES = 240
"""Frames of the clip of text."""
SAMPLES_MS = 100
SAME_PLACE_PIXELS = 2.0
"""A box is the same on two devices if none of its sides is further away."""

COMPARED_FRAMES, COMPARED_EACH = 20, 12
"""How many frames of a video are compared, and one of how many."""
SAMPLE = ROOT / "data" / "samples" / "road_and_parcel.mp4"

Frames = list[dict[str, Any]]
"""The results of some frames of a video."""
Found = dict[str, Frames]
"""Those of each video, by its name."""


def main() -> int:
    """Measure, print a table and save the numbers; return the exit code."""
    parser = command_line(__doc__, "gpu")
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="how long each pass takes; half of it warms up before"
    )
    parser.add_argument("--profiles", nargs="+", choices=[*Profile], default=[*Profile])
    parser.add_argument("--devices", nargs="+", default=DEVICES, help="as --device of a worker, compared with cpu")
    parser.add_argument("--clip-frames", type=int, default=CLIP_FRAMES, help="frames of the clip of text")
    chosen = parser.parse_args()
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as `nvidia-smi` counts; CUDA's own order begins with the fastest
    report: dict[str, Any] = {"machine": machine() | gpus(), "rows": [], "failed": []}
    references: dict[str, Found] = {}
    with tempfile.TemporaryDirectory(prefix="foregsyte-gpu-") as name:
        folder = Path(name)
        videos = _videos(folder, chosen.clip_frames)
        for profile, device in product(chosen.profiles, dict.fromkeys((REFERENCE, *chosen.devices))):
            setup = Setup(profile, None, usable_cores(), device)
            try:
                rows, found_in = _in_a_process(setup, videos, chosen.seconds, folder / profile / device)
            except VariantError as error:
                print(f"error: {error}", file=sys.stderr, flush=True)
                report["failed"].append(str(error))
            else:
                if device == REFERENCE:
                    references[profile] = found_in
                report["rows"] += [row | agreement(references.get(profile), found_in, row["video"]) for row in rows]
            write_report(chosen.json, report)
    facts = report["machine"]
    show_table(f"{facts['processor']}, {facts['cores']} cores", report["rows"])
    print(f"\nsaved in {chosen.json}")
    return 1 if report["failed"] else 0


def _videos(folder: Path, frames: int) -> dict[Path, Content | None]:
    """Return the videos with their content, as far as there is a judge."""
    clip = folder / "text_720p.mp4"
    write_text_clip(clip, frames)
    known = known_videos()
    content = {clip: text_clip_content(clip, frames) if known else None}
    street = (OUTSIDE / STREET).resolve()
    if not street.exists():
        return content | {SAMPLE: None}
    # The bundled detector does not know the labels of the judge.
    return content | {street: known[street] | {"labels": []} if street in known else None}


def gpus() -> dict[str, Any]:
    """Return the name and the driver of each NVIDIA GPU, by its number; nothing without `nvidia-smi`."""
    if not which("nvidia-smi"):
        return {}
    command = ["nvidia-smi", "--query-gpu=index,name,driver_version", "--format=csv,noheader"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    lines = (line.split(", ") for line in listed)
    return {"GPUs": {values[0]: {"name": values[1], "driver": values[2]} for values in lines if len(values) == 3}}


def card_of(device: str) -> str:
    """Return the GPU that `--device` names, as `nvidia-smi` takes it; of `auto` and `cpu` the first.

    CUDA counts the GPUs that `CUDA_VISIBLE_DEVICES` names, and `nvidia-smi` all.
    """
    number = device.rpartition(":")[2]
    index = int(number) if number.isdecimal() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return visible[index].strip() if any(visible) and index < len(visible) else str(index)


def _in_a_process(setup: Setup, videos: dict[Path, Content | None], seconds: float, folder: Path) -> tuple[Rows, Found]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        measured = process.submit(_measured, setup, videos, seconds, folder)
        return result_of(f"{setup.name} with --device {setup.device}", measured)


def _measured(setup: Setup, videos: dict[Path, Content | None], seconds: float, folder: Path) -> tuple[Rows, Found]:
    began_at = time.perf_counter()
    pipeline = pipeline_of(setup)
    ready = time.perf_counter() - began_at
    rows: Rows = []
    for video in videos:
        _pass(pipeline, video, seconds / 2)
        with _gpu_samples(card_of(setup.device)) as (busy, memory):
            row = _pass(pipeline, video, seconds)
        rows.append(
            {"video": video.name, "profile": str(setup.name), "device": setup.device, "ready s": round(ready, 1), **row}
            | {"GPU %": round(mean(busy)) if busy else None, "GPU MiB": max(memory, default=None)}
        )
    found_in = {video.name: _sampled(pipeline, video) for video in videos}
    # At last: the judge loads the models once more, whose memory does not count.
    for row, (video, content) in zip(rows, videos.items(), strict=True):
        totals = found(setup, {video: content}, folder / video.name) if content else None
        row["text any"] = totals["text"]["recall_any"] if totals else None
    return rows, found_in


def _sampled(pipeline: Any, video: Path) -> Frames:
    """Return what is found in frames of the video, by which devices are compared."""
    from shared.video.reader import VideoReader

    frames = itertools.islice(VideoReader(video), 0, COMPARED_FRAMES * COMPARED_EACH, COMPARED_EACH)
    analyses = (pipeline.analyse_batch([frame.image])[0] for frame in frames)
    return [json.loads(encode_frame(0, 0.0, analysis))["result"] for analysis in analyses]


def _pass(pipeline: Any, video: Path, seconds: float) -> dict[str, Any]:
    """Analyse a video, again and again, until the time is over; its lines are read anew each time."""
    from job_worker.analysis.scheduling import analyse_frames
    from shared.video.reader import VideoReader

    forget_lines = line_forgetter()

    def once() -> Iterator[Frame]:
        forget_lines()
        return iter(VideoReader(video))

    began_at, cpu_before = time.perf_counter(), time.process_time()
    repeated = itertools.chain.from_iterable(once() for _ in itertools.repeat(None))
    in_time = itertools.takewhile(lambda _: time.perf_counter() - began_at < seconds, repeated)
    frames = sum(1 for _ in analyse_frames(in_time, pipeline))
    took, on_cores = time.perf_counter() - began_at, time.process_time() - cpu_before
    speed = {"frames/s": round(frames / took, 1), "cores": round(on_cores / took, 1)}
    return speed | {"peak MiB": peak_bytes() >> 20}


@contextmanager
def _gpu_samples(card: str) -> Iterator[tuple[list[int], list[int]]]:
    """Collect the busy shares of a GPU in per cent, and its memory in use in MiB, until the block ends."""
    columns: tuple[list[int], list[int]] = ([], [])
    if not which("nvidia-smi"):
        yield columns
        return
    query = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", f"-lms={SAMPLES_MS}")
    with subprocess.Popen(["nvidia-smi", *query, f"-i={card}"], stdout=subprocess.PIPE, text=True) as process:
        yield columns
        process.terminate()
        lines = process.communicate()[0].splitlines(keepends=True)
    whole = (line.strip().split(", ") for line in lines if line.endswith("\n"))  # the last one may be cut off
    for values in whole:
        for column, value in zip(columns, values, strict=False):
            if value.isdecimal():  # it is [N/A] where a GPU is shared, and for some boards
                column.append(int(value))


def agreement(reference: Found | None, found_in: Found, video: str) -> dict[str, float | None]:
    """Return which share of the reference's lines and boxes of a video was found; None where there are none."""
    expected, got = (reference or {video: []})[video], found_in[video]
    lines = [(_texts(one), _texts(other)) for one, other in zip(expected, got, strict=False)]
    boxes = [(one["detections"], other["detections"]) for one, other in zip(expected, got, strict=False)]
    same_lines = sum((one & other).total() for one, other in lines)
    same_boxes = sum(any(map(_is_same, itertools.repeat(box), other)) for one, other in boxes for box in one)
    return {
        "same lines": _share(same_lines, sum(one.total() for one, _ in lines)),
        "same boxes": _share(same_boxes, sum(len(one) for one, _ in boxes)),
    }


def _texts(result: dict[str, Any]) -> Counter[str]:
    return Counter(line["text"] for line in result["text_lines"])


def _is_same(box: dict[str, Any], other: dict[str, Any]) -> bool:
    away = (abs(one - two) for one, two in zip(box["box"], other["box"], strict=True))
    return bool(box["label"] == other["label"] and max(away) <= SAME_PLACE_PIXELS)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


if __name__ == "__main__":
    raise SystemExit(main())
