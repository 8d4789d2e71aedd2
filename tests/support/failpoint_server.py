"""The API process, which kills itself at a named step, or hangs there for ever.

`python -m tests.support.failpoint_server "row inserted" <arguments of job_api>` (or `"stuck: row inserted"`) runs
`job_api.command` with the parts that `job_api.bootstrap` puts together, each of them replaced by one that reaches the
failpoint.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import grpc

from job_api import bootstrap
from job_api import command as api
from job_api.bootstrap import Services
from job_api.interceptors.error_mapping import ErrorMappingInterceptor
from job_api.queue.memory_queue import MemoryQueue
from job_api.repositories.jobs import JobRepository
from job_api.settings import ApiSettings
from job_api.storage.local_storage import LocalStorage
from shared.contract.job_status import JobStatus

FILE_DELETED = "file deleted"
"""The one failpoint that is passed while the server starts."""

STUCK = "stuck: "
"""Begins the name of a failpoint at which the call goes no further, as if its disk did not answer."""


class Failpoint:
    """The step at which the process ends as in a power cut."""

    def __init__(self, name: str) -> None:
        self.name = name.removeprefix(STUCK)
        self.is_stuck = name.startswith(STUCK)
        self.is_armed = name == FILE_DELETED

    def pass_by(self, step: str) -> None:
        if self.is_armed and step == self.name:
            if not self.is_stuck:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()  # the kernel needs a moment; nothing more may happen in it


class WatchedFile(io.BytesIO):
    """Gives its content in two halves, and reaches a failpoint after each."""

    def __init__(self, content: bytes, at_half: Callable[[], None], at_end: Callable[[], None]) -> None:
        super().__init__(content)
        self._half = len(content) // 2
        self._at_half = at_half
        self._at_end = at_end

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            return super().read(self._half)
        if self.tell() == self._half:
            self._at_half()
        data = super().read(size)
        if not data:
            self._at_end()
        return data


class FailingStorage(LocalStorage):
    """Passes by: video half written, written (not renamed), renamed; results staged (not renamed), renamed."""

    def __init__(self, root: Path, failpoint: Failpoint) -> None:
        super().__init__(root)
        self._failpoint = failpoint

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        half_written, written = (
            partial(self._failpoint.pass_by, f"video {how_far}") for how_far in ("half written", "written")
        )
        key = super().save_file(WatchedFile(src.read(), half_written, written), dest_path)
        self._failpoint.pass_by("video renamed")
        return key

    def adopt_file(self, source: Path, dest_path: str) -> str:
        self._failpoint.pass_by("results staged")
        key = super().adopt_file(source, dest_path)
        self._failpoint.pass_by("results renamed")
        return key

    def delete_file(self, path: str) -> None:
        super().delete_file(path)
        self._failpoint.pass_by(FILE_DELETED)


class FailingJobs(JobRepository):
    """Passes by: row inserted, row running (completed, failed, pending), row deleted; each committed."""

    def __init__(self, failpoint: Failpoint, *parts: Any) -> None:
        super().__init__(*parts)
        self._failpoint = failpoint

    def add(self, job_id: UUID, pipeline_id: str, input_path: str) -> None:
        super().add(job_id, pipeline_id, input_path)
        self._failpoint.pass_by("row inserted")

    def move(self, job_id: UUID, before: JobStatus, after: JobStatus, **columns: str | None) -> bool:
        moved = super().move(job_id, before, after, **columns)
        self._failpoint.pass_by(f"row {after}")
        return moved

    def delete(self, job_id: UUID) -> bool:
        deleted = super().delete(job_id)
        self._failpoint.pass_by("row deleted")
        return deleted


class FailingQueue(MemoryQueue):
    """Passes by: job enqueued."""

    def __init__(self, failpoint: Failpoint) -> None:
        super().__init__()
        self._failpoint = failpoint

    def enqueue(self, job_id: str) -> None:
        super().enqueue(job_id)
        self._failpoint.pass_by("job enqueued")


class FailingInterceptor(ErrorMappingInterceptor):
    """Passes by: SubmitJob answered, and so on for every RPC; the answer has left."""

    def __init__(self, failpoint: Failpoint) -> None:
        super().__init__()
        self._failpoint = failpoint

    def intercept_service(self, continuation: Any, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = super().intercept_service(continuation, handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        rpc = handler_call_details.method.rpartition("/")[2]

        @wraps(handler.unary_unary)
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            context.add_callback(lambda: self._failpoint.pass_by(f"{rpc} answered"))
            return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)


def main() -> int:
    failpoint = Failpoint(sys.argv[1])
    bootstrap.ErrorMappingInterceptor = partial(FailingInterceptor, failpoint)  # type: ignore[misc, assignment]

    def build_services(settings: ApiSettings) -> Services:
        storage, queue = FailingStorage(settings.data_dir, failpoint), FailingQueue(failpoint)
        services = bootstrap.build_services(
            settings, storage=storage, queue=queue, make_jobs=partial(FailingJobs, failpoint)
        )
        failpoint.is_armed = True
        return services

    api.build_services = build_services  # type: ignore[assignment]
    return api.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
