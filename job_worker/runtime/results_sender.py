"""Send the results of a job: with the report itself, or before it in chunks."""

import math
from collections.abc import Callable

import grpc

from job_worker.errors import Cancelled, MessageTooLarge
from job_worker.runtime.chunk_size import ChunkSize
from job_worker.runtime.results_file import ResultsFile
from job_worker.runtime.retry import Retry, is_unimplemented
from shared.contract.errors import reason_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub
from shared.contract.reasons import Reason

INLINE_BYTES = 64 << 10
"""Results up to this size are sent with the report itself, which saves two calls. It takes 2 s at 256 kbit/s."""
WHOLE_BYTES = 16 << 20
"""Results up to this size are also tried in one message where no chunk gets through: by default a server takes them."""
COMPLETE_SECONDS = 600.0
"""Deadline of a CompleteJob: it may carry all results, and the server checks them."""


class ResultsSender:
    """Sends the results of one job.

    Args:
        stub: Calls the server.
        retry: Repeats the calls.
        worker_id: The worker's unique name.
        job_id: The job.
        results: The results document.
        is_cancelled: Polled all the time; once true, the sending ends.
        chunk_seconds: The deadline of a call that carries a chunk.
        unimplemented_seconds: How long a chunk is repeated that the server seems not to know, although it did.
    """

    def __init__(
        self,
        stub: WorkerServiceStub,
        retry: Retry,
        *,
        worker_id: str,
        job_id: str,
        results: ResultsFile,
        is_cancelled: Callable[[], bool],
        chunk_seconds: float,
        unimplemented_seconds: float,
    ) -> None:
        self._stub = stub
        self._retry = retry
        self._worker_id = worker_id
        self._job_id = job_id
        self._results = results
        self._size_bytes = results.size_bytes
        self._is_cancelled = is_cancelled
        self._chunk_seconds = chunk_seconds
        self._unimplemented_seconds = unimplemented_seconds

    def complete(self, request_chunk_bytes: Callable[[], int | None]) -> None:
        """Send the results in as few calls as the server lets through, and report the job as completed.

        Args:
            request_chunk_bytes: Requests the largest chunk that the server takes; None where it takes none. It is
                called when it matters, as a server may be updated during a long job.

        Raises:
            LeaseLost: This worker no longer holds the job.
            JobCannotBeDone: The server refuses the results, or they were changed; the message says why.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
            grpc.RpcError: Any other refusal.
        """
        max_chunk_bytes = None if self._size_bytes <= INLINE_BYTES else request_chunk_bytes()
        if not max_chunk_bytes:
            try:
                self._complete_whole()
            except MessageTooLarge:
                max_chunk_bytes = request_chunk_bytes()
                if not max_chunk_bytes:
                    raise
            else:
                return
        self._complete_large(max_chunk_bytes)

    def _complete_large(self, max_chunk_bytes: int) -> None:
        """Send the results in chunks, or in one message where a proxy knows no chunks, until one of both is done."""
        while True:
            try:
                self._complete_in_chunks(max_chunk_bytes)
            except grpc.RpcError as error:
                if not is_unimplemented(error):
                    raise
            else:
                return
            if self._size_bytes <= WHOLE_BYTES and self._has_completed_whole():
                return

    def _complete_whole(self, unimplemented_seconds: float = math.inf) -> None:
        results = self._results.read(0, self._size_bytes)
        request = pb.CompleteJobRequest(job_id=self._job_id, worker_id=self._worker_id, results_json=results)
        self._report(request, unimplemented_seconds)

    def _has_completed_whole(self) -> bool:
        """Try once to send the results in one message, as a proxy may let no chunk through; return whether it did."""
        try:
            self._complete_whole(unimplemented_seconds=0.0)
        except MessageTooLarge:  # for one message, not for a job
            return False
        except grpc.RpcError as error:
            if not is_unimplemented(error):
                raise
            return False
        return True

    def _complete_in_chunks(self, max_chunk_bytes: int) -> None:
        """Send the results in chunks, and again from the beginning where the server has lost them."""
        digest = self._results.digest()
        request = pb.CompleteJobRequest(
            job_id=self._job_id, worker_id=self._worker_id, results_size_bytes=self._size_bytes, results_sha256=digest
        )

        def send() -> None:
            self._put_results(ChunkSize(max_chunk_bytes))
            self._results.check_sent(digest)
            self._report(request)

        self._retry.sending(send, self._is_cancelled)

    def _put_results(self, size: ChunkSize) -> None:
        """Send the results chunk by chunk, from where the server says that it has them."""
        held_bytes = 0
        while held_bytes < self._size_bytes:
            if self._is_cancelled():
                raise Cancelled("the sending of the results was cancelled")
            try:
                held_bytes = self._put(held_bytes, size)
            except MessageTooLarge:  # a server that was restarted may take smaller chunks than it said
                if not size.lower():
                    raise

    def _put(self, offset: int, size: ChunkSize) -> int:
        """Send one chunk; return how many bytes the server holds, which are fewer where it was restarted."""
        try:
            answer = self._retry.transfer(
                lambda: self._stub.PutJobResults,
                lambda size_bytes: self._chunk(offset, self._results.read(offset, size_bytes)),
                size,
                self._chunk_seconds,
                self._is_cancelled,
                unimplemented_seconds=self._unimplemented_seconds,
            )
        except grpc.RpcError as error:
            if reason_of(error) != Reason.INVALID_RANGE or not offset:
                raise
            answer = self._retry.call(
                self._stub.PutJobResults,
                self._chunk(0, b""),
                self._chunk_seconds,
                self._is_cancelled,
                unimplemented_seconds=self._unimplemented_seconds,
            )
        return answer.size_bytes

    def _chunk(self, offset: int, data: bytes) -> pb.PutJobResultsRequest:
        return pb.PutJobResultsRequest(job_id=self._job_id, worker_id=self._worker_id, offset=offset, data=data)

    def _report(self, request: pb.CompleteJobRequest, unimplemented_seconds: float = math.inf) -> None:
        self._retry.call(
            self._stub.CompleteJob,
            request,
            COMPLETE_SECONDS,
            self._is_cancelled,
            stores_results=True,
            unimplemented_seconds=unimplemented_seconds,
        )
