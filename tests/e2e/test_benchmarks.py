"""The benchmarks run, small, and say all they must. How fast anything is, is not tested."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import NEEDED, card_of
from tests.conftest import ROOT
from tests.support.hidden import hiding_all_but, with_what_they_need

pytestmark = [pytest.mark.e2e, pytest.mark.corpus]

MACHINE = {"processor", "cores", "memory GiB", "Python", "duckdb", "grpcio"}


def report_of(module: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark, quickly, and return what it saved."""
    file = folder / "report.json"
    command = [sys.executable, "-m", module, "--quick", "--json", str(file), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report: dict[str, Any] = json.loads(file.read_text())
    assert report["machine"].keys() >= MACHINE
    for rows in report["tables"].values():
        for row in rows:
            for column in row:
                assert column in ended.stdout
            check_row(row)
    return report


def check_row(row: dict[str, Any]) -> None:
    """Every number that was measured is there with its spread, and was measured."""
    measured = [value for value in row.values() if isinstance(value, dict)]
    assert measured
    for value in measured:
        assert 0 <= value["min"] <= value["median"] <= value["max"]


@pytest.mark.parametrize("table", ["lives", "waiting", "uploads", "results", "large", "rows"])
def test_each_table_of_the_server_is_made(tmp_path: Path, table: str) -> None:
    assert list(report_of("benchmarks.api", tmp_path, "--only", table)["tables"]) == [table]


@pytest.mark.timeout(600)
def test_a_gpu_is_compared_with_the_cpu_where_nothing_is_installed_but_what_the_benchmark_names(
    tmp_path: Path, corpus: Path
) -> None:
    file = tmp_path / "report.json"
    installed = with_what_they_need(*NEEDED[:-1]) | {NEEDED[-1]}
    small = ("--seconds", "1", "--profiles", "fast", "--clip-frames", "6", "--json", str(file))
    environment = hiding_all_but(installed, tmp_path) | {"FOREGSYTE_TEST_VIDEOS": str(corpus)}
    command = [sys.executable, "-m", "benchmarks.gpu", *small]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = json.loads(file.read_text())["rows"]
    assert [(row["video"], row["device"]) for row in rows] == [
        (video, device) for device in ("cpu", "auto") for video in ("text_720p.mp4", "people_walking_1080p.mp4")
    ]
    assert all(row["frames/s"] > 0 and row["cores"] > 0 for row in rows)
    assert [row["same lines"] for row in rows if row["video"] == "text_720p.mp4"] == [1.0, 1.0]


def test_packages_that_the_benchmark_of_a_gpu_misses_are_named_in_one_line(tmp_path: Path) -> None:
    environment = hiding_all_but({"pydantic", "rapidocr"}, tmp_path)
    command = [sys.executable, "-m", "benchmarks.gpu", "--help"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: not installed: torch ultralytics av openvino cachetools msgspec platformdirs pydantic-settings "
        "threadpoolctl xxhash; install them with pip, of rapidocr the models alone (--no-deps)\n"
    )


NVIDIA_SMI = """#!/bin/sh
echo "$@" >> "$0.calls"
case "$1" in
*index*) echo "0, NVIDIA T4, 550.54" ;;
*) printf '[N/A], 100\\n7, [N/A]\\n45, '; exec sleep 60 ;;
esac
"""
STREET_ALONE = '[{"file": "people_walking_1080p.mp4"}]'
JUDGE = """
def pick(frames, first, last):
    return frames[first : last + 1]


def run(videos, folder):
    return {"totals": {"text": {"recall_any": 0.5}}}
"""


def test_without_other_videos_a_gpu_is_compared_on_the_sample_and_a_variant_that_fails_leaves_the_others(
    tmp_path: Path,
) -> None:
    file, tool = tmp_path / "report.json", tmp_path / "nvidia-smi"
    tool.write_text(NVIDIA_SMI)
    tool.chmod(0o755)
    (tmp_path / "TRUTH.json").write_text(STREET_ALONE)
    (tmp_path / "judge.py").write_text(JUDGE)
    environment = os.environ | {"FOREGSYTE_TEST_VIDEOS": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    small = ("--seconds", "1", "--profiles", "fast", "--devices", "cuda:77", "--clip-frames", "6")
    command = [sys.executable, "-m", "benchmarks.gpu", *small, "--json", str(file)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    report = json.loads(file.read_text())
    assert [(row["video"], row["same lines"], row["same boxes"]) for row in report["rows"]] == [
        ("text_720p.mp4", 1.0, pytest.approx(1)), ("road_and_parcel.mp4", pytest.approx(1), 1.0)
    ]  # fmt: skip
    (failed,) = report["failed"]
    assert failed.startswith("the variant fast with --device cuda:77 failed: ModelLoadError: ")
    assert ended.stderr.splitlines()[-1] == f"error: {failed}"
    assert report["machine"]["GPUs"] == {"0": {"name": "NVIDIA T4", "driver": "550.54"}}
    assert {(row["GPU %"], row["GPU MiB"]) for row in report["rows"]} == {(7, 100)}
    assert [row["text any"] for row in report["rows"]] == [0.5, None]
    assert "-i=0" in (tmp_path / "nvidia-smi.calls").read_text()


@pytest.mark.parametrize(
    ("visible", "device", "card"),
    [
        ("", "auto", "0"),
        ("", "cpu", "0"),
        ("", "cuda", "0"),
        ("", "cuda:1", "1"),
        ("", "2", "2"),
        ("3", "auto", "3"),
        ("3, 1", "cuda:1", "1"),
        ("3", "cuda:1", "1"),
        ("GPU-7d8a", "cuda:0", "GPU-7d8a"),
    ],
)
def test_the_gpu_that_is_sampled_is_that_of_the_device(
    monkeypatch: pytest.MonkeyPatch, visible: str, device: str, card: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert card_of(device) == card


def test_a_variant_whose_process_dies_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "paddleocr.py").write_text("import os; os._exit(9)")
    command = [sys.executable, "-m", "benchmarks.pipeline", "--variants", "plain", "--frames", "1"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1] == "error: the process of the variant plain died, perhaps for lack of memory"


def test_a_video_without_frames_is_named_in_one_line(tmp_path: Path) -> None:
    video = tmp_path / "none.mp4"
    command = [sys.executable, "-m", "benchmarks.pipeline", str(video), "--variants", "plain", "--frames", "1"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1] == f"error: the variant plain found no frame in {video}"


@pytest.mark.long
def test_speed_and_recall_are_measured_against_the_plain_script(tmp_path: Path, corpus: Path) -> None:
    file = tmp_path / "report.json"
    variants = ["plain", "fast"]
    small = ("--frames", "3", "--rounds", "2", "--variants", *variants)
    command = [sys.executable, "-m", "benchmarks.pipeline", *small, "--json", str(file)]
    environment = os.environ | {"FOREGSYTE_TEST_VIDEOS": str(corpus)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(file.read_text())
    assert list(report["videos"]) == ["people_walking_1080p.mp4", "text_720p.mp4"]
    for passes in report["videos"].values():
        assert [len(passes[name]) for name in variants] == [2, 2]
        assert all(entry["ms"] > 0 for name in variants for entry in passes[name])
        assert all(entry["floor_ms"] > 0 for entry in passes["fast"])
    for name in variants:
        text = report["found"][name]["text"]
        assert text["items"] >= 9  # three signs of the street and the lines of the clip
        assert text["recall_any"] >= 0.5
        assert report["start_seconds"][name] > 0
        assert report["peak_bytes"][name] > 100 << 20
