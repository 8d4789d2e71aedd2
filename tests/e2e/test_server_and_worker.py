"""Server and worker as real processes with real models: the results, and no job is lost with its worker."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest

from job_client import JobClient
from job_client.cli.demo import SAMPLE
from job_worker.bootstrap import BuildPipelines
from job_worker.runtime.pipeline_child import SEPARATOR, serve
from job_worker.runtime.pipeline_runner import Run
from job_worker.settings import WorkerSettings
from shared.contract.job_status import JobStatus
from shared.process.exit_codes import ExitCode
from shared.video.reader import VideoReader
from tests.conftest import ROOT, TINY_MP4
from tests.support.plain_words import is_plain
from tests.support.processes import Process, api_process, environment, members_of_group, ready, started, worker_process
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.worker, pytest.mark.timeout(600)]

TINY_FRAMES = 12
JOB_SECONDS = 400.0
"""Far longer than any job here takes, also on a machine that does much else."""
SHORT_LEASE_SECONDS = 2

StartWorker = Callable[..., AbstractContextManager[Process]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shared server and worker: `data` and the logs."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """A server that all tests of this file may use."""
    with api_process(folder) as address:
        yield address


@pytest.fixture(scope="module")
def worker(folder: Path, address: str, yolo_weights: Path) -> Iterator[Process]:
    """A worker of that server; tests leave it alive."""
    with worker_process(folder, address, "first", "--yolo-weights", str(yolo_weights)) as process:
        yield process


@pytest.fixture(scope="module")
def shared_client(address: str, worker: Process) -> Iterator[JobClient]:
    """A client of the shared server."""
    with JobClient(address) as client:
        yield client


@pytest.fixture
def own_address(tmp_path: Path) -> Iterator[str]:
    """A server with a short lease and no worker, for one test alone."""
    with api_process(tmp_path, "--lease-seconds", str(SHORT_LEASE_SECONDS)) as address:
        yield address


@pytest.fixture
def client(own_address: str) -> Iterator[JobClient]:
    """A client of that server."""
    with JobClient(own_address) as client:
        yield client


@pytest.fixture
def start_reader(own_address: str, tmp_path: Path) -> StartWorker:
    """Start workers of that server that only read text, so that they start soon."""
    return lambda name, *arguments: worker_process(tmp_path, own_address, name, "--pipelines", "ocr", *arguments)


@pytest.fixture
def start_other(own_address: str, tmp_path: Path) -> StartWorker:
    """Start a worker of that server without models, to take over a job."""
    flags = ("--address", own_address, "--pipelines", "ocr")
    return lambda: ready(tmp_path / "other.log", r"takes jobs from", "benchmarks.cheap_worker", *flags)


def completed(client: JobClient, video: Path, pipeline: str = "yolo_ocr") -> str:
    job = client.submit(video, pipeline).wait(JOB_SECONDS)
    assert (job.status, job.error_message) == (JobStatus.completed, "")
    return job.job_id


def texts(client: JobClient, job_id: str) -> list[str]:
    results = client.job(job_id).results_as_dicts()
    assert [frame["frame_index"] for frame in results] == list(range(len(results)))
    return [frame["result"]["text"] for frame in results]


def stored_results(folder: Path, job_id: str) -> bytes:
    [path] = [path for path in (folder / "data").rglob("*") if job_id in str(path) and path.suffix == ".json"]
    return path.read_bytes()


def has_status(client: JobClient, job_id: str, status: JobStatus) -> bool:
    return client.job(job_id).status().status is status


def takes_a_job(process: Process) -> None:
    """Wait until it has one; the server calls a job running before its worker has the answer."""
    eventually(lambda: "job dequeued" in process.text, "the job's start")


def nothing_is_left_of(process: Process) -> None:
    """Its children end a moment after it: those of multiprocessing notice that its pipes are closed."""
    eventually(lambda: not members_of_group(process.popen.pid), "the end of its children", 5)


def test_every_frame_of_a_small_video_is_read(shared_client: JobClient) -> None:
    lines = [text.splitlines() for text in texts(shared_client, completed(shared_client, TINY_MP4))]
    assert len(lines) == TINY_FRAMES
    for index, found in enumerate(lines):
        assert f"Frame {index + 1}" in found


@pytest.mark.corpus
def test_no_frame_of_a_counting_video_is_skipped_duplicated_or_misread(shared_client: JobClient, corpus: Path) -> None:
    found = texts(shared_client, completed(shared_client, corpus / "counter_digits.mp4"))
    assert found == [f"Frame = {index + 1}\nPTS = {index / 10:.1f}s" for index in range(30)]


def test_results_hold_what_the_pipeline_looks_for_and_nothing_else(shared_client: JobClient) -> None:
    keys = {
        pipeline: {
            key
            for frame in shared_client.job(completed(shared_client, TINY_MP4, pipeline)).results_as_dicts()
            for key in frame["result"]
        }
        for pipeline in ("yolo", "ocr", "yolo_ocr")
    }
    assert keys == {
        "yolo": {"timestamp_ms", "detections"},
        "ocr": {"timestamp_ms", "text", "text_lines"},
        "yolo_ocr": {"timestamp_ms", "detections", "text", "text_lines"},
    }


@pytest.mark.parametrize("name", ["audio_only_aac.mp4", "truncated_isom_262b.mp4", "still_1x1.avif"])
def test_a_file_without_frames_fails_with_a_plain_message(name: str, shared_client: JobClient, corpus: Path) -> None:
    job = shared_client.submit(corpus / name).wait(JOB_SECONDS)
    assert job.status is JobStatus.failed
    assert is_plain(job.error_message)


@pytest.mark.corpus
def test_the_same_video_gives_the_same_bytes_again_and_from_every_worker(
    shared_client: JobClient, folder: Path, address: str, corpus: Path, yolo_weights: Path
) -> None:
    videos = [TINY_MP4, corpus / "tiny_320x240.mp4"]
    alone = {video: stored_results(folder, completed(shared_client, video)) for video in videos}
    with worker_process(folder, address, "second", "--yolo-weights", str(yolo_weights)):
        jobs = [(video, shared_client.submit(video, "yolo_ocr").job_id) for video in videos * 2]
        for video, job_id in jobs:
            assert shared_client.job(job_id).wait(JOB_SECONDS).status is JobStatus.completed
            assert stored_results(folder, job_id) == alone[video]
            assert shared_client.job(job_id).results_as_dicts() == json.loads(alone[video])["results"]
    log = (folder / "api.log").read_text()
    taken = dict(re.findall(r"job dequeued job_id=(\S+) worker_id=(\S+)", log))
    assert {taken[job_id] for _, job_id in jobs} == {"first", "second"}


@pytest.mark.corpus
def test_an_idle_worker_that_is_stopped_exits_soon_with_code_0(start_reader: StartWorker) -> None:
    with start_reader("idle") as process:
        told_at = time.monotonic()
        process.send(signal.SIGTERM)
        assert process.exit_code() == ExitCode.OK
        assert time.monotonic() - told_at < 10
        nothing_is_left_of(process)
    assert "Traceback" not in process.text


def test_a_worker_that_is_stopped_while_its_models_load_exits_soon_with_code_0(
    own_address: str, tmp_path: Path
) -> None:
    arguments = ("--address", own_address, "--pipelines", "ocr")
    with ready(tmp_path / "early.log", "loading the models", "job_worker.worker_runner", *arguments) as process:
        process.send(signal.SIGTERM)
        assert process.exit_code() == ExitCode.OK
        nothing_is_left_of(process)
    assert "takes jobs from" not in process.text
    assert "Traceback" not in process.text


def test_a_worker_that_is_stopped_releases_its_job_and_another_completes_it(
    client: JobClient, start_reader: StartWorker, start_other: StartWorker
) -> None:
    job_id = client.submit(TINY_MP4, "ocr").job_id
    with start_reader("stopped", "--drain-seconds", "0") as process:
        takes_a_job(process)
        process.send(signal.SIGTERM)
        assert process.exit_code() == ExitCode.OK
        nothing_is_left_of(process)
    assert "job released" in process.text
    assert has_status(client, job_id, JobStatus.pending)
    with start_other():
        assert_completed(client, job_id)


def test_a_worker_that_is_stopped_completes_its_job_and_takes_no_other(
    client: JobClient, start_reader: StartWorker
) -> None:
    first, second = client.submit(TINY_MP4, "ocr").job_id, client.submit(TINY_MP4, "ocr").job_id
    with start_reader("drained", "--drain-seconds", str(JOB_SECONDS)) as process:
        takes_a_job(process)
        process.send(signal.SIGTERM)
        assert process.exit_code(JOB_SECONDS) == ExitCode.OK
    assert_completed(client, first)
    assert has_status(client, second, JobStatus.pending)


def test_the_job_of_a_killed_worker_is_completed_by_another(
    client: JobClient, start_reader: StartWorker, start_other: StartWorker
) -> None:
    job_id = client.submit(TINY_MP4, "ocr").job_id
    with start_reader("killed") as process:
        takes_a_job(process)
        process.send(signal.SIGKILL)
        assert process.exit_code() == -signal.SIGKILL
        nothing_is_left_of(process)
    eventually(lambda: has_status(client, job_id, JobStatus.pending), "the job's return")
    with start_other():
        assert_completed(client, job_id)


def assert_completed(client: JobClient, job_id: str) -> None:
    job = client.job(job_id).wait(JOB_SECONDS)
    assert (job.status, job.error_message) == (JobStatus.completed, "")
    assert len(texts(client, job_id)) == TINY_FRAMES


def test_a_worker_without_its_weights_says_so_and_touches_no_job(
    client: JobClient, own_address: str, tmp_path: Path
) -> None:
    job_id = client.submit(TINY_MP4, "yolo").job_id
    arguments = ("--address", own_address, "--yolo-weights", str(tmp_path / "absent_openvino_model"))
    with started(tmp_path / "bare.log", "job_worker.worker_runner", *arguments, "--pipelines", "yolo") as process:
        assert process.exit_code() == ExitCode.MODELS
    [message] = [line for line in process.text.splitlines() if line.startswith("foregsyte-worker:")]
    assert "absent_openvino_model" in message
    # Only that of coverage may be there: the child may be ended while coverage saves what it ran.
    assert not re.search(r"Traceback .*\n(?!.*/coverage/control\.py)", process.text)
    assert has_status(client, job_id, JobStatus.pending)
    assert "job dequeued" not in (tmp_path / "api.log").read_text()


def test_a_worker_with_wrong_settings_names_them_all_and_ends(tmp_path: Path) -> None:
    arguments = ("--threads", "-1", "--yolo-confidence", "7")
    with started(tmp_path / "wrong.log", "job_worker.worker_runner", *arguments) as process:
        assert process.exit_code() == ExitCode.USAGE
    assert "--threads" in process.text
    assert "--yolo-confidence" in process.text
    assert "Traceback" not in process.text


@pytest.mark.corpus
def test_the_process_of_the_models_does_its_work_and_ends_with_its_pipe(yolo_weights: Path, tmp_path: Path) -> None:
    settings = WorkerSettings.of(yolo_weights=str(yolo_weights))
    context = get_context("spawn")
    with ExitStack() as stack:
        ours, theirs = context.Pipe()
        stack.callback(ours.close)
        child = context.Process(target=serve, args=(theirs, BuildPipelines(settings)), daemon=True)
        child.start()
        stack.callback(child.kill)
        theirs.close()
        kinds: list[str] = []
        for pipeline in (None, "ocr", "nonsense"):
            if pipeline:
                ours.send(Run(pipeline, TINY_MP4, tmp_path / "results.json"))
            assert ours.poll(JOB_SECONDS)
            while (message := ours.recv_bytes().decode().partition(SEPARATOR))[0] == "frame":
                kinds.append("frame")
            kinds.append(message[0])
        ours.close()
        child.join(60)
        assert kinds == ["ready", *["frame"] * TINY_FRAMES, "done", "failure"]
        assert message[2].startswith("unknown pipeline 'nonsense'")
        assert child.exitcode == 0


def demo(folder: Path, video: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "job_client",
            "demo",
            str(video),
            "--data-dir",
            str(folder),
            "--out",
            str(folder / "left"),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(COLUMNS="120"),
    )


def processes_that_name(text: str) -> list[int]:
    """Return the processes whose command line contains the text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@pytest.mark.corpus
def test_the_demo_shows_what_is_in_a_video_and_leaves_no_process(yolo_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = demo(folder, TINY_MP4, "--yolo-weights", str(yolo_weights))
    shown, _ = process.communicate(timeout=JOB_SECONDS)
    assert process.returncode == 0, shown
    assert f"{TINY_FRAMES} frames" in shown
    assert "Text" in shown
    for index in range(TINY_FRAMES):
        assert f"Frame {index + 1}" in shown
    left = re.findall(r"^(?:Report|Annotated video): (.+)$", shown, re.MULTILINE)
    assert [Path(path).parent for path in left] == [folder / "left"] * 2
    assert "{" not in shown
    assert "yolo_ocr" in Path(left[0]).read_text(encoding="utf-8")
    assert len(list(VideoReader(Path(left[1])))) == TINY_FRAMES
    for command in ("foregsyte-api", "foregsyte-worker", "foregsyte submit VIDEO.mp4 --wait"):
        assert f"{command}\n" in shown  # behind the folder of the programs where that is not on the PATH
    assert not processes_that_name(str(folder))
    addresses = re.findall(r"127\.0\.0\.1:\d+", shown)
    assert not processes_that_name(addresses[0])


@pytest.mark.corpus
def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    shown, _ = demo(tmp_path / "demo", SAMPLE).communicate(timeout=JOB_SECONDS)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"What the demo says.*?```text\n(.*?)```", readme, re.DOTALL)
    printed = [" ".join(line.replace("┃", "│").split()) for line in shown.splitlines()]
    promised = [" ".join(line.split()) for line in example.splitlines()]
    assert printed[0] == promised[0]
    assert set(promised) <= set(printed)


def test_a_demo_that_is_stopped_stops_its_server_and_worker_too(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = demo(folder, TINY_MP4)
    try:
        eventually((folder / "worker.log").exists, "the start of the worker", 60)
        process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + signal.SIGTERM
    eventually(lambda: not processes_that_name(str(folder)), "the end of server and worker", 5)


@pytest.mark.corpus
def test_a_demo_of_a_video_without_frames_says_why_and_fails(corpus: Path, tmp_path: Path) -> None:
    process = demo(tmp_path / "demo", corpus / "audio_only_aac.mp4")
    shown, _ = process.communicate(timeout=JOB_SECONDS)
    assert process.returncode == ExitCode.JOB_FAILED
    assert "only audio" in shown
    assert "Traceback" not in shown


@pytest.mark.corpus
def test_a_demo_whose_weights_are_missing_says_so_and_fails(tmp_path: Path) -> None:
    process = demo(tmp_path / "demo", TINY_MP4, "--yolo-weights", str(tmp_path / "absent.pt"))
    shown, _ = process.communicate(timeout=JOB_SECONDS)
    assert process.returncode == ExitCode.FAILURE
    assert "absent.pt" in shown
    assert "Traceback" not in shown
