"""The threads of a server's calls: of all of them, and of the uploads among them."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from job_api.services.upload_gate import Upload, UploadGate

__all__ = ["CallPool", "UploadPool"]


class CallPool(ThreadPoolExecutor):
    """The threads of a server's calls, which can say whether all of them have ended."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, name)
        self._under_way: set[Future[Any]] = set()

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Runs the call on one of the threads."""
        future = super().submit(call, *arguments, **named)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def is_done(self, timeout_seconds: float) -> bool:
        """Waits for the end of all calls; returns whether it came in time."""
        return not wait(tuple(self._under_way), timeout_seconds).not_done


class UploadPool(CallPool):
    """The threads of the calls that bring a video.

    gRPC reads the request of a unary call, whole, on the thread that then handles it. So a call that is held up here is
    not read: its caller is slowed down by HTTP/2's own flow control and can send no more than fits its window.

    gRPC has no way to answer a unary call that it has not read. Those that are refused are read one after the other and
    dropped, so that all of them together take the memory of one.
    """

    def __init__(self, gate: UploadGate, threads: int, largest_bytes: int) -> None:
        super().__init__(threads, "upload")
        self._gate = gate
        self._largest_bytes = largest_bytes
        self._refusals = CallPool(1, "refusal")

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Runs the call once there is room for the largest request; at once, in the line of those that are refused."""
        upload, run = self._gate.enter(), partial(call, *arguments, **named)
        if upload.is_refused:
            return self._refusals.submit(self._run, upload, run)
        return super().submit(self._run_with_room, upload, run)

    def is_done(self, timeout_seconds: float) -> bool:
        """Waits for the end of all calls; returns whether it came in time."""
        return super().is_done(timeout_seconds) and self._refusals.is_done(timeout_seconds)

    def _run_with_room(self, upload: Upload, run: Callable[[], Any]) -> Any:
        try:
            self._gate.wait_for_room(upload, self._largest_bytes)
            if upload.is_refused:
                return self._refusals.submit(self._run, upload, run).result()
            return self._run(upload, run)
        finally:
            self._gate.leave(upload)  # whatever the call came to: nothing of it is in memory any more

    def _run(self, upload: Upload, run: Callable[[], Any]) -> Any:
        with self._gate.on_this_thread(upload):
            return run()
