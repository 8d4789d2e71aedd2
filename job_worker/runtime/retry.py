"""Calls that are repeated until the server answers, a stop is requested or the work is cancelled."""

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import tenacity
from google.protobuf.message import Message

from job_worker.errors import Cancelled, JobCannotBeDone, LeaseLost, MessageTooLarge
from job_worker.runtime.chunk_size import ChunkSize
from job_worker.runtime.server_stub import ServerStub
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.errors import description_of, is_above_grpc_limit, reason_of, retry_delay_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.reasons import Reason
from shared.contract.retry import RetryPause, failure_of

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_PAUSE = RetryPause(first_seconds=0.2, max_seconds=10.0)
"""Long enough for a server that restarts, and far below a lease."""
LAST_REPORT_SECONDS = 15.0
"""How long the report of a job is still repeated once a stop no longer waits for the job."""
LAST_ANSWER_SHARE = 1 / 3
"""For how much of that the answer to a call that stores the results is awaited. The rest is for the release of the
job."""
LAST_REPORT_PAUSE_SECONDS = 0.5
"""Longest pause between them."""
STOP_CHECK_SECONDS = 0.1
"""How soon a waiting call notices that a stop was requested."""

_PERMANENT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
_LOST = frozenset({Reason.LEASE_LOST, Reason.JOB_NOT_FOUND})
_WITH_RESULTS = (pb.CompleteJobRequest, pb.PutJobResultsRequest)
"""Requests that may be larger than gRPC lets a server receive."""


class Retry:
    """Repeats the calls of one worker, with growing, random pauses.

    Args:
        stub: Makes the calls.
        stop: The worker's request to stop.
        pause: How long to wait before a call is repeated, in seconds.
        last_report_seconds: How long the report of a job is still repeated once a stop no longer waits for the job.
    """

    def __init__(
        self,
        stub: ServerStub,
        stop: StopSignal,
        pause: Callable[[tenacity.RetryCallState], float],
        last_report_seconds: float,
    ) -> None:
        self._stub = stub
        self._stop = stop
        self._pause = pause
        self._last_report_seconds = last_report_seconds

    def awaited(self, call: "Future[T]") -> T | None:
        """Return the answer of a call, or None where a stop is requested before it comes."""
        while not self._stop.requested.is_set():
            try:
                return call.result(STOP_CHECK_SECONDS)
            except TimeoutError:
                continue
        return None

    def until_stopped(self, unimplemented_seconds: float = 0.0) -> tenacity.Retrying:
        """Return what repeats a call until it succeeds, and returns None once a stop was requested.

        Args:
            unimplemented_seconds: After how long the server's UNIMPLEMENTED is final.
        """
        is_unknown = _is_unimplemented_for(unimplemented_seconds)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_not_permanent),
            wait=self._pause,
            stop=lambda state: self._stop.requested.is_set() or is_unknown(state),
            sleep=tenacity.sleep_using_event(self._stop.requested),
            before_sleep=_log_retry,
            retry_error_callback=self._none_if_stopped,
        )

    def _none_if_stopped(self, state: tenacity.RetryCallState) -> None:
        if not self._stop.requested.is_set() and (error := failure_of(state)):
            raise error

    def call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Any, T]",
        request: Message,
        seconds: float,
        is_cancelled: Callable[[], bool] = lambda: False,
        *,
        stores_results: bool = False,
        unimplemented_seconds: float = math.inf,
    ) -> T:
        """Repeat a call until the server answers about the job, or the work is cancelled.

        Args:
            method: What to call.
            request: With what.
            seconds: The deadline of each call.
            is_cancelled: Polled all the time; once true, the call ends.
            stores_results: The answer to a call that is under way is then still awaited for a while.
            unimplemented_seconds: After how long the server's UNIMPLEMENTED is final; never for a call that every
                server knows.

        Raises:
            LeaseLost: The server says that this worker no longer holds the job.
            JobCannotBeDone: The server does not have the video, or refuses the results.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
            grpc.RpcError: Any other refusal.
        """

        def is_given_up() -> bool:
            if stores_results and is_cancelled():
                return self._stop.overdue_seconds >= LAST_ANSWER_SHARE * self._last_report_seconds
            return self._is_ended(is_cancelled)

        def attempt() -> T:
            return self._attempt(method, request, seconds, is_given_up)

        return self._repeated(attempt, is_cancelled, unimplemented_seconds, _is_repeatable)

    def transfer(
        self,
        method: "Callable[[], grpc.UnaryUnaryMultiCallable[Any, T]]",
        request_of: Callable[[int], Message],
        size: ChunkSize,
        seconds: float,
        is_cancelled: Callable[[], bool],
        *,
        unimplemented_seconds: float = math.inf,
    ) -> T:
        """Repeat a call that transfers a chunk, each time with a chunk of the size that suits the link then.

        Args:
            method: Returns what to call, on the channel that is open then.
            request_of: Makes the request for a chunk of a size in bytes.
            size: The size, which is adapted.
            seconds: The deadline of each call. What waits behind a chunk that reaches it gets another channel.
            is_cancelled: Polled all the time; once true, the call ends.
            unimplemented_seconds: After how long the server's UNIMPLEMENTED is final.

        Raises:
            LeaseLost: The server says that this worker no longer holds the job.
            JobCannotBeDone: The server does not have the video, or refuses the results.
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not answer in time.
            grpc.RpcError: Any other refusal.
        """

        def attempt() -> T:
            try:
                with size.adapted():
                    return self._attempt(
                        method(), request_of(size.bytes), seconds, partial(self._is_ended, is_cancelled)
                    )
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    self._stub.cancel_calls()  # what the network still holds of the chunk delays only itself
                raise

        return self._repeated(attempt, is_cancelled, unimplemented_seconds, _is_repeatable)

    def sending(self, send: Callable[[], T], is_cancelled: Callable[[], bool]) -> T:
        """Repeat what sends results, by several calls, as long as the server loses them.

        It does so where its disk does not keep them. The pauses grow, and there is no limit: the work is done, and a
        job whose worker gives up is done again.

        Raises:
            Cancelled: `is_cancelled` was true, or a stop was requested and the server did not take them in time.
            Exception: Any other that `send` raises.
        """
        return self._repeated(send, is_cancelled, math.inf, _is_loss_of_results)

    def _is_ended(self, is_cancelled: Callable[[], bool]) -> bool:
        return is_cancelled() or self._stop.overdue_seconds >= self._last_report_seconds

    def _repeated(
        self,
        attempt: Callable[[], T],
        is_cancelled: Callable[[], bool],
        unimplemented_seconds: float,
        is_repeatable: Callable[[BaseException], bool],
    ) -> T:
        """Repeat an attempt until its error is none to repeat."""
        is_unknown = _is_unimplemented_for(unimplemented_seconds)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_repeatable),
            wait=self._pause,
            stop=lambda state: self._is_ended(is_cancelled) or is_unknown(state),
            sleep=self._sleep,
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            answer: T = retrying(attempt)
        except grpc.RpcError as error:
            if is_repeatable(error) and self._is_ended(is_cancelled):
                raise Cancelled("the server cannot be reached, or does not keep the results") from error
            raise
        return answer

    def _attempt(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Any, T]",
        request: Message,
        seconds: float,
        is_given_up: Callable[[], bool],
    ) -> T:
        """Call once, and wait for the answer until it is given up.

        Raises:
            LeaseLost: The server says that this worker no longer holds the job.
            JobCannotBeDone: The server does not have the video, or refuses the results.
            Cancelled: `is_given_up` was true.
            grpc.RpcError: Any other refusal.
        """
        call = self._stub.begin(method, request, seconds)
        while True:
            try:
                answer = call.result(STOP_CHECK_SECONDS)
            except TimeoutError:
                if is_given_up():
                    self._stub.cancel_calls()
                    raise Cancelled("the server does not answer") from None
            except grpc.RpcError as error:
                raise_if_about_job(error)
                if isinstance(request, _WITH_RESULTS) and is_above_grpc_limit(error):
                    raise MessageTooLarge("the results are far larger than the server takes") from error
                raise
            else:
                return answer

    def _sleep(self, seconds: float) -> None:
        """Pause; a stop ends the pause, and later pauses are short, for little time is left."""
        if self._stop.requested.is_set():
            time.sleep(min(seconds, LAST_REPORT_PAUSE_SECONDS))
        else:
            self._stop.requested.wait(seconds)


def _is_repeatable(error: BaseException) -> bool:
    """Return whether the error is no answer about the job: made on the way, or by a server in trouble."""
    if not isinstance(error, grpc.RpcError):
        return False
    if retry_delay_seconds(error) is not None:
        return True
    return reason_of(error) in {Reason.INTERNAL, None}


def _is_loss_of_results(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and reason_of(error) == Reason.RESULTS_INCOMPLETE


def is_unimplemented(error: grpc.RpcError | None) -> bool:
    """Return whether the server seems not to know the call; a proxy answers so too."""
    return error is not None and error.code() is grpc.StatusCode.UNIMPLEMENTED


def _is_unimplemented_for(seconds: float) -> Callable[[tenacity.RetryCallState], bool]:
    """Return what tells whether one call has been answered UNIMPLEMENTED, and nothing else, for so long."""
    since: float | None = None

    def has_lasted(state: tenacity.RetryCallState) -> bool:
        nonlocal since
        now = time.monotonic()
        since = (now if since is None else since) if is_unimplemented(failure_of(state)) else None
        return since is not None and now - since >= seconds

    return has_lasted


def _is_not_permanent(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() not in _PERMANENT


def _log_retry(state: tenacity.RetryCallState) -> None:
    if error := failure_of(state):
        context = {"attempt": state.attempt_number, "error": description_of(error)}
        logger.warning("call failed, trying again", extra=context)


def raise_if_about_job(error: grpc.RpcError) -> None:
    """Turn what the server answered about the job into an error of the worker; return for any other error.

    Raises:
        LeaseLost: This worker no longer holds the job.
        MessageTooLarge: The server takes no message that large.
        JobCannotBeDone: The server does not have the video, or refuses the results.
    """
    reason = reason_of(error)
    if reason in _LOST:
        raise LeaseLost(error.details()) from error
    if reason == Reason.PAYLOAD_TOO_LARGE:
        raise MessageTooLarge(error.details()) from error
    if reason in {Reason.INPUT_UNREADABLE, Reason.INVALID_RESULTS}:
        raise JobCannotBeDone(error.details()) from error
