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
from job_api.storage import local_storage
from job_api.storage.keys import JOBS_FOLDER
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


class HalfReadFile(io.BytesIO):
    """Gives its first half, then reaches the failpoint."""

    def __init__(self, content: bytes, at_half: Callable[[], None]) -> None:
        super().__init__(content)
        self._half = len(content) // 2
        self._at_half = at_half

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            return super().read(self._half)
        self._at_half()
        return super().read(size)


def kind_of(name: str) -> str:
    return "video" if ".mp4" in name else "results"


class FailingStorage(LocalStorage):
    """Passes by: half written, written (not renamed), renamed (not synced) for a video and for results."""

    def __init__(self, root: Path, failpoint: Failpoint) -> None:
        super().__init__(root)
        self._failpoint = failpoint
        self._kind = ""
        self._write, self._sync = local_storage._write_synced, local_storage._sync_folder
        local_storage._write_synced = self._write_and_pass
        local_storage._sync_folder = self._pass_and_sync

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        half_written = partial(self._failpoint.pass_by, f"{kind_of(dest_path)} half written")
        return super().save_file(HalfReadFile(src.read(), half_written), dest_path)

    def delete_file(self, path: str) -> None:
        super().delete_file(path)
        self._failpoint.pass_by(FILE_DELETED)

    def _write_and_pass(self, src: BinaryIO, path: Path) -> None:
        self._write(src, path)
        self._kind = kind_of(path.name)
        self._failpoint.pass_by(f"{self._kind} written")

    def _pass_and_sync(self, folder: Path) -> None:
        if folder.name == JOBS_FOLDER:
            self._failpoint.pass_by(f"{self._kind} renamed")
        self._sync(folder)


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
