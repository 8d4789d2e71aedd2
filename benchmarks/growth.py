"""How memory grows with the length of a video: `python -m benchmarks.growth`.

For each length a server and a worker without models (see `cheap_worker`) start anew and do one job: a video of small
frames. The table shows the most memory that each process held until the job was completed, and the server's again after
the results were answered as JSON.
"""

import tempfile
import time
from pathlib import Path

import av
import numpy as np
import psutil

from benchmarks.api_server import serving
from benchmarks.cheap_pipelines import PIPELINE
from benchmarks.measuring import Rows, command_line, machine, peak_bytes, save, show_table
from job_client import JobClient, JobStatus
from shared.process.settings import MIB
from tests.support.processes import ready

LENGTHS = (100, 21_600, 216_000)
"""A few seconds, twelve minutes and two hours at 30 frames a second."""
SIDE = 64


def make_video(path: Path, frames: int) -> None:
    """Write an MP4 of so many small frames, no two alike in a row."""
    images = [np.full((SIDE, SIDE, 3), 8 * number, np.uint8) for number in range(16)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(images[number % len(images)], format="bgr24")))
        container.mux(stream.encode())


def row_of(folder: Path, frames: int) -> dict[str, object]:
    """Run one job of so many frames in new processes; return the memory that each took."""
    folder.mkdir()
    make_video(folder / "video.mp4", frames)
    with serving(folder) as server:
        command = ("benchmarks.cheap_worker", "--address", server.address, "--pipelines", PIPELINE)
        with (
            ready(folder / "worker.log", r"takes jobs from (\S+)", *command) as worker,
            JobClient(server.address) as client,
        ):
            child = max(psutil.Process(worker.popen.pid).children(), key=lambda process: process.memory_info().rss)
            began = time.perf_counter()
            job = client.submit(folder / "video.mp4", PIPELINE)
            if job.wait().status is not JobStatus.completed:
                raise RuntimeError(f"the job failed: {job.status().error_message}")
            seconds = time.perf_counter() - began
            peaks = [round(peak_bytes(pid) / MIB) for pid in (server.pid, worker.popen.pid, child.pid)]
            size = next((folder / "data" / "video_jobs").glob("*_results.json")).stat().st_size
            count = sum(1 for _ in job.iter_results())
            if count != frames:
                raise RuntimeError(f"{count} results of {frames} frames")
            answered = round(peak_bytes(server.pid) / MIB)
    names = ("server MiB", "worker MiB", "its child MiB")
    return {
        "frames": frames,
        "results MB": round(size / 1e6, 1),
        "seconds": round(seconds, 1),
        **dict(zip(names, peaks, strict=True)),
        "server MiB after the answer": answered,
    }


def main() -> int:
    """Run the command; return its exit code."""
    parser = command_line(__doc__, "growth")
    parser.add_argument("--frames", type=int, nargs="+", default=LENGTHS, help="the lengths of the videos")
    chosen = parser.parse_args()
    report = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="foregsyte-growth-") as folder:
        rows: Rows = [row_of(Path(folder, str(frames)), frames) for frames in chosen.frames]
    show_table("Memory against the length of a video", rows)
    save(chosen.json, report | {"tables": {"growth": rows}})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
