"""Profile `exact` gives the same bytes for small frames on other CPUs: here and on an emulated one without AVX.

It takes minutes, since an emulator runs both networks.
"""

import platform
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.processes import environment

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.corpus, pytest.mark.worker, pytest.mark.timeout(1200)]

CPU = "Nehalem"
"""One of QEMU's names: 64 bits and SSE4.2, no AVX, no AVX2, no fused multiply-add."""
SAMPLE = ROOT / "data" / "samples" / "road_and_parcel.mp4"
FRAMES = (10, 100)
"""The road and the parcel."""

RUN = """
import itertools, sys
from pathlib import Path
import cv2
from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.settings import WorkerSettings
from shared.results import encode_frame
from shared.video.reader import VideoReader

video, *frames = sys.argv[1:]
settings = WorkerSettings.of(profile="exact", yolo_image_size=320, cache_dir=None, device="cpu", threads=1)
pipeline = build_pipelines(settings)["yolo_ocr"]
wanted = set(map(int, frames))
for frame in itertools.islice(VideoReader(Path(video)), max(wanted) + 1):
    if frame.index in wanted:
        small = cv2.resize(frame.image, (320, 180), interpolation=cv2.INTER_AREA)
        [analysis] = pipeline.analyse_batch([small])
        print("FRAME", encode_frame(frame.index, frame.timestamp_ms, analysis).decode())
"""


def frames_on(*emulator: str) -> list[str]:
    command = [*emulator, sys.executable, "-c", RUN, str(SAMPLE), *map(str, FRAMES)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=1100, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("FRAME")]
    assert len(found) == len(FRAMES), done.stderr
    return found


@pytest.mark.skipif(platform.machine() != "x86_64", reason="optional: emulates x86-64 on x86-64")
def test_exact_gives_the_same_bytes_for_small_frames_on_a_cpu_without_avx() -> None:
    emulator = shutil.which("qemu-x86_64")
    if not emulator:
        pytest.skip("optional: qemu-x86_64 is absent; Debian has it in qemu-user")
    here = frames_on()
    assert all('"label":' in frame and '"polygon":' in frame for frame in here)
    assert frames_on(emulator, "-cpu", CPU) == here
