"""The server as the worker sees it: calls that are repeated while it restarts."""

import hashlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import grpc
import tenacity
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from job_worker.errors import Cancelled, JobCannotBeDone, LeaseLost, MessageTooLarge
from job_worker.runtime.chunk_size import ChunkSize
from job_worker.runtime.heartbeat import RENEWALS_PER_LEASE
from job_worker.runtime.job_folder import insufficient_space_explained
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.errors import description_of, reason_of, retry_delay_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub
from shared.contract.reasons import Reason
from shared.contract.retry import RetryPause, failure_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

CALL_SECONDS = 60.0
"""Deadline of a small call; a large upload elsewhere can stall the server for 5 s."""
FIRST_RENEWAL_SECONDS = 20.0
"""Deadline of a renewal before the length of the lease is known: a third of what a server gives by default."""
MIN_RENEWAL_SECONDS = 5.0
"""Shortest deadline of one: a large upload elsewhere can stall the server for that long."""
TRANSFER_SECONDS = 600.0
"""Deadline of a call that carries a chunk."""
INLINE_BYTES = 256 << 10
"""Results up to this size are sent with the report itself, which saves two calls."""
WHOLE_BYTES = 16 << 20
"""Results up to this size are also tried in one message where no chunk gets through: by default a server takes them."""
RETRY_PAUSE = RetryPause(first_seconds=0.2, max_seconds=10.0)
"""Long enough for a server that restarts, and far below a lease."""
LAST_CALLS_SECONDS = 15.0
"""How long the report of a job is still repeated once a stop was requested."""
LAST_CALLS_PAUSE_SECONDS = 0.5
"""Longest pause between them."""
CROSSED_CALL_SECONDS = 2.0
"""Deadline of the calls that release a job whose answer crossed the cancelled Dequeue."""
MAX_SENDINGS = 5
"""How often results are sent that the server loses each time."""
UNIMPLEMENTED_SECONDS = 60.0
"""How long a chunk, or the question for an offer, is repeated that the server seems not to know, although it did: a
proxy answers so too. Then the results are tried in one message, or the last offer is taken."""
STOP_CHECK_SECONDS = 0.1
"""How soon a waiting call notices that a stop was requested."""

_PERMANENT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
_LOST = frozenset({Reason.LEASE_LOST, Reason.JOB_NOT_FOUND})
_WITH_RESULTS = (pb.CompleteJobRequest, pb.PutJobResultsRequest)
"""Requests that may be larger than gRPC lets a server receive."""
_ABOVE_GRPC_LIMIT = "larger than max"
"""What gRPC's own refusal of them says, with the sizes behind it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers and takes.

    Attributes:
        pipelines: The ids of its pipelines.
        max_results_bytes: The largest results of a job; None where it does not say.
        max_chunk_bytes: The largest chunk of results; None where it takes none.
    """

    pipelines: frozenset[str]
    max_results_bytes: int | None = None
    max_chunk_bytes: int | None = None


class WorkerApi:
    """One worker's connection to WorkerService.

    A call that cannot reach the server is repeated with growing, random pauses for as long as the worker runs.

    Args:
        channel: To the server; closed at the end of the `with` block.
        worker_id: The worker's unique name.
        stop: Its request to stop.
        retry_pause: How long to wait before a call is repeated, in seconds.
        last_calls_seconds: How long the report of a job is still repeated once a stop was requested.
        unimplemented_seconds: How long a chunk, or the question for an offer, is repeated that the server seems not to
            know, although it did.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        worker_id: str,
        stop: StopSignal,
        *,
        retry_pause: Callable[[tenacity.RetryCallState], float] = RETRY_PAUSE,
        last_calls_seconds: float = LAST_CALLS_SECONDS,
        unimplemented_seconds: float = UNIMPLEMENTED_SECONDS,
    ) -> None:
        self._channel = channel
        self._stub = WorkerServiceStub(channel)
        self._worker_id = worker_id
        self._stop = stop
        self._retry_pause = retry_pause
        self._last_calls_seconds = last_calls_seconds
        self._unimplemented_seconds = unimplemented_seconds
        self._offered: Offer | None = None
        self._renewal_seconds = FIRST_RENEWAL_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def dequeue(self, wait_seconds: float) -> str | None:
        """Wait for a job.

        Returns:
            The job's id; None when none came or a stop was requested.

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
            self._release_crossed_job()
            return None
        return call.result().job_id or None  # the answer came together with the stop

    def _release_crossed_job(self) -> None:
        """Release the job of an answer that the server had sent before the cancellation reached it.

        The server answers a repeated Dequeue with that same job, which nobody else would get before its lease expires.
        """
        request = pb.DequeueRequest(worker_id=self._worker_id)
        try:
            if job_id := self._stub.Dequeue(request, timeout=CROSSED_CALL_SECONDS).job_id:
                release = pb.ReleaseJobRequest(job_id=job_id, worker_id=self._worker_id)
                self._stub.ReleaseJob(release, timeout=CROSSED_CALL_SECONDS)
        except grpc.RpcError as error:
            logger.info("crossed job not released, its lease will expire", extra={"error": str(error.code())})

    def offer(self) -> Offer | None:
        """Return what the server offers.

        Returns:
            The offer; None when a stop was requested, or the server is of a version that does not say.

        Raises:
            grpc.RpcError: The server refuses this worker for good.
        """
        return self._unless_older(lambda: self._until_stopped()(self._offered_once))

    def _offered_once(self) -> Offer | None:
        call = self._stub.ListOfferedPipelines.future(pb.ListOfferedPipelinesRequest(), timeout=CALL_SECONDS)
        if (answer := self._awaited(call)) is not None:
            return _offer_of(answer)
        call.cancel()
        return None

    def offer_for_job(self) -> Offer | None:
        """Return what the server offers for a job in hand, which a stop does not end; None from an older server.

        One that has offered before is not older: where a proxy says for long that it is, its last offer holds.

        Raises:
            Cancelled: A stop was requested and the server did not answer in time.
        """
        last = self._offered
        seconds = self._unimplemented_seconds if last else 0.0

        def ask() -> Offer:
            request, method = pb.ListOfferedPipelinesRequest(), self._stub.ListOfferedPipelines
            return _offer_of(self._call(method, request, CALL_SECONDS, unimplemented_seconds=seconds))

        return self._unless_older(ask) or last

    def _unless_older(self, offered: Callable[[], Offer | None]) -> Offer | None:
        try:
            offer = offered()
        except grpc.RpcError as error:
            if not _is_unimplemented(error):
                raise
            return None
        self._offered = offer or self._offered
        return offer

    def download(
        self,
        job_id: str,
        target: Path,
        chunk_bytes: int,
        is_cancelled: Callable[[], bool],
        accept: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Fetch the job's video chunk by chunk into a new file.

        Args:
            job_id: The job.
            target: The file.
            chunk_bytes: The size of the largest chunk to request.
            is_cancelled: Polled before every chunk; once true, the download ends.
            accept: Called with the pipeline once the first chunk is there; what it raises ends the download.

        Returns:
            The pipeline to run.

        Raises:
            LeaseLost: This worker no longer holds the job.
            JobCannotBeDone: The server does not have the video.
            InsufficientSpace: The file cannot be written.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
        """
        size = ChunkSize(chunk_bytes)
        with insufficient_space_explained(), target.open("wb") as file:
            while not is_cancelled():
                request = pb.GetJobInputRequest(
                    job_id=job_id, worker_id=self._worker_id, offset=file.tell(), length=size.bytes
                )
                with size.adapted():
                    chunk = self._call(self._stub.GetJobInput, request, TRANSFER_SECONDS, is_cancelled)
                if not file.tell():
                    accept(chunk.pipeline_id)
                file.write(chunk.data)
                if not chunk.data or file.tell() >= chunk.size_bytes:
                    return chunk.pipeline_id
        raise Cancelled("the download was cancelled")

    def renew(self, job_id: str) -> float:
        """Renew the lease with one call, which leaves time for another; return its length in seconds.

        Raises:
            LeaseLost: This worker no longer holds the job.
            grpc.RpcError: The server cannot be reached.
        """
        request = pb.RenewLeaseRequest(job_id=job_id, worker_id=self._worker_id)
        try:
            lease = self._stub.RenewLease(request, timeout=self._renewal_seconds).lease
        except grpc.RpcError as error:
            _raise_if_about_job(error)
            raise
        seconds = lease.ToMilliseconds() / 1000
        self._renewal_seconds = max(seconds / RENEWALS_PER_LEASE, MIN_RENEWAL_SECONDS)
        return seconds

    def complete(
        self, job_id: str, results: Path, offer: Offer | None, is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Send the results and report the job as completed.

        Args:
            job_id: The job.
            results: The file of the results document.
            offer: What the server takes.
            is_cancelled: Polled before every call; once true, the sending ends.

        Raises:
            LeaseLost: This worker no longer holds the job.
            JobCannotBeDone: The server refuses the results; the message says why.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
        """
        size_bytes, max_chunk_bytes = results.stat().st_size, offer.max_chunk_bytes if offer else None
        if not max_chunk_bytes or size_bytes <= INLINE_BYTES:
            self._complete_whole(job_id, results, is_cancelled)
            return
        while True:
            try:
                self._complete_in_chunks(job_id, results, size_bytes, max_chunk_bytes, is_cancelled)
            except grpc.RpcError as error:
                if not _is_unimplemented(error):
                    raise
            else:
                return
            if size_bytes <= WHOLE_BYTES and self._has_completed_whole(job_id, results, is_cancelled):
                return

    def _complete_whole(
        self,
        job_id: str,
        results: Path,
        is_cancelled: Callable[[], bool],
        unimplemented_seconds: float = math.inf,
    ) -> None:
        request = pb.CompleteJobRequest(job_id=job_id, worker_id=self._worker_id, results_json=results.read_bytes())
        method = self._stub.CompleteJob
        self._call(method, request, TRANSFER_SECONDS, is_cancelled, unimplemented_seconds=unimplemented_seconds)

    def _has_completed_whole(self, job_id: str, results: Path, is_cancelled: Callable[[], bool]) -> bool:
        """Try once to send the results in one message, as a proxy may let no chunk through; return whether it did."""
        try:
            self._complete_whole(job_id, results, is_cancelled, unimplemented_seconds=0.0)
        except MessageTooLarge:  # for one message, not for a job
            return False
        except grpc.RpcError as error:
            if not _is_unimplemented(error):
                raise
            return False
        return True

    def _complete_in_chunks(
        self, job_id: str, results: Path, size_bytes: int, max_chunk_bytes: int, is_cancelled: Callable[[], bool]
    ) -> None:
        """Send the results in chunks, and again from the beginning where the server has lost them."""
        with results.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            request = pb.CompleteJobRequest(
                job_id=job_id, worker_id=self._worker_id, results_size_bytes=size_bytes, results_sha256=digest
            )
            for tries_left in reversed(range(MAX_SENDINGS)):
                self._put_results(job_id, file, size_bytes, ChunkSize(max_chunk_bytes), is_cancelled)
                try:
                    self._call(self._stub.CompleteJob, request, TRANSFER_SECONDS, is_cancelled)
                except grpc.RpcError as error:
                    if reason_of(error) != Reason.RESULTS_INCOMPLETE or not tries_left:
                        raise
                    logger.warning("results lost by the server, sending them again", extra={"job_id": job_id})
                else:
                    return

    def _put_results(
        self, job_id: str, file: BinaryIO, size_bytes: int, size: "ChunkSize", is_cancelled: Callable[[], bool]
    ) -> None:
        """Send the results chunk by chunk, from where the server says that it has them."""
        held_bytes = 0
        while held_bytes < size_bytes:
            if is_cancelled():
                raise Cancelled("the sending of the results was cancelled")
            file.seek(held_bytes)
            try:
                with size.adapted():
                    held_bytes = self._put(job_id, held_bytes, file.read(size.bytes), is_cancelled)
            except MessageTooLarge:  # a server that was restarted may take smaller chunks than it said
                if not size.lower():
                    raise

    def _put(self, job_id: str, offset: int, data: bytes, is_cancelled: Callable[[], bool]) -> int:
        """Send one chunk; return how many bytes the server holds, which are fewer where it was restarted."""
        request = pb.PutJobResultsRequest(job_id=job_id, worker_id=self._worker_id, offset=offset, data=data)
        try:
            return self._call(
                self._stub.PutJobResults,
                request,
                TRANSFER_SECONDS,
                is_cancelled,
                unimplemented_seconds=self._unimplemented_seconds,
            ).size_bytes
        except grpc.RpcError as error:
            if reason_of(error) != Reason.INVALID_RANGE:
                raise
        return self._put(job_id, 0, b"", is_cancelled)

    def fail(self, job_id: str, error_message: str) -> None:
        """Report that the job cannot be done.

        Raises:
            LeaseLost: This worker no longer holds the job.
            MessageTooLarge: The message is too long.
            Cancelled: A stop was requested and the server did not answer in time.
            grpc.RpcError: The message is blank.
        """
        request = pb.FailJobRequest(job_id=job_id, worker_id=self._worker_id, error_message=error_message)
        self._call(self._stub.FailJob, request, CALL_SECONDS)

    def release(self, job_id: str) -> None:
        """Release the job unfinished, for another worker to take.

        Raises:
            LeaseLost: This worker no longer holds the job.
            Cancelled: A stop was requested and the server did not answer in time.
        """
        request = pb.ReleaseJobRequest(job_id=job_id, worker_id=self._worker_id)
        self._call(self._stub.ReleaseJob, request, CALL_SECONDS)

    def _awaited(self, call: "grpc.Future[T]") -> T | None:
        """Return the answer of a call, or None where a stop is requested before it comes."""
        while not self._stop.requested.is_set():
            try:
                return call.result(STOP_CHECK_SECONDS)
            except grpc.FutureTimeoutError:
                continue
        return None

    def _until_stopped(self) -> tenacity.Retrying:
        """Return what repeats a call until it succeeds, and returns None once a stop was requested."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_not_permanent),
            wait=self._retry_pause,
            stop=tenacity.stop_when_event_set(self._stop.requested),
            sleep=tenacity.sleep_using_event(self._stop.requested),
            before_sleep=_log_retry,
            retry_error_callback=lambda _: None,
        )

    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Any, T]",
        request: Message,
        seconds: float,
        is_cancelled: Callable[[], bool] = lambda: False,
        *,
        unimplemented_seconds: float = math.inf,
    ) -> T:
        """Repeat a call until the server answers about the job, or the work is cancelled.

        Args:
            method: What to call.
            request: With what.
            seconds: The deadline of each call.
            is_cancelled: Polled before every call.
            unimplemented_seconds: When the server's UNIMPLEMENTED is final; never for a call that every server knows.

        Raises:
            LeaseLost, JobCannotBeDone: What the server answered about the job.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
            grpc.RpcError: Any other refusal.
        """
        began_at = time.monotonic()

        def is_ended() -> bool:
            return is_cancelled() or self._has_no_time_left

        def is_unknown(state: tenacity.RetryCallState) -> bool:
            return _is_unimplemented(failure_of(state)) and time.monotonic() - began_at >= unimplemented_seconds

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_repeatable),
            wait=self._retry_pause,
            stop=lambda state: is_ended() or is_unknown(state),
            sleep=self._pause,
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            answer: T = retrying(self._attempt, method, request, seconds)
        except grpc.RpcError as error:
            if _is_repeatable(error) and is_ended():
                raise Cancelled("the server cannot be reached") from error
            raise
        return answer

    def _attempt(self, method: "grpc.UnaryUnaryMultiCallable[Any, T]", request: Message, seconds: float) -> T:
        """Call once; a stop does not wait for a server that has stopped answering.

        Raises:
            LeaseLost, JobCannotBeDone: What the server answered about the job.
            Cancelled: A stop was requested and the server did not answer in time.
            grpc.RpcError: Any other refusal.
        """
        call: grpc.Future[T] = method.future(request, timeout=seconds)
        while True:
            try:
                answer: T = call.result(STOP_CHECK_SECONDS)
            except grpc.FutureTimeoutError:
                if self._has_no_time_left:
                    call.cancel()
                    raise Cancelled("the server does not answer") from None
            except grpc.RpcError as error:
                _raise_if_about_job(error)
                if isinstance(request, _WITH_RESULTS):
                    _raise_if_above_grpc_limit(error)
                raise
            else:
                return answer

    @property
    def _has_no_time_left(self) -> bool:
        """Whether a stop was requested so long ago that nothing is repeated any more."""
        return self._stop.must_release and self._stop.seconds_ago >= self._last_calls_seconds

    def _pause(self, seconds: float) -> None:
        """Pause; a stop ends the pause, and later pauses are short, for little time is left."""
        if self._stop.requested.is_set():
            time.sleep(min(seconds, LAST_CALLS_PAUSE_SECONDS))
        else:
            self._stop.requested.wait(seconds)


def _offer_of(answer: pb.ListOfferedPipelinesResponse) -> Offer:
    return Offer(frozenset(answer.pipeline_ids), answer.max_results_bytes or None, answer.max_chunk_bytes or None)


def _is_repeatable(error: BaseException) -> bool:
    """Return whether the error is no answer about the job: made on the way, or by a server in trouble."""
    if not isinstance(error, grpc.RpcError):
        return False
    if retry_delay_seconds(error) is not None:
        return True
    return reason_of(error) in {Reason.INTERNAL, None}


def _is_unimplemented(error: grpc.RpcError | None) -> bool:
    return error is not None and error.code() is grpc.StatusCode.UNIMPLEMENTED


def _is_not_permanent(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() not in _PERMANENT


def _log_retry(state: tenacity.RetryCallState) -> None:
    if error := failure_of(state):
        context = {"attempt": state.attempt_number, "error": description_of(error)}
        logger.warning("call failed, trying again", extra=context)


def _raise_if_about_job(error: grpc.RpcError) -> None:
    reason = reason_of(error)
    if reason in _LOST:
        raise LeaseLost(error.details()) from error
    if reason == Reason.PAYLOAD_TOO_LARGE:
        raise MessageTooLarge(error.details()) from error
    if reason in {Reason.INPUT_UNREADABLE, Reason.INVALID_RESULTS}:
        raise JobCannotBeDone(error.details()) from error


def _raise_if_above_grpc_limit(error: grpc.RpcError) -> None:
    """Raise `MessageTooLarge` for what gRPC itself refuses; a busy proxy answers with the same code."""
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _ABOVE_GRPC_LIMIT in (error.details() or ""):
        raise MessageTooLarge("the results are far larger than the server takes") from error
