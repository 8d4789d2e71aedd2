"""The server as the worker sees it: take a job, fetch its video, renew its lease, report how it ended."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import tenacity

from job_worker.errors import Cancelled
from job_worker.runtime.chunk_size import ChunkSize
from job_worker.runtime.heartbeat import RENEWALS_PER_LEASE
from job_worker.runtime.job_folder import space_errors_translated
from job_worker.runtime.results_file import ResultsFile
from job_worker.runtime.results_sender import ResultsSender
from job_worker.runtime.retry import LAST_REPORT_SECONDS, RETRY_PAUSE, Retry, is_unimplemented, raise_if_about_job
from job_worker.runtime.server_stub import ServerStub
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.durations import duration_of_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb

logger = logging.getLogger(__name__)

CALL_SECONDS = 60.0
"""Deadline of a small call; a large upload elsewhere can stall the server for 5 s."""
FIRST_RENEWAL_SECONDS = 20.0
"""Deadline of a renewal before the length of the lease is known: a third of what a server gives by default."""
MIN_RENEWAL_SECONDS = 5.0
"""Shortest deadline of one: a large upload elsewhere can stall the server for that long. A chunk has the same deadline,
so that a renewal that waits behind it has failed at most once."""
CROSSED_CALL_SECONDS = 2.0
"""Deadline of the calls that release a job whose answer crossed the cancelled Dequeue."""
UNIMPLEMENTED_SECONDS = 60.0
"""How long a call that the server seems not to know, although it did, is repeated: a proxy answers so too. Then results
are tried in one message, the last offer is taken, and a worker without a job ends."""


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
        open_channel: Opens a channel to the server; the last one is closed at the end of the `with` block.
        worker_id: The worker's unique name.
        stop: Its request to stop.
        retry_pause: How long to wait before a call is repeated, in seconds.
        last_report_seconds: How long the report of a job is still repeated once a stop no longer waits for the job.
        unimplemented_seconds: How long a call that the server seems not to know, although it did, is repeated.

    Raises:
        HostUnusable: This host has no thread for the calls.
    """

    def __init__(
        self,
        open_channel: Callable[[], grpc.Channel],
        worker_id: str,
        stop: StopSignal,
        *,
        retry_pause: Callable[[tenacity.RetryCallState], float] = RETRY_PAUSE,
        last_report_seconds: float = LAST_REPORT_SECONDS,
        unimplemented_seconds: float = UNIMPLEMENTED_SECONDS,
    ) -> None:
        self._stub = ServerStub(open_channel)
        self._worker_id = worker_id
        self._retry = Retry(self._stub, stop, retry_pause, last_report_seconds)
        self._unimplemented_seconds = unimplemented_seconds
        self._offered: Offer | None = None
        self._is_known = False
        self._renewal_seconds = FIRST_RENEWAL_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stub.close()

    def dequeue(self, wait_seconds: float) -> str | None:
        """Wait for a job.

        Returns:
            The job's id; None when none came or a stop was requested.

        Raises:
            grpc.RpcError: The server refuses this worker for good.
        """
        request = pb.DequeueRequest(worker_id=self._worker_id, wait=duration_of_seconds(wait_seconds))
        patience_seconds = self._unimplemented_seconds if self._is_known else 0.0
        return self._retry.until_stopped(patience_seconds)(self._dequeue_once, request, wait_seconds)

    def _dequeue_once(self, request: pb.DequeueRequest, wait_seconds: float) -> str | None:
        call = self._stub.begin(self._stub.Dequeue, request, wait_seconds + CALL_SECONDS)
        if (answer := self._retry.awaited(call)) is not None:
            self._is_known = True
            return answer.job_id or None
        self._stub.cancel_calls()
        try:
            return call.result().job_id or None  # the answer came together with the stop
        except (grpc.RpcError, ValueError):  # the latter where the call had not begun
            self._release_crossed_job()
            return None

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
        return self._unless_older(lambda: self._retry.until_stopped()(self._offered_once))

    def _offered_once(self) -> Offer | None:
        method = self._stub.ListOfferedPipelines
        call = self._stub.begin(method, pb.ListOfferedPipelinesRequest(), CALL_SECONDS)
        if (answer := self._retry.awaited(call)) is not None:
            return _offer_of(answer)
        self._stub.cancel_calls()
        return None

    def offer_for_job(self, is_cancelled: Callable[[], bool]) -> Offer | None:
        """Return what the server offers for a job in hand, which a stop does not end; None from an older server.

        One that has offered before is not older: where a proxy says for long that it is, its last offer holds.

        Args:
            is_cancelled: Polled all the time; once true, the call ends.

        Raises:
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
        """
        last = self._offered
        seconds = self._unimplemented_seconds if last else 0.0

        def ask() -> Offer:
            request, method = pb.ListOfferedPipelinesRequest(), self._stub.ListOfferedPipelines
            return _offer_of(
                self._retry.call(method, request, CALL_SECONDS, is_cancelled, unimplemented_seconds=seconds)
            )

        return self._unless_older(ask) or last

    def _unless_older(self, offered: Callable[[], Offer | None]) -> Offer | None:
        try:
            offer = offered()
        except grpc.RpcError as error:
            if not is_unimplemented(error):
                raise
            return None
        self._offered = offer or self._offered
        self._is_known = self._is_known or offer is not None
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
            is_cancelled: Polled all the time; once true, the download ends.
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
        with space_errors_translated(), target.open("wb") as file:
            while not is_cancelled():
                chunk = self._retry.transfer(
                    lambda: self._stub.GetJobInput,
                    lambda size_bytes: pb.GetJobInputRequest(
                        job_id=job_id, worker_id=self._worker_id, offset=file.tell(), length=size_bytes
                    ),
                    size,
                    self._renewal_seconds,
                    is_cancelled,
                )
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
            raise_if_about_job(error)
            raise
        seconds = lease.ToMilliseconds() / 1000
        self._renewal_seconds = max(seconds / RENEWALS_PER_LEASE, MIN_RENEWAL_SECONDS)
        return seconds

    def complete(self, job_id: str, results: Path, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Send the results and report the job as completed.

        Args:
            job_id: The job.
            results: The file of the results document.
            is_cancelled: Polled all the time; once true, the sending ends.

        Raises:
            LeaseLost: This worker no longer holds the job.
            JobCannotBeDone: The server refuses the results, or they were changed; the message says why.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
        """

        def request_chunk_bytes() -> int | None:
            offer = self.offer_for_job(is_cancelled)
            return offer.max_chunk_bytes if offer else None

        with ResultsFile(results) as file:
            sender = ResultsSender(
                self._stub,
                self._retry,
                worker_id=self._worker_id,
                job_id=job_id,
                results=file,
                is_cancelled=is_cancelled,
                chunk_seconds=self._renewal_seconds,
                unimplemented_seconds=self._unimplemented_seconds,
            )
            sender.complete(request_chunk_bytes)

    def fail(self, job_id: str, error_message: str) -> None:
        """Report that the job cannot be done.

        Raises:
            LeaseLost: This worker no longer holds the job.
            MessageTooLarge: The message is too long.
            Cancelled: A stop was requested and the server did not answer in time.
            grpc.RpcError: The message is blank.
        """
        request = pb.FailJobRequest(job_id=job_id, worker_id=self._worker_id, error_message=error_message)
        self._retry.call(self._stub.FailJob, request, CALL_SECONDS)

    def release(self, job_id: str) -> None:
        """Release the job unfinished, for another worker to take.

        Raises:
            LeaseLost: This worker no longer holds the job.
            Cancelled: A stop was requested and the server did not answer in time.
        """
        request = pb.ReleaseJobRequest(job_id=job_id, worker_id=self._worker_id)
        self._retry.call(self._stub.ReleaseJob, request, CALL_SECONDS)


def _offer_of(answer: pb.ListOfferedPipelinesResponse) -> Offer:
    return Offer(frozenset(answer.pipeline_ids), answer.max_results_bytes or None, answer.max_chunk_bytes or None)
