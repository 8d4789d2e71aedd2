"""Pipelines that one settings file names for both processes, with real models on real videos."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from job_client import JobClient
from shared.process.exit_codes import ExitCode
from tests.support.clips import head_of
from tests.support.processes import Process, api_process, started, worker_process

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.worker, pytest.mark.timeout(600)]

TWO_CLASSES = "people_walking_1080p.mp4"
"""A video of people, some of them far away, with a suitcase and a bench."""
FRAMES = 6
"""So many of its frames are looked at."""
JOB_SECONDS = 400.0


def settings_file(folder: Path, weights: Path, *, more: str = "") -> None:
    (folder / "foregsyte.toml").write_text(
        f"""
        [worker]
        yolo-weights = "{weights}"
        profile = "exact"
        threads = 2

        [api]
        profile = "exact"

        [pipelines.people]
        kind = "yolo"
        description = "People."
        classes = ["person"]

        [pipelines.sure_people]
        kind = "yolo"
        classes = ["person"]
        confidence = 0.6

        [pipelines.captions]
        kind = "ocr"
        languages = ["en", "de"]
        ocr_confidence = 0.999999
        {more}
        """
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, yolo_weights: Path) -> Path:
    folder = tmp_path_factory.mktemp("named")
    settings_file(folder, yolo_weights)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with api_process(folder) as address:
        yield address


@pytest.fixture(scope="module")
def worker(folder: Path, address: str) -> Iterator[Process]:
    with worker_process(folder, address, "w") as process:
        yield process


@pytest.fixture(scope="module")
def client(address: str, worker: Process) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


def found(client: JobClient, video: Path, pipeline: str) -> list[dict[str, list[dict[str, object]]]]:
    job = client.submit(video, pipeline)
    job.wait(JOB_SECONDS)
    return [frame["result"] for frame in job.results_as_dicts()]


def test_they_are_listed_after_the_built_in_pipelines(client: JobClient) -> None:
    offered = {pipeline.pipeline_id: pipeline.description for pipeline in client.pipelines()}
    assert list(offered) == ["yolo_ocr", "yolo", "ocr", "codes", "people", "sure_people", "captions"]
    assert offered["people"] == "People. Profile exact."
    assert offered["captions"].startswith("Text (PaddleOCR) in every frame. Languages: en, de. Profile exact")


def test_each_finds_what_its_table_says_and_the_built_in_ones_all(
    client: JobClient, corpus: Path, tmp_path: Path
) -> None:
    video = head_of(corpus / TWO_CLASSES, FRAMES, tmp_path / "head.mp4")
    everything, people, sure = (found(client, video, pipeline) for pipeline in ("yolo", "people", "sure_people"))
    assert len(everything) == FRAMES
    assert {one["label"] for result in everything for one in result["detections"]} > {"person"}
    assert [result["detections"] for result in people] == [
        [one for one in result["detections"] if one["label"] == "person"] for result in everything
    ]
    assert [result["detections"] for result in sure] == [
        [one for one in result["detections"] if float(str(one["confidence"])) >= 0.6] for result in people
    ]
    assert 0 < sum(len(result["detections"]) for result in sure) < sum(len(result["detections"]) for result in people)


def test_a_limit_for_text_is_a_pipelines_own(client: JobClient, tiny_mp4: bytes, tmp_path: Path) -> None:
    video = tmp_path / "tiny.mp4"
    video.write_bytes(tiny_mp4)
    read, dropped = found(client, video, "ocr"), found(client, video, "captions")
    assert sum(len(result["text_lines"]) for result in read) > sum(len(result["text_lines"]) for result in dropped)


@pytest.mark.corpus
def test_pipelines_on_one_network_do_not_load_it_again(
    worker: Process, client: JobClient, yolo_weights: Path, tmp_path: Path, corpus: Path
) -> None:
    """The child that runs three more pipelines holds little more than one that runs the built-in ones."""
    settings = ("--yolo-weights", str(yolo_weights), "--profile", "exact", "--threads", "2")
    with api_process(tmp_path) as address, worker_process(tmp_path, address, "plain", *settings) as plain:
        assert memory_of_child(worker) < memory_of_child(plain) + (200 << 20)


def memory_of_child(process: Process) -> int:
    return max(child.memory_info().rss for child in psutil.Process(process.popen.pid).children(recursive=True))


REFUSED = {
    "weights that are not there": (
        '[pipelines.signs]\nkind = "yolo"\nweights = "no-such-file.onnx"',
        "foregsyte-worker: pipeline 'signs': ",
        "no-such-file.onnx",
    ),
    "a class that the weights lack": (
        '[pipelines.signs]\nkind = "yolo"\nclasses = ["give way"]',
        "foregsyte-worker: pipeline 'signs': ",
        "no class 'give way'; the classes are person, bicycle,",
    ),
    "a text model that is not there": (
        '[pipelines.signs]\nkind = "ocr"\nocr_recognition_model = "models/none"',
        "foregsyte-worker: pipeline 'signs': ",
        "models/none is not there",
    ),
}


@pytest.mark.corpus
@pytest.mark.parametrize("what", REFUSED)
def test_what_only_a_worker_can_see_ends_the_worker_and_not_the_server(
    what: str, tmp_path: Path, yolo_weights: Path
) -> None:
    table, begins, names = REFUSED[what]
    settings_file(tmp_path, yolo_weights, more=table)
    with (
        api_process(tmp_path) as address,
        started(
            tmp_path / "w.log", "job_worker.worker_runner", "--address", address, "--pipelines", "signs"
        ) as process,
    ):
        assert process.exit_code(200) == ExitCode.MODELS
        assert begins in process.text
        assert names in process.text
        assert "Traceback" not in process.text
