"""Plugin pipelines, through a real server and worker on real videos: offered, run, stored, exported."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from job_client import JobClient, JobFailed
from job_client.__main__ import main as command
from shared.process.exit_codes import ExitCode
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.packages import install_template, make_package
from tests.support.processes import api_process, started, worker_process

pytestmark = [pytest.mark.e2e, pytest.mark.worker, pytest.mark.timeout(300)]

GROUP = "foregsyte.pipelines"
SETTINGS = """
[api]
pipelines = "brightness,colours,night,broken,deep,wrong,failing"

[worker]
pipelines = "brightness,colours,night,broken,deep,wrong,failing"

[pipelines.night]
kind = "brightness"
description = "Scenes at night."
options = { dark-below = 255 }
"""

BROKEN = """
    from job_worker.errors import JobCannotBeDone

    class Broken:
        description = "Raises."
        def analyse(self, image):
            raise KeyError("a bug")

    class Deep:
        description = "Far too deep."
        def analyse(self, image):
            value = 1
            for _ in range(20):
                value = [value]
            return {"a": value}

    class Wrong:
        description = "No JSON."
        def analyse(self, image):
            return {"a": image}

    class Failing:
        description = "Refuses every video."
        def analyse(self, image):
            raise JobCannotBeDone("this video is not one of ours")
"""
JOB_SECONDS = 100.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "foregsyte.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    _, site = install_template("pipelines", folder / "package")
    points = {name.lower(): f"broken:{name}" for name in ("Broken", "Deep", "Wrong", "Failing")}
    return make_package(site, "broken", GROUP, points, BROKEN)


@pytest.fixture(scope="module")
def address(folder: Path, site: Path) -> Iterator[str]:
    with api_process(folder, site=site) as address, worker_process(folder, address, "w", site=site):
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


def results_of(client: JobClient, pipeline: str, video: Path = TINY_MP4) -> list[dict[str, Any]]:
    job = client.submit(video, pipeline)
    job.wait(JOB_SECONDS)
    return job.results_as_dicts()


def test_they_are_listed_for_clients(client: JobClient) -> None:
    offered = {pipeline.pipeline_id: pipeline.description for pipeline in client.pipelines()}
    assert offered["brightness"] == "How bright every frame is, from 0 to 255, and whether it is dark."
    assert offered["night"] == "Scenes at night."


@pytest.mark.parametrize("name", ["tiny_320x240.mp4", "fragmented_basic.mp4", "vfr_torchcodec.mp4"])
def test_every_frame_of_a_real_video_has_what_the_package_finds(client: JobClient, corpus: Path, name: str) -> None:
    frames = list(VideoReader(corpus / name))
    brightness, colours = (results_of(client, pipeline, corpus / name) for pipeline in ("brightness", "colours"))
    assert [entry["frame_index"] for entry in brightness] == [frame.index for frame in frames]
    for frame, bright, colour in zip(frames, brightness, colours, strict=True):
        blue, green, red = frame.image.mean(axis=(0, 1))
        time = pytest.approx(frame.timestamp_ms, abs=0.1)
        assert colour["result"] == {
            "red": round(float(red), 2), "green": round(float(green), 2), "blue": round(float(blue), 2),
            "timestamp_ms": time,
        }  # fmt: skip
        mean = round(float(frame.image.mean()), 2)
        assert bright["result"] == {"brightness": mean, "is_dark": mean < 40, "timestamp_ms": time}


def test_a_table_of_the_file_gives_one_its_options(client: JobClient) -> None:
    assert all(entry["result"]["is_dark"] for entry in results_of(client, "night"))


def test_the_same_video_gives_the_same_results(client: JobClient) -> None:
    assert results_of(client, "colours") == results_of(client, "colours")


FAILS = {
    "broken": "internal error of the worker; its log has more under this job's id",
    "deep": "the pipeline 'deep' gave a result that cannot be stored: .*nested at most 10 deep.*: it must be fixed",
    "wrong": "the pipeline 'wrong' gave a result that cannot be stored: .*type ndarray.*: it must be fixed",
    "failing": "this video is not one of ours",
}


@pytest.mark.parametrize("pipeline", FAILS)
def test_an_error_of_a_plugin_fails_that_job_and_the_next_is_done(client: JobClient, pipeline: str) -> None:
    job = client.submit(TINY_MP4, pipeline)
    assert re.fullmatch(FAILS[pipeline], job.wait(JOB_SECONDS).error_message)
    with pytest.raises(JobFailed):
        job.results()
    assert len(results_of(client, "brightness")) == 12


def test_the_command_shows_exports_reports_and_draws_such_results(
    client: JobClient, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = client.submit(TINY_MP4, "brightness")
    job.wait(JOB_SECONDS)
    to = ("--address", address)

    def run(*arguments: str) -> str:
        assert command([*arguments, *to]) == 0
        return capsys.readouterr().out

    lines = run("results", job.job_id).splitlines()
    assert [json.loads(line) for line in lines] == job.results_as_dicts()
    for suffix in ("json", "jsonl", "csv", "srt", "vtt", "ass", "coco"):
        target = ["--format", "coco"] if suffix == "coco" else []
        run("results", job.job_id, "--out", str(tmp_path / f"found.{suffix}"), *target)
        assert (tmp_path / f"found.{suffix}").exists()
    run("report", job.job_id, "--video", str(TINY_MP4), "-o", str(tmp_path / "report.html"))
    run("annotate", job.job_id, "--video", str(TINY_MP4), "-o", str(tmp_path / "drawn.mp4"))
    assert len(list(VideoReader(tmp_path / "drawn.mp4"))) == 12


def test_a_server_without_the_package_says_what_there_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "foregsyte.toml").write_text(SETTINGS)
    with started(tmp_path / "api.log", "job_api", "--address", "127.0.0.1:0") as process:
        assert process.exit_code() == ExitCode.USAGE
    assert (
        "foregsyte.toml [pipelines.night] kind: must be one of yolo_ocr, yolo, ocr, codes (got 'brightness')"
        in process.text
    )


@pytest.mark.corpus
def test_a_server_whose_package_cannot_be_read_says_so(site: Path, tmp_path: Path) -> None:
    lost = make_package(tmp_path / "site", "lost", GROUP, {"lost": "lost:Lost"}, "import a_library_of_the_worker")
    with started(tmp_path / "api.log", "job_api", "--address", "127.0.0.1:0", site=lost) as process:
        assert process.exit_code() == ExitCode.USAGE
    assert (
        "foregsyte-api: the pipeline 'lost' of lost 1.2 cannot be loaded from lost:Lost: ModuleNotFoundError"
        in process.text
    )
    assert "Traceback" not in process.text
