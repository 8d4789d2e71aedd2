"""The API as the worker sees it: calls that ride out a restart of the server."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import tenacity
from google.protobuf.duration_pb2 import Duration

from job_worker.errors import JobFailed, LeaseLost, Stopping
from job_worker.runtime.job_folder import insufficient_space_explained
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.channel import open_channel
from shared.contract.errors import STOPPED_SERVER_CODES, reason_of, retry_delay_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub
from shared.contract.reasons import Reason

__all__ = ["WorkerApi"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

CALL_SECONDS = 60.0
"""Deadline of a small call; a large upload elsewhere can stall the server for 5 s."""
TRANSFER_SECONDS = 600.0
"""Deadline of a call that carries a piece of a video or results."""
FIRST_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 10.0
LAST_CALLS_SECONDS = 15.0
"""How long the report of a job is still tried once the worker has been told to stop."""
LAST_CALLS_PAUSE_SECONDS = 0.5
"""Longest pause between them."""
LAST_QUESTION_SECONDS = 2.0
"""Deadline of the calls of a worker that was told to stop while it waited."""
STOP_CHECK_SECONDS = 0.1
"""How soon a waiting Dequeue notices that the worker was told to stop."""

_TRY_AGAIN = STOPPED_SERVER_CODES | {grpc.StatusCode.DEADLINE_EXCEEDED}
_FOR_GOOD = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
_LOST = frozenset({Reason.LEASE_LOST, Reason.JOB_NOT_FOUND})


class WorkerApi:
    """One worker's connection to WorkerService.

    A call that cannot reach the server is tried again, with growing, random pauses, for as long as the worker runs.
    """

    def __init__(self, channel: grpc.Channel, worker_id: str, stop: StopSignal) -> None:
        self._channel = channel
        self._stub = WorkerServiceStub(channel)
        self._worker_id = worker_id
        self._stop = stop

    @classmethod
    def connect(cls, address: str, worker_id: str, stop: StopSignal, tls_ca_file: Path | None = None) -> Self:
        """Opens a connection; the server need not be there yet."""
        return cls(open_channel(address, tls_ca_file), worker_id, stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def dequeue(self, wait_seconds: float) -> str | None:
        """Waits for a job.

        Returns:
            The job's id; None when none came or the worker was told to stop.

        Raises:
            grpc.RpcError: The server refuses this worker for good.
        """
        wait = Duration()
        wait.FromMilliseconds(int(wait_seconds * 1000))
        request = pb.DequeueRequest(worker_id=self._worker_id, wait=wait)
        return self._until_stopped()(self._dequeue_once, request, wait_seconds)

    def _dequeue_once(self, request: pb.DequeueRequest, wait_seconds: float) -> str | None:
        call = self._stub.Dequeue.future(request, timeout=wait_seconds + CALL_SECONDS)
        if (answer := self._awaited(call)) is not None:
            return answer.job_id or None
        if call.cancel():
            self._hand_back_what_was_on_its_way()
            return None
        return call.result().job_id or None  # the answer came together with the stop

    def _hand_back_what_was_on_its_way(self) -> None:
        """Hands back the job of an answer that the server had sent before it heard of the cancel.

        Asked again without waiting, the server gives that job again, which nobody else would see before its lease ends.
        """
        asked = pb.DequeueRequest(worker_id=self._worker_id)
        try:
            if job_id := self._stub.Dequeue(asked, timeout=LAST_QUESTION_SECONDS).job_id:
                self._stub.ReleaseJob(
                    pb.ReleaseJobRequest(job_id=job_id, worker_id=self._worker_id), timeout=LAST_QUESTION_SECONDS
                )
        except grpc.RpcError as error:
            logger.info("what was on its way is left to its lease", extra={"error": str(error.code())})

    def offered_pipelines(self) -> frozenset[str] | None:
        """Asks which pipelines the server offers.

        Returns:
            Their ids; None when the worker was told to stop, or the server is of a version that does not say.

        Raises:
            grpc.RpcError: The server refuses this worker for good.
        """
        try:
            return self._until_stopped()(self._offered_once)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise

    def _offered_once(self) -> frozenset[str] | None:
        call = self._stub.ListOfferedPipelines.future(pb.ListOfferedPipelinesRequest(), timeout=CALL_SECONDS)
        if (answer := self._awaited(call)) is not None:
            return frozenset(answer.pipeline_ids)
        call.cancel()
        return None

    def download(
        self,
        job_id: str,
        target: Path,
        chunk_bytes: int,
        must_abandon: Callable[[], bool],
        accept: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Fetches the job's video piece by piece into the file; returns the pipeline to run.

        Args:
            job_id: The job.
            target: The file, which is made.
            chunk_bytes: How much is asked for at once.
            must_abandon: Asked before every piece; once true, the download is given up.
            accept: Called with the pipeline once the first piece is there; what it raises ends the download.

        Raises:
            LeaseLost: The job is no longer this worker's.
            JobFailed: The server does not have the video.
            InsufficientSpace: The file cannot be written.
            Stopping: `must_abandon` said so.
        """
        with insufficient_space_explained(), target.open("wb") as file:
            while not must_abandon():
                request = pb.GetJobInputRequest(
                    job_id=job_id, worker_id=self._worker_id, offset=file.tell(), length=chunk_bytes
                )
                piece = self._call(self._stub.GetJobInput, request, TRANSFER_SECONDS)
                if not file.tell():
                    accept(piece.pipeline_id)
                file.write(piece.data)
                if not piece.data or file.tell() >= piece.size_bytes:
                    return piece.pipeline_id
        raise Stopping("the download was given up")

    def renew(self, job_id: str) -> float:
        """Renews the lease once, without trying again; returns its length in seconds.

        Raises:
            LeaseLost: The job is no longer this worker's.
            grpc.RpcError: The server cannot be reached.
        """
        request = pb.RenewLeaseRequest(job_id=job_id, worker_id=self._worker_id)
        try:
            lease = self._stub.RenewLease(request, timeout=CALL_SECONDS).lease
        except grpc.RpcError as error:
            _raise_if_about_job(error)
            raise
        return lease.ToMilliseconds() / 1000

    def complete(self, job_id: str, results_json: bytes) -> None:
        """Reports the results; raises as `download` does."""
        request = pb.CompleteJobRequest(job_id=job_id, worker_id=self._worker_id, results_json=results_json)
        self._call(self._stub.CompleteJob, request, TRANSFER_SECONDS)

    def fail(self, job_id: str, error_message: str) -> None:
        """Reports that the job cannot be done; raises as `download` does."""
        request = pb.FailJobRequest(job_id=job_id, worker_id=self._worker_id, error_message=error_message)
        self._call(self._stub.FailJob, request, CALL_SECONDS)

    def release(self, job_id: str) -> None:
        """Hands the job back; raises as `download` does."""
        request = pb.ReleaseJobRequest(job_id=job_id, worker_id=self._worker_id)
        self._call(self._stub.ReleaseJob, request, CALL_SECONDS)

    def _awaited(self, call: "grpc.Future[T]") -> T | None:
        """Returns the answer of a call, or None where the worker is told to stop before it comes."""
        while not self._stop.requested.is_set():
            try:
                return call.result(timeout=STOP_CHECK_SECONDS)
            except grpc.FutureTimeoutError:
                continue
        return None

    def _until_stopped(self) -> tenacity.Retrying:
        """Returns what tries a call again until it succeeds, and gives None once the worker was told to stop."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_not_for_good),
            wait=_wait_for_server,
            stop=tenacity.stop_when_event_set(self._stop.requested),
            sleep=tenacity.sleep_using_event(self._stop.requested),
            before_sleep=_log_retry,
            retry_error_callback=lambda _: None,
        )

    def _call(self, method: Callable[..., T], request: object, seconds: float) -> T:
        """Calls until the server answers.

        Raises:
            LeaseLost, JobFailed: What the server answered about the job.
            Stopping: The worker was told to stop and the server did not answer in time.
            grpc.RpcError: Any other refusal.
        """
        trying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_can_help_to_try_again),
            wait=_wait_for_server,
            stop=lambda _: self._stop.seconds_ago >= LAST_CALLS_SECONDS,
            sleep=self._pause,
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            return trying(method, request, timeout=seconds)
        except grpc.RpcError as error:
            _raise_if_about_job(error)
            if _can_help_to_try_again(error):
                raise Stopping("the server cannot be reached") from error
            raise

    def _pause(self, seconds: float) -> None:
        """Waits; a stop ends the pause, and pauses after it are short, for the time that is left is."""
        if self._stop.requested.is_set():
            time.sleep(min(seconds, LAST_CALLS_PAUSE_SECONDS))
        else:
            self._stop.requested.wait(seconds)


def _can_help_to_try_again(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and (error.code() in _TRY_AGAIN or retry_delay_seconds(error) is not None)


def _is_not_for_good(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() not in _FOR_GOOD


_backoff = tenacity.wait_random_exponential(multiplier=FIRST_BACKOFF_SECONDS, max=MAX_BACKOFF_SECONDS)


def _wait_for_server(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = retry_delay_seconds(error) if isinstance(error, grpc.RpcError) else None
    return max(_backoff(state), asked or 0.0)


def _log_retry(state: tenacity.RetryCallState) -> None:
    error: Any = state.outcome.exception() if state.outcome else None
    logger.warning("call failed, trying again", extra={"attempt": state.attempt_number, "error": error.details()})


def _raise_if_about_job(error: grpc.RpcError) -> None:
    reason = reason_of(error)
    if reason in _LOST:
        raise LeaseLost(error.details()) from error
    if reason in {Reason.INPUT_UNREADABLE, Reason.INVALID_RESULTS, Reason.PAYLOAD_TOO_LARGE}:
        raise JobFailed(error.details()) from error
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and retry_delay_seconds(error) is None:
        raise JobFailed("the results are far larger than the server takes") from error  # gRPC's own limit, no reason
