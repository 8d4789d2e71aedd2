"""The light worker: an environment with neither torch nor paddle, which gives what the full one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT, TINY_MP4
from tests.support.processes import environment

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.worker, pytest.mark.timeout(300)]

HEAVY = ("torch", "ultralytics", "paddleocr", "paddlex", "onnxruntime")

RUN = """
import json, sys
from pathlib import Path
from job_worker.bootstrap import BuildPipelines
from job_worker.settings import WorkerSettings

video, weights, profile, cache = sys.argv[1:]
settings = WorkerSettings.of(yolo_weights=weights, profile=profile, cache_dir=Path(cache), device="cpu", threads=2)
encoded_frames = BuildPipelines(settings)(on_frame=lambda: None)
print("RESULTS", json.dumps([json.loads(frame) for frame in encoded_frames("yolo_ocr", Path(video))]))
"""


@pytest.fixture(scope="module")
def light_python() -> str:
    path = Path(os.environ.get("FOREGSYTE_TEST_LIGHT_PYTHON", ROOT / ".venv-light" / "bin" / "python"))
    if not path.exists():
        pytest.skip(f"{path} is absent; `make test` makes it, or set FOREGSYTE_TEST_LIGHT_PYTHON")
    return str(path)


def run(python: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, *arguments], env=environment(), capture_output=True, text=True, timeout=200, check=False
    )


def test_nothing_heavy_is_installed(light_python: str) -> None:
    code = f"import importlib.util; print([name for name in {HEAVY} if importlib.util.find_spec(name)])"
    assert run(light_python, "-c", code).stdout.strip() == "[]"


@pytest.mark.corpus
@pytest.mark.parametrize("profile", ["exact", "balanced"])
def test_results_are_those_of_the_full_worker(
    profile: str, light_python: str, yolo_weights: Path, tmp_path: Path
) -> None:
    def results(python: str) -> list[object]:
        done = run(python, "-c", RUN, str(TINY_MP4), str(yolo_weights), profile, str(tmp_path / "cache"))
        [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULTS")]
        return list(json.loads(line.removeprefix("RESULTS ")))

    light = results(light_python)
    assert len(light) == 12
    assert light == results(sys.executable)


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        (["--text-engine", "paddleocr", "--pipelines", "ocr"], "paddleocr"),
        (["--detection-engine", "ultralytics", "--pipelines", "yolo", "--yolo-weights", "some.pt"], "ultralytics"),
    ],
)
def test_an_engine_that_is_not_installed_is_named(flags: list[str], missing: str, light_python: str) -> None:
    done = run(light_python, "-m", "job_worker.worker_runner", "--address", "127.0.0.1:1", *flags)
    assert done.returncode == ExitCode.MODELS
    assert f"foregsyte-worker: {missing} is not installed: install the full worker" in done.stderr
    assert "Traceback" not in done.stderr
