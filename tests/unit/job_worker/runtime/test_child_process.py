"""The runner in a child process: real children, with every way in which work can go wrong in place of models."""

import errno
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from job_worker.errors import (
    Cancelled,
    HostFault,
    HostUnusable,
    InsufficientSpace,
    JobCannotBeDone,
    ModelLoadError,
    UnconfirmedLackOfSpace,
)
from job_worker.runtime import child_process
from job_worker.runtime.pipeline_child import SEPARATOR, Build, serve
from job_worker.runtime.pipeline_runner import Run
from job_worker.runtime.process_runner import CHECK_SECONDS, MESSAGE_SECONDS, RELOAD_SECONDS, ProcessRunner, RunLimits
from shared.process.clock import Clock, monotonic_clock
from tests.support import builds
from tests.support.capabilities import permissions_hold
from tests.support.clock import FakeClock
from tests.support.faults import Faults, faults
from tests.support.samples import results_document
from tests.support.waiting import eventually, in_thread
from tests.support.worker_fakes import raising

__all__ = ["faults"]  # a fixture

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

ROOT = Path(__file__).parents[4]
LONG_SECONDS = 60.0

MakeRunner = Callable[..., ProcessRunner]


@pytest.fixture
def make_runner() -> Iterator[MakeRunner]:
    """Make runners, not started; end their children at the end."""
    with ExitStack() as stack:

        def make(
            build: Build = builds.Anything(),  # noqa: B008 (frozen)
            max_frame_seconds: float = LONG_SECONDS,
            max_memory_bytes: int = 1 << 40,
            check_seconds: float = CHECK_SECONDS,
            clock: Clock = monotonic_clock,
            message_seconds: float = MESSAGE_SECONDS,
        ) -> ProcessRunner:
            limits = RunLimits(max_frame_seconds, max_memory_bytes)
            runner = ProcessRunner(
                build, limits, clock=clock, check_seconds=check_seconds, message_seconds=message_seconds
            )
            stack.callback(runner.close)
            return runner

        yield make


@pytest.fixture
def runner(make_runner: MakeRunner) -> ProcessRunner:
    """A runner whose child is ready."""
    runner = make_runner()
    runner.start(never)
    return runner


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return tmp_path / "video.mp4"


def never() -> bool:
    return False


def run(runner: ProcessRunner, pipeline_id: str, video: Path, is_cancelled: Callable[[], bool] = never) -> bytes:
    """Run the pipeline and return the results document."""
    results = video.with_suffix(".json")
    runner.run(Run(pipeline_id, video, results), is_cancelled)
    return results.read_bytes()


def result_of(runner: ProcessRunner, video: Path) -> dict[str, Any]:
    [entry] = json.loads(run(runner, "succeed", video, never))["results"]
    return dict(entry["result"])


def holds_pid(file: Path) -> bool:
    """Whether a child has written its process id; a file is there before it is written."""
    return file.exists() and bool(file.read_text())


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_run_gives_the_results_document(runner: ProcessRunner, video: Path) -> None:
    document = run(runner, "succeed", video, never)
    pid = json.loads(document)["results"][0]["result"]["pid"]
    result = {"text": builds.NOT_ENGLISH, "video": str(video), "pid": pid, "timestamp_ms": 0.0}
    assert document == results_document([{"frame_index": 0, "result": result}])


def test_the_work_happens_in_another_process_that_serves_many_runs(runner: ProcessRunner, video: Path) -> None:
    pids = {result_of(runner, video)["pid"] for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_a_runner_that_was_not_started_starts_with_its_first_run(make_runner: MakeRunner, video: Path) -> None:
    assert result_of(make_runner(), video)


def test_a_job_failure_keeps_its_message_and_leaves_the_child_alive(runner: ProcessRunner, video: Path) -> None:
    pid = result_of(runner, video)["pid"]
    with pytest.raises(JobCannotBeDone) as raised:
        run(runner, "fail", video, never)
    assert str(raised.value) == f"no frame can be decoded: {builds.NOT_ENGLISH}"
    assert result_of(runner, video)["pid"] == pid


@pytest.mark.parametrize(
    ("way", "error", "words"),
    [
        ("err", RuntimeError, "KeyError: 'a bug'"),
        ("fill the GPU", HostFault, "^the GPU of this host failed or has no memory left$"),
        ("break the GPU", HostFault, "^the GPU of this host failed"),
        ("need a thread", HostFault, "^this host cannot start a thread$"),
    ],
)
def test_what_may_be_broken_from_now_on_is_no_job_failure_and_the_next_run_gets_a_fresh_child(
    way: str, error: type[Exception], words: str, runner: ProcessRunner, video: Path
) -> None:
    pid = result_of(runner, video)["pid"]
    with pytest.raises(error, match=words):
        run(runner, way, video, never)
    assert not is_alive(pid)
    assert result_of(runner, video)["pid"] != pid


def test_running_out_of_memory_fails_the_job(runner: ProcessRunner, video: Path) -> None:
    with pytest.raises(JobCannotBeDone, match="ran out of memory"):
        run(runner, "out of memory", video, never)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("crash", "ended by SIGSEGV$"),
        ("be killed", "ended by SIGKILL, most likely out of memory$"),
        ("be ended by a real-time signal", f"ended by signal {signal.SIGRTMIN + 6}$"),
        ("exit", "ended with exit code 7$"),
        ("leave", "ended with exit code 3$"),
        ("remove the results", "has removed its results$"),
    ],
)
def test_the_end_of_the_child_fails_the_job_and_the_next_run_gets_a_fresh_child(
    way: str, words: str, runner: ProcessRunner, video: Path
) -> None:
    pid = result_of(runner, video)["pid"]
    with pytest.raises(JobCannotBeDone, match=words):
        run(runner, way, video, never)
    assert not is_alive(pid)
    assert result_of(runner, video)["pid"] not in {pid, os.getpid()}


@pytest.mark.parametrize(
    ("way", "error", "words"),
    [
        ("move the folder and find no space", UnconfirmedLackOfSpace, "where there is room$"),
        ("shut the results away", JobCannotBeDone, "has removed its results$"),
    ],
)
def test_a_child_that_has_moved_the_folder_of_its_job_is_ended_and_not_believed(
    way: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    (job := tmp_path / "own" / "job").mkdir(parents=True)
    runner = ProcessRunner(builds.Anything(), RunLimits(LONG_SECONDS, 1 << 40), builds.NoProtection(job.parent))
    with closing(runner):
        runner.start(never)
        with permissions_hold(), pytest.raises(error, match=words):
            run(runner, way, job / "video.mp4")
        assert not multiprocessing.active_children()


def test_a_child_that_closes_its_pipes_and_stays_alive_fails_the_job_in_time(
    runner: ProcessRunner, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "EXIT_SECONDS", 0.5)
    pid = result_of(runner, video)["pid"]
    ended = in_thread(lambda: run(runner, "close all pipes and stay", video))
    try:
        with pytest.raises(JobCannotBeDone, match=r"closed its pipe and did not end$"):
            ended.result(LONG_SECONDS / 2)
        assert not is_alive(pid)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert result_of(runner, video)["pid"] != pid


def test_a_child_that_reads_no_job_does_not_hold_the_worker(make_runner: MakeRunner, video: Path) -> None:
    runner = make_runner(builds.ModelsThatAnswerUnasked(), message_seconds=0.2)
    video.with_suffix(".json").touch()

    def run_many() -> None:
        for _ in range(10_000):
            run(runner, "succeed", video)

    with pytest.raises(JobCannotBeDone, match="does not read what to do"):
        in_thread(run_many).result(LONG_SECONDS / 2)


def test_a_child_that_died_between_two_jobs_fails_neither(runner: ProcessRunner, video: Path) -> None:
    pid = result_of(runner, video)["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), "the child's end")
    assert result_of(runner, video)["pid"] != pid


def test_a_hang_fails_the_job_in_time_and_the_next_run_gets_a_fresh_child(make_runner: MakeRunner, video: Path) -> None:
    runner = make_runner(max_frame_seconds=0.5)
    runner.start(never)
    began_at = time.monotonic()
    with pytest.raises(JobCannotBeDone, match=r"hung: no frame was done for 0\.5 seconds"):
        run(runner, "hang", video, never)
    assert 0.5 <= time.monotonic() - began_at < 5
    assert not is_alive(int(video.read_text()))
    assert result_of(runner, video)


def test_a_run_that_takes_too_much_memory_fails_the_job_and_the_next_run_gets_a_fresh_child(
    make_runner: MakeRunner, video: Path
) -> None:
    runner = make_runner(max_memory_bytes=builds.MUCH_MEMORY_BYTES)
    pid = result_of(runner, video)["pid"]
    with pytest.raises(JobCannotBeDone, match=f"more memory than the limit of {builds.MUCH_MEMORY_BYTES} bytes"):
        run(runner, "take memory", video, never)
    assert not is_alive(pid)
    assert result_of(runner, video)["pid"] != pid


def test_memory_is_checked_while_frames_come_fast(make_runner: MakeRunner, video: Path) -> None:
    runner = make_runner(max_memory_bytes=builds.MUCH_MEMORY_BYTES)
    with pytest.raises(JobCannotBeDone, match="more memory than the limit"):
        run(runner, "take memory with every frame", video, never)


def test_models_that_take_too_much_memory_are_reported(make_runner: MakeRunner) -> None:
    with pytest.raises(ModelLoadError, match="more memory than the limit"):
        make_runner(builds.ModelsThatTakeMemory(), max_memory_bytes=builds.MUCH_MEMORY_BYTES).start(never)


def test_every_frame_gives_the_next_one_its_whole_time(make_runner: MakeRunner, video: Path) -> None:
    limit = 1.0
    whole_run = builds.SLOW_FRAMES * builds.SLOW_FRAME_SECONDS
    assert whole_run > 1.4 * limit
    runner = make_runner(max_frame_seconds=limit, check_seconds=0.01)
    runner.start(never)
    assert run(runner, "slow", video, never)


def test_a_run_is_cancelled_at_once(runner: ProcessRunner, video: Path) -> None:
    began_at = time.monotonic()
    with pytest.raises(Cancelled):
        run(runner, "hang", video, lambda: holds_pid(video))
    assert time.monotonic() - began_at < 5
    eventually(lambda: not is_alive(int(video.read_text())), "the child's end", seconds=5)
    assert result_of(runner, video)


def test_a_run_is_cancelled_while_its_frames_come(runner: ProcessRunner, video: Path) -> None:
    answers = iter([False, False])
    with pytest.raises(Cancelled):
        run(runner, "slow", video, lambda: next(answers, True))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (builds.NoModels(), "^the weights weights.pt are not there; set --yolo-weights$"),
        (builds.CrashingModels(), "^the models could not be loaded: .* SIGSEGV$"),
    ],
)
def test_models_that_do_not_load_are_reported(build: Build, words: str, make_runner: MakeRunner) -> None:
    with pytest.raises(ModelLoadError, match=words):
        make_runner(build).start(never)


def test_a_start_can_be_cancelled(make_runner: MakeRunner, tmp_path: Path) -> None:
    runner = make_runner(builds.ModelsThatLoadOnce(tmp_path / "seen"))
    with pytest.raises(Cancelled):
        runner.start(lambda: True)
    assert not multiprocessing.active_children()


def test_a_start_whose_child_is_ended_by_the_signal_that_stops_the_worker_is_cancelled(make_runner: MakeRunner) -> None:
    answers = iter([False])  # the stop comes while the first message is waited for
    with pytest.raises(Cancelled):
        make_runner(builds.CrashingModels(), check_seconds=LONG_SECONDS).start(lambda: next(answers, True))
    assert not multiprocessing.active_children()


def test_models_that_do_not_load_a_second_time_are_reported(
    make_runner: MakeRunner, tmp_path: Path, video: Path
) -> None:
    runner = make_runner(builds.ModelsThatLoadOnce(tmp_path / "seen"))
    runner.start(never)
    with pytest.raises(JobCannotBeDone):
        run(runner, "crash", video, never)
    with pytest.raises(ModelLoadError, match="the weights are missing"):
        run(runner, "succeed", video, never)


def test_a_run_whose_models_take_for_ever_can_be_cancelled(make_runner: MakeRunner, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    with pytest.raises(Cancelled):
        run(make_runner(builds.ModelsThatNeverLoad(pid_file)), "succeed", pid_file, lambda: holds_pid(pid_file))
    eventually(lambda: not is_alive(int(pid_file.read_text())), "the child's end", seconds=5)


def test_models_that_hang_when_a_job_waits_for_them_are_no_fault_of_the_job(
    make_runner: MakeRunner, tmp_path: Path, clock: FakeClock
) -> None:
    runner = make_runner(builds.ModelsThatNeverLoad(tmp_path / "pid"), check_seconds=0.01, clock=clock)

    def take_long() -> bool:
        clock.advance(RELOAD_SECONDS / 2)
        return False

    with pytest.raises(HostUnusable, match=f"{RELOAD_SECONDS:g} seconds"):
        run(runner, "succeed", tmp_path / "video", take_long)
    assert not multiprocessing.active_children()


def test_models_whose_process_is_killed_when_a_job_waits_for_them_are_no_fault_of_the_job(
    make_runner: MakeRunner, video: Path
) -> None:
    with pytest.raises(HostUnusable, match=r"the models could not be loaded: .* SIGSEGV$"):
        run(make_runner(builds.CrashingModels()), "succeed", video)


def test_a_host_on_which_no_process_can_be_started_is_no_fault_of_the_job(make_runner: MakeRunner, video: Path) -> None:
    runner, (few, most) = make_runner(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
    try:
        with pytest.raises(HostUnusable, match="Too many open files"):
            run(runner, "succeed", video)
        with pytest.raises(HostUnusable, match="Too many open files"):
            runner.start(never)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    assert result_of(runner, video)


def test_a_host_without_a_thread_for_what_the_child_prints_is_no_fault_of_the_job(
    make_runner: MakeRunner, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, others = make_runner(), multiprocessing.active_children()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
        with pytest.raises(HostUnusable, match="no thread left"):
            run(runner, "succeed", video)
    assert multiprocessing.active_children() == others
    assert result_of(runner, video)


def test_closing_ends_the_child_and_can_be_repeated(runner: ProcessRunner, video: Path) -> None:
    pid = result_of(runner, video)["pid"]
    runner.close()
    assert not is_alive(pid)
    runner.close()


def test_the_child_leaves_signals_to_its_parent(runner: ProcessRunner, video: Path) -> None:
    pid = result_of(runner, video)["pid"]
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
        assert result_of(runner, video)["pid"] == pid


PARENT = """
import sys
from pathlib import Path
from job_worker.runtime.process_runner import ProcessRunner, RunLimits
from job_worker.runtime.pipeline_runner import Run
from tests.support.builds import Anything

if __name__ == "__main__":
    runner = ProcessRunner(Anything(), RunLimits(600, 1 << 40))
    runner.start(lambda: False)
    runner.run(Run("hang", Path(sys.argv[1]), Path("/dev/null")), lambda: False)
"""


NEVER_ENDING = """
import os, sys
from pathlib import Path
from job_worker.errors import ProcessUnkillable
from job_worker.runtime.process_runner import ProcessRunner, RunLimits
from job_worker.runtime.pipeline_runner import Run
from tests.support.builds import Anything

if __name__ == "__main__":
    video = Path(sys.argv[1])
    runner = ProcessRunner(Anything(), RunLimits(600, 1 << 40))
    runner.start(lambda: False)
    try:
        runner.run(Run("hang", video, Path("/dev/null")), lambda: video.exists() and bool(video.read_text()))
    except ProcessUnkillable as error:
        print(error, flush=True)
        os._exit(0)
"""


@pytest.mark.corpus
def test_a_child_that_no_signal_ends_is_not_waited_for(video: Path, tmp_path: Path, faults: Faults) -> None:
    script = tmp_path / "parent.py"
    script.write_text(NEVER_ENDING)
    faults.begin("kill", errno.ESRCH)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, script, video], env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    assert f"{int(video.read_text())} does not end when it is killed" in ended.stdout
    eventually(lambda: not is_alive(int(video.read_text())), "the child's end, which its parent's end brings")


def test_a_child_at_work_ends_when_its_parent_is_killed(video: Path, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, video], env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        pid = eventually(lambda: video.exists() and int(video.read_text() or 0), "the child's pid")
        assert is_alive(pid)
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: not is_alive(pid), "the child's end")


def test_the_child_serves_until_its_pipe_is_closed_and_ends_by_itself(video: Path) -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(theirs, builds.Anything()), daemon=True)
    child.start()
    theirs.close()
    kinds = []
    for way in (None, "fail", "err", "succeed"):
        if way:
            ours.send(Run(way, video, video.with_suffix(".json")))
        assert ours.poll(LONG_SECONDS)
        kinds.append(ours.recv_bytes().decode().partition(SEPARATOR)[0])
    ours.close()
    child.join(LONG_SECONDS)
    assert kinds == ["ready", "failure", "unforeseen", "done"]
    assert child.exitcode == 0


def test_the_child_says_why_its_models_do_not_load_and_ends_by_itself() -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(theirs, builds.NoModels()), daemon=True)
    child.start()
    theirs.close()
    assert ours.poll(LONG_SECONDS)
    assert ours.recv_bytes().decode().startswith(f"model_error{SEPARATOR}the weights")
    child.join(LONG_SECONDS)
    ours.close()
    assert child.exitcode == 0


@pytest.mark.parametrize("limit", [0, 500])
def test_a_run_ends_at_the_frame_that_passes_the_limit_on_results(
    runner: ProcessRunner, video: Path, limit: int
) -> None:
    size = len(run(runner, "many frames", video))
    results = video.with_suffix(".json")
    runner.run(Run("many frames", video, results, size), never)
    with pytest.raises(JobCannotBeDone, match=f"larger than {limit} bytes, the limit of the server"):
        runner.run(Run("many frames", video, results, limit), never)
    assert results.stat().st_size < min(limit + 200, size)


def test_a_results_file_that_cannot_be_written_is_no_fault_of_the_job(runner: ProcessRunner, video: Path) -> None:
    with pytest.raises(InsufficientSpace, match="free space"):
        runner.run(Run("succeed", video, video / "no folder"), never)
    assert result_of(runner, video)


def test_an_error_of_the_system_in_a_pipeline_is_no_lack_of_space(runner: ProcessRunner, video: Path) -> None:
    with pytest.raises(RuntimeError, match="TimeoutError"):
        run(runner, "time out", video)


def test_a_frame_that_the_server_would_refuse_fails_the_job(runner: ProcessRunner, video: Path) -> None:
    with pytest.raises(JobCannotBeDone, match="the result of a frame is larger than"):
        run(runner, "huge frame", video)


def test_a_failure_that_cannot_be_encoded_is_reported(runner: ProcessRunner, video: Path) -> None:
    with pytest.raises(JobCannotBeDone, match=r"no such name: \?"):
        run(runner, "fail with a surrogate", video)


def test_two_runners_do_not_disturb_each_other(make_runner: MakeRunner, tmp_path: Path) -> None:
    one, other = make_runner(), make_runner()
    hanging = in_thread(lambda: run(one, "hang", tmp_path / "one", (tmp_path / "enough").exists))
    assert result_of(other, tmp_path / "other")
    (tmp_path / "enough").touch()
    with pytest.raises(Cancelled):
        hanging.result(LONG_SECONDS)
