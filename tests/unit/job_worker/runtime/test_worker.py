"""One worker's life, with neither a server nor models."""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from job_worker.errors import (
    Cancelled,
    HostFault,
    HostUnusable,
    InsufficientSpace,
    JobCannotBeDone,
    LeaseLost,
    ModelLoadError,
    ProcessUnkillable,
    UnconfirmedLackOfSpace,
    WorkerError,
    WorkFolderGone,
)
from job_worker.locked_folders import LOCK_NAME
from job_worker.runtime.job_folder import work_folder
from job_worker.runtime.pipeline_runner import PipelineRunner
from job_worker.runtime.stop_signal import StopSignal
from job_worker.runtime.worker import (
    IDLE_PAUSE_SECONDS,
    MAX_ERROR_CHARACTERS,
    NO_MESSAGE,
    SHORTEST_MESSAGE,
    UNUSABLE_PAUSE_SECONDS,
    Worker,
    with_jitter,
)
from tests.support.clock import FakeClock
from tests.support.samples import VIDEO, results_document
from tests.support.waiting import eventually
from tests.support.worker_fakes import (
    CallFailed,
    FakeApi,
    FakeRunner,
    FakeServer,
    one_empty_frame,
    raising,
    until_cancelled,
)

pytestmark = [pytest.mark.unit, pytest.mark.worker]

WAIT_SECONDS = 20.0
EMPTY_DOCUMENT = results_document([{"frame_index": 0, "result": {}}])

SECRET = "/srv/secret/video.mp4 broke libfoo"


class CountedPauses(threading.Event):
    """An event that is set by its last wait and never waits."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.pauses: list[float | None] = []
        self._last = last

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        if len(self.pauses) >= self._last:
            self.set()
        return self.is_set()


@pytest.fixture
def stop(clock: FakeClock) -> StopSignal:
    return StopSignal(drain_seconds=30, clock=clock)


@pytest.fixture
def work_dir(tmp_path: Path) -> Iterator[Path]:
    with work_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
def make_worker(stop: StopSignal, clock: FakeClock, work_dir: Path) -> Callable[..., Worker]:
    """Make workers whose pauses are exact, unless other options are given."""

    def make(api: FakeApi, runner: PipelineRunner, **options: Any) -> Worker:
        return Worker(
            api,  # type: ignore[arg-type]
            runner,
            stop,
            pipelines=("ocr", "yolo"),
            work_dir=work_dir,
            chunk_bytes=100,
            clock=clock,
            **({"jitter": lambda mean: mean, "wait_seconds": WAIT_SECONDS} | options),
        )

    return make


MakeWorker = Callable[..., Worker]


def heartbeats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_a_job_is_completed_with_what_the_runner_found(make_worker: MakeWorker) -> None:
    api, runner = FakeApi("job"), FakeRunner()
    assert make_worker(api, runner).run_once()
    assert api.completed == {"job": EMPTY_DOCUMENT}
    assert (api.failed, api.released) == ({}, [])


def test_the_runner_gets_the_pipeline_and_the_whole_video(make_worker: MakeWorker) -> None:
    seen: list[tuple[str, bytes, str]] = []

    def run(pipeline_id: str, video: Path, _: Callable[[], bool]) -> bytes:
        seen.append((pipeline_id, video.read_bytes(), video.suffix))
        return EMPTY_DOCUMENT

    make_worker(FakeApi("job"), FakeRunner(run)).run_once()
    assert seen == [("ocr", VIDEO, ".mp4")]


def test_no_job_is_no_work(make_worker: MakeWorker) -> None:
    api, runner = FakeApi(), FakeRunner()
    assert not make_worker(api, runner).run_once()
    assert api.reported_nothing
    assert not runner.videos


def test_a_worker_that_waits_shows_that_its_folder_is_in_use(make_worker: MakeWorker, work_dir: Path) -> None:
    used = work_dir, work_dir.with_name(LOCK_NAME)
    for path in used:
        os.utime(path, (0, 0))
    make_worker(FakeApi(), FakeRunner()).run_once()
    assert all(path.stat().st_mtime > 0 for path in used)


def test_a_job_that_cannot_be_done_fails_with_that_message(make_worker: MakeWorker) -> None:
    api = FakeApi("job")
    assert make_worker(api, FakeRunner(raising(JobCannotBeDone("the file holds only audio")))).run_once()
    assert api.failed == {"job": "the file holds only audio"}
    assert (api.completed, api.released) == ({}, [])


def test_results_that_the_server_refuses_fail_the_job(make_worker: MakeWorker) -> None:
    api = FakeApi("job")
    api.on_complete = raising(JobCannotBeDone("the results have 9 bytes, the limit is 8"))
    make_worker(api, FakeRunner()).run_once()
    assert api.failed == {"job": "the results have 9 bytes, the limit is 8"}


def test_a_video_that_the_server_does_not_have_fails_the_job(make_worker: MakeWorker) -> None:
    api = FakeApi("job")
    api.on_download = raising(JobCannotBeDone("the job's stored video is missing"))
    make_worker(api, FakeRunner()).run_once()
    assert api.failed == {"job": "the job's stored video is missing"}


def test_a_long_message_is_cut(make_worker: MakeWorker) -> None:
    api = FakeApi("job")
    make_worker(api, FakeRunner(raising(JobCannotBeDone("é" * 100_000)))).run_once()
    assert api.failed == {"job": "é" * MAX_ERROR_CHARACTERS}


@pytest.mark.parametrize("letter", ["x", "é", "日", "🚗"])
@pytest.mark.parametrize("max_error_bytes", [1, 2, 3, 10, 150, 1000])
def test_a_message_that_the_server_refuses_as_too_long_is_cut_until_it_fits(
    make_worker: MakeWorker, letter: str, max_error_bytes: int
) -> None:
    api = FakeApi("job", server=FakeServer(max_error_bytes=max_error_bytes))
    make_worker(api, FakeRunner(raising(JobCannotBeDone(letter * 100_000)))).run_once()
    message = api.failed["job"]
    assert message == (letter * len(message) if letter in message else SHORTEST_MESSAGE)
    assert max_error_bytes // 2 - len(letter.encode()) < len(message.encode()) <= max_error_bytes


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_message_is_replaced_by_one_that_the_server_takes(blank: str, make_worker: MakeWorker) -> None:
    api = FakeApi("job")
    make_worker(api, FakeRunner(raising(JobCannotBeDone(blank)))).run_once()
    assert api.failed == {"job": NO_MESSAGE}


def test_an_unforeseen_error_fails_the_job_and_the_client_learns_nothing_of_it(make_worker: MakeWorker) -> None:
    api = FakeApi("job")
    make_worker(api, FakeRunner(raising(RuntimeError(SECRET)))).run_once()
    assert list(api.failed) == ["job"]
    assert api.failed["job"].startswith("internal error")
    assert not set(SECRET.split()) & set(api.failed["job"].split())


def test_an_unforeseen_error_is_logged_with_its_job(make_worker: MakeWorker, caplog: pytest.LogCaptureFixture) -> None:
    make_worker(FakeApi("job"), FakeRunner(raising(RuntimeError(SECRET)))).run_once()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.job_id == "job"  # type: ignore[attr-defined]
    assert record.exc_info
    assert str(record.exc_info[1]) == SECRET


def test_a_worker_goes_on_after_an_unforeseen_error(make_worker: MakeWorker, stop: StopSignal) -> None:
    api = FakeApi("first", "second")
    api.on_empty = stop.request
    make_worker(api, FakeRunner(raising(RuntimeError(SECRET)), one_empty_frame)).run_forever()
    assert (list(api.failed), list(api.completed)) == (["first"], ["second"])


def test_a_job_lost_while_its_video_comes_is_dropped_and_the_worker_goes_on(
    make_worker: MakeWorker, stop: StopSignal
) -> None:
    api = FakeApi("first", "second")
    api.on_download = lambda job_id: api.server.give_to_another("first")
    api.on_empty = stop.request
    runner = FakeRunner()
    make_worker(api, runner).run_forever()
    assert (list(api.completed), api.failed, api.released) == (["second"], {}, [])
    assert len(runner.videos) == 1


def test_a_job_lost_on_completion_is_dropped_and_the_worker_goes_on(make_worker: MakeWorker, stop: StopSignal) -> None:
    api = FakeApi("first", "second")
    api.on_complete = lambda job_id: api.server.give_to_another("first")
    api.on_empty = stop.request
    make_worker(api, FakeRunner()).run_forever()
    assert (list(api.completed), api.failed, api.released) == (["second"], {}, [])


def test_a_job_whose_lease_is_lost_while_its_video_comes_is_not_run(make_worker: MakeWorker, stop: StopSignal) -> None:
    api, runner, is_waiting = FakeApi("job"), FakeRunner(), threading.Event()

    def renew() -> float:
        api.server.give_to_another("job")
        is_waiting.set()
        return 0.003

    def wait_until_lost(_: str) -> None:
        assert is_waiting.wait(5)
        eventually(lambda: not heartbeats(), "the heartbeat's end")

    api.on_renew, api.on_download, api.on_empty = renew, wait_until_lost, stop.request
    make_worker(api, runner).run_forever()
    assert api.reported_nothing
    assert not runner.videos


def test_a_job_whose_lease_is_lost_in_the_middle_is_given_up_and_not_reported(
    make_worker: MakeWorker, stop: StopSignal
) -> None:
    api, runner = FakeApi("first", "second"), FakeRunner(until_cancelled, one_empty_frame)

    def renew() -> float:
        if runner.videos:
            api.server.give_to_another("first")
        return 0.003

    api.on_renew = renew
    api.on_empty = stop.request
    make_worker(api, runner).run_forever()
    assert (list(api.completed), api.failed, api.released) == (["second"], {}, [])


def test_a_stop_lets_the_job_in_hand_finish_and_takes_no_other(make_worker: MakeWorker, stop: StopSignal) -> None:
    def run(_pipeline_id: str, _video: Path, is_cancelled: Callable[[], bool]) -> bytes:
        stop.request()
        assert not is_cancelled()
        return EMPTY_DOCUMENT

    api = FakeApi("first", "second")
    make_worker(api, FakeRunner(run)).run_forever()
    assert (list(api.completed), api.failed, api.released, list(api.server.queue)) == (["first"], {}, [], ["second"])


def test_a_job_that_outlasts_the_drain_time_is_released_and_not_failed(
    make_worker: MakeWorker, stop: StopSignal, clock: FakeClock
) -> None:
    def run(pipeline_id: str, video: Path, is_cancelled: Callable[[], bool]) -> bytes:
        stop.request()
        clock.advance(30)
        return until_cancelled(pipeline_id, video, is_cancelled)

    api = FakeApi("first", "second")
    make_worker(api, FakeRunner(run)).run_forever()
    assert (api.completed, api.failed, api.released, list(api.server.queue)) == ({}, {}, ["first"], ["second", "first"])


def test_a_stop_while_the_video_comes_releases_the_job(make_worker: MakeWorker, stop: StopSignal) -> None:
    api, runner = FakeApi("job"), FakeRunner()
    api.on_download = lambda _: [stop.request(), stop.request()]
    make_worker(api, runner).run_forever()
    assert (api.completed, api.failed, api.released) == ({}, {}, ["job"])
    assert not runner.videos


def test_a_second_stop_releases_the_job_at_once(make_worker: MakeWorker, stop: StopSignal) -> None:
    def run(pipeline_id: str, video: Path, is_cancelled: Callable[[], bool]) -> bytes:
        stop.request()
        stop.request()
        return until_cancelled(pipeline_id, video, is_cancelled)

    api = FakeApi("job")
    make_worker(api, FakeRunner(run)).run_forever()
    assert (api.completed, api.failed, api.released) == ({}, {}, ["job"])


def test_a_stop_with_the_server_out_of_reach_leaves_the_job_to_its_lease(
    make_worker: MakeWorker, stop: StopSignal, caplog: pytest.LogCaptureFixture
) -> None:
    def run(pipeline_id: str, video: Path, is_cancelled: Callable[[], bool]) -> bytes:
        stop.request()
        stop.request()
        return until_cancelled(pipeline_id, video, is_cancelled)

    api = FakeApi("job")
    api.on_release = raising(Cancelled("the server cannot be reached"))
    make_worker(api, FakeRunner(run)).run_forever()
    assert api.reported_nothing
    assert "job not reported, its lease will expire" in caplog.messages


def test_a_report_that_the_server_cannot_take_does_not_end_the_worker(
    make_worker: MakeWorker, stop: StopSignal
) -> None:
    api = FakeApi("first", "second")
    api.on_complete = lambda job_id: raising(CallFailed(grpc.StatusCode.INTERNAL))() if job_id == "first" else None
    api.on_empty = stop.request
    make_worker(api, FakeRunner()).run_forever()
    assert (list(api.completed), api.failed, api.released) == (["second"], {}, [])


@pytest.mark.parametrize("error", [ModelLoadError("the weights are missing"), ProcessUnkillable("it does not end")])
def test_a_worker_that_can_run_no_pipeline_any_more_releases_the_job_and_ends(
    error: WorkerError, make_worker: MakeWorker
) -> None:
    api = FakeApi("first", "second")
    with pytest.raises(type(error), match=str(error)):
        make_worker(api, FakeRunner(raising(error))).run_forever()
    assert (api.completed, api.failed, api.released, list(api.server.queue)) == ({}, {}, ["first"], ["second", "first"])


REFUSALS_OF_A_RELEASE = [LeaseLost("first"), Cancelled("no answer"), CallFailed(grpc.StatusCode.PERMISSION_DENIED)]


@pytest.mark.parametrize("refusal", REFUSALS_OF_A_RELEASE)
def test_a_worker_that_can_run_no_pipeline_any_more_ends_also_where_it_cannot_release_the_job(
    refusal: Exception, make_worker: MakeWorker
) -> None:
    api = FakeApi("first", "second")
    api.on_release = raising(refusal)
    with pytest.raises(ProcessUnkillable, match="it does not end"):
        make_worker(api, FakeRunner(raising(ProcessUnkillable("it does not end")))).run_forever()
    assert api.dequeues == 1


def test_a_folder_in_the_place_of_the_video_costs_no_job(make_worker: MakeWorker) -> None:
    def replace_video(_pipeline_id: str, video: Path, _is_cancelled: Callable[[], bool]) -> bytes:
        video.unlink()
        (video / "folder").mkdir(parents=True)
        return EMPTY_DOCUMENT

    api = FakeApi("a")
    assert make_worker(api, FakeRunner(replace_video)).run_once()
    assert set(api.completed) == {"a"}


def test_a_job_for_which_there_is_no_space_is_released_and_the_worker_pauses_and_goes_on(
    make_worker: MakeWorker, stop: StopSignal, caplog: pytest.LogCaptureFixture
) -> None:
    stop.requested = pauses = CountedPauses(last=2)
    api, runner = FakeApi("large", "small"), FakeRunner()
    api.on_download = lambda job_id: raising(InsufficientSpace("no space is left"))() if job_id == "large" else None
    make_worker(api, runner).run_forever()
    assert (list(api.completed), api.failed, api.released) == (["small"], {}, ["large", "large"])
    assert pauses.pauses[0] == UNUSABLE_PAUSE_SECONDS
    assert "job given up, pausing: no space is left" in caplog.messages


def test_a_video_for_which_temporary_files_of_the_pipelines_leave_no_space_comes_the_next_time(
    make_worker: MakeWorker, stop: StopSignal
) -> None:
    def download(_job_id: str) -> None:
        if not runner.is_closed:
            raise InsufficientSpace("no space is left")

    stop.requested = CountedPauses(last=2)
    api, runner = FakeApi("job"), FakeRunner()
    api.on_download = download
    make_worker(api, runner).run_forever()
    assert (list(api.completed), api.released) == (["job"], ["job"])


@pytest.mark.parametrize("refusal", REFUSALS_OF_A_RELEASE)
def test_a_worker_on_a_host_that_cannot_do_a_job_pauses_also_where_it_cannot_release_the_job(
    refusal: Exception, make_worker: MakeWorker, stop: StopSignal
) -> None:
    stop.requested = pauses = CountedPauses(last=1)
    api = FakeApi("first")
    api.on_release = raising(refusal)
    make_worker(api, FakeRunner(raising(InsufficientSpace("no space is left")))).run_forever()
    assert pauses.pauses == [UNUSABLE_PAUSE_SECONDS]


def test_a_job_whose_results_found_no_room_where_there_is_room_is_released_once_and_then_fails(
    make_worker: MakeWorker, stop: StopSignal
) -> None:
    stop.requested = CountedPauses(last=2)
    api = FakeApi("job")
    make_worker(api, FakeRunner(raising(UnconfirmedLackOfSpace("no room, where there is room")))).run_forever()
    assert (api.failed, api.released) == ({"job": "released again and again: no room, where there is room"}, ["job"])


@pytest.mark.thorough
@pytest.mark.parametrize(
    "error", [HostUnusable("no process is left"), HostFault("the GPU failed"), InsufficientSpace("no space is left")]
)
def test_a_job_that_this_host_can_never_do_is_released_often_and_then_fails(
    error: HostUnusable, make_worker: MakeWorker, stop: StopSignal
) -> None:
    stop.requested = CountedPauses(last=error.max_releases + 1)
    api = FakeApi("job")
    worker = make_worker(api, FakeRunner(raising(error)))
    while not api.failed:
        assert worker.run_once()
    assert api.failed == {"job": f"released again and again: {error}"}
    assert len(api.released) == error.max_releases


def test_a_job_whose_results_cannot_be_opened_to_be_sent_is_released(make_worker: MakeWorker, stop: StopSignal) -> None:
    stop.requested = CountedPauses(last=1)
    api = FakeApi("job")
    api.on_complete = raising(OSError(errno.EMFILE, "Too many open files"))
    make_worker(api, FakeRunner()).run_forever()
    assert (api.failed, api.released) == ({}, ["job"])


def test_a_job_for_whose_lease_there_is_no_thread_is_released(
    make_worker: MakeWorker, stop: StopSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop.requested = CountedPauses(last=1)
    api = FakeApi("job")
    monkeypatch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
    make_worker(api, FakeRunner()).run_forever()
    assert (api.completed, api.failed, api.released) == ({}, {}, ["job"])


@pytest.mark.parametrize("name", ["lock", "folder"])
def test_a_worker_whose_folder_is_gone_takes_no_job_and_ends(
    name: str, make_worker: MakeWorker, work_dir: Path
) -> None:
    api = FakeApi("job")
    worker = make_worker(api, FakeRunner())
    work_dir.rmdir() if name == "folder" else work_dir.with_name(LOCK_NAME).unlink()
    with pytest.raises(WorkFolderGone, match="--work-dir"):
        worker.run_forever()
    assert (api.reported_nothing, list(api.server.queue)) == (True, ["job"])


def test_a_refused_worker_ends(make_worker: MakeWorker) -> None:
    api = FakeApi()
    api.on_empty = raising(CallFailed(grpc.StatusCode.UNIMPLEMENTED))
    with pytest.raises(grpc.RpcError):
        make_worker(api, FakeRunner()).run_forever()


def test_the_lease_is_kept_alive_during_the_run_and_not_after(make_worker: MakeWorker) -> None:
    renewals: list[None] = []
    api = FakeApi("job")

    def renew() -> float:
        renewals.append(None)
        return 0.003

    api.on_renew = renew
    make_worker(api, FakeRunner(lambda *_: until_renewed_often(renewals))).run_once()
    renewed = len(renewals)
    assert api.completed
    assert not heartbeats()
    assert len(renewals) == renewed


def until_renewed_often(renewals: list[None]) -> bytes:
    eventually(lambda: len(renewals) >= 5, "five renewals")
    return EMPTY_DOCUMENT


OUTCOMES = {
    "completed": one_empty_frame,
    "failed": raising(JobCannotBeDone("no")),
    "unforeseen": raising(RuntimeError("no")),
    "lost": raising(LeaseLost("no")),
    "released": raising(Cancelled("no")),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_video_is_gone_however_the_job_ended(outcome: str, make_worker: MakeWorker, work_dir: Path) -> None:
    runner = FakeRunner(OUTCOMES[outcome])
    make_worker(FakeApi("job"), runner).run_once()
    [(_, video)] = runner.videos
    assert video.is_relative_to(work_dir)
    assert not list(work_dir.iterdir())


def test_an_empty_queue_that_answers_at_once_is_called_with_pauses(make_worker: MakeWorker, stop: StopSignal) -> None:
    stop.requested = CountedPauses(last=50)
    api = FakeApi()
    make_worker(api, FakeRunner(), jitter=with_jitter).run_forever()
    assert api.dequeues == 50
    mean = IDLE_PAUSE_SECONDS
    assert all(pause is not None and 0.5 * mean <= pause <= 1.5 * mean for pause in stop.requested.pauses)
    assert len(set(stop.requested.pauses)) > 10, "workers that were answered together must not come back together"


def test_an_empty_answer_after_the_whole_wait_is_followed_by_the_next_question(
    make_worker: MakeWorker, stop: StopSignal, clock: FakeClock
) -> None:
    stop.requested = pauses = CountedPauses(last=1)
    api = FakeApi()

    def whole_wait() -> None:
        clock.advance(WAIT_SECONDS)
        if api.dequeues == 3:
            pauses.set()

    api.on_empty = whole_wait
    make_worker(api, FakeRunner()).run_forever()
    assert (api.dequeues, pauses.pauses) == (3, [])


def test_a_short_wait_is_followed_by_a_pause(make_worker: MakeWorker, stop: StopSignal, clock: FakeClock) -> None:
    stop.requested = pauses = CountedPauses(last=3)
    api, wait_seconds = FakeApi(), 0.25
    api.on_empty = lambda: clock.advance(wait_seconds) if api.dequeues <= 3 else pauses.set()
    make_worker(api, FakeRunner(), wait_seconds=wait_seconds).run_forever()
    assert (api.dequeues, pauses.pauses) == (3, [IDLE_PAUSE_SECONDS] * 3)


def test_the_next_job_is_requested_without_a_pause(make_worker: MakeWorker, stop: StopSignal) -> None:
    stop.requested = pauses = CountedPauses(last=1)
    api = FakeApi("first", "second", "third")
    make_worker(api, FakeRunner()).run_forever()
    assert list(api.completed) == ["first", "second", "third"]
    assert len(pauses.pauses) == 1


def test_a_worker_that_is_to_stop_requests_nothing(make_worker: MakeWorker, stop: StopSignal) -> None:
    stop.request()
    api = FakeApi("job")
    make_worker(api, FakeRunner()).run_forever()
    assert api.dequeues == 0


class TestPipelinesThatItDoesNotRun:
    def test_they_are_logged_once_at_its_start(
        self, make_worker: MakeWorker, stop: StopSignal, caplog: pytest.LogCaptureFixture
    ) -> None:
        api = FakeApi(server=FakeServer(frozenset({"yolo_ocr", "yolo", "ocr", "codes", "signs"})))
        api.on_empty = stop.request
        make_worker(api, FakeRunner()).run_forever()
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == [
            "this worker does not run these pipelines of the server, and releases their jobs: codes, signs, yolo_ocr"
        ]

    @pytest.mark.parametrize("offered", [frozenset({"ocr"}), frozenset({"ocr", "yolo"}), None])
    def test_nothing_is_logged_where_it_runs_all_or_the_server_does_not_say(
        self,
        offered: frozenset[str] | None,
        make_worker: MakeWorker,
        stop: StopSignal,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        api = FakeApi(server=FakeServer(offered))
        api.on_empty = stop.request
        make_worker(api, FakeRunner()).run_forever()
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    @pytest.mark.parametrize("offered", [frozenset({"ocr", "signs"}), None])
    def test_a_job_of_another_pipeline_is_released_and_not_run(
        self, offered: frozenset[str] | None, make_worker: MakeWorker
    ) -> None:
        api, runner = FakeApi(server=FakeServer(offered)), FakeRunner()
        api.server.submit("job", "signs")
        assert make_worker(api, runner).run_once()
        assert (api.released, api.failed, api.completed, runner.videos) == (["job"], {}, {}, [])
        assert heartbeats() == []

    def test_a_job_of_a_pipeline_that_is_no_longer_offered_fails_and_says_so(self, make_worker: MakeWorker) -> None:
        api = FakeApi(server=FakeServer(frozenset({"ocr"})))
        api.server.submit("job", "signs")
        make_worker(api, FakeRunner()).run_once()
        assert (api.released, api.failed) == ([], {"job": "the pipeline 'signs' is no longer offered"})

    def test_the_jobs_behind_it_are_done_at_once_and_a_pause_comes_when_it_comes_again(
        self, make_worker: MakeWorker, stop: StopSignal
    ) -> None:
        stop.requested = CountedPauses(last=99)
        api = FakeApi(server=FakeServer(frozenset({"ocr", "signs"})))
        api.server.submit("other", "signs")
        api.server.submit("own")
        worker = make_worker(api, FakeRunner())
        for _ in range(4):
            worker.run_once()
        api.server.submit("own again")
        for _ in range(3):
            worker.run_once()
        assert stop.requested.pauses == [0, 1, 2, 4, 1]
        assert (list(api.completed), len(api.released)) == (["own", "own again"], 5)

    def test_a_job_that_is_lost_while_it_is_released_is_dropped(self, make_worker: MakeWorker) -> None:
        api = FakeApi(server=FakeServer(None))
        api.server.submit("job", "signs")
        api.on_release = lambda _: api.server.give_to_another("job")
        assert make_worker(api, FakeRunner()).run_once()
        assert api.reported_nothing


def test_a_job_that_takes_longer_than_the_limit_fails(make_worker: MakeWorker, clock: FakeClock) -> None:
    def take_long(_pipeline_id: str, _video: Path, is_cancelled: Callable[[], bool]) -> bytes:
        assert not is_cancelled()
        clock.advance(100)
        return until_cancelled(_pipeline_id, _video, is_cancelled)

    api = FakeApi("job")
    make_worker(api, FakeRunner(take_long), max_job_seconds=100.0).run_once()
    assert api.failed == {"job": "the job took longer than 100 seconds, the worker's limit"}
