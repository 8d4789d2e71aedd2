"""Adapters that misbehave on demand."""

import threading
from collections.abc import Callable
from typing import BinaryIO
from uuid import UUID

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.queue.memory_queue import MemoryQueue
from job_api.repositories.jobs import JobRepository
from job_api.testing.memory_storage import MemoryStorage
from shared.contract.job_status import JobStatus


class BlockingStorage(MemoryStorage):
    """Holds every save until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.saves_entered = threading.Semaphore(0)
        self.let_through = threading.Event()

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        self.saves_entered.release()
        assert self.let_through.wait(60)
        return super().save_file(src, dest_path)


class HookedStorage(MemoryStorage):
    """Calls a hook, where one is set, before each method."""

    def __init__(self, capacity_bytes: int = 1 << 40) -> None:
        super().__init__(capacity_bytes)
        self.before_save: Callable[[], None] | None = None
        self.before_load: Callable[[], None] | None = None
        self.before_delete: Callable[[], None] | None = None

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        if self.before_save:
            self.before_save()
        return super().save_file(src, dest_path)

    def load_file(self, path: str) -> BinaryIO:
        if self.before_load:
            self.before_load()
        return super().load_file(path)

    def delete_file(self, path: str) -> None:
        if self.before_delete:
            self.before_delete()
        super().delete_file(path)


class RecordingQueue(MemoryQueue):
    """Records what was enqueued, in order; calls a hook, where one is set, before each."""

    def __init__(self) -> None:
        super().__init__()
        self.enqueued: list[str] = []
        self.before_enqueue: Callable[[], None] | None = None

    def enqueue(self, job_id: str) -> None:
        if self.before_enqueue:
            self.before_enqueue()
        super().enqueue(job_id)
        self.enqueued.append(job_id)


class JobHooks:
    """Hooks of a repository of jobs, called, where they are set, before a row is added or moved."""

    def __init__(self) -> None:
        self.before_add: Callable[[], None] | None = None
        self.before_move: Callable[[UUID], None] | None = None

    def make_jobs(self, database: Database, writer: GroupWriter) -> JobRepository:
        """Make the repository, for `build_services`."""
        return _HookedJobs(self, database, writer)


class _HookedJobs(JobRepository):
    def __init__(self, hooks: JobHooks, database: Database, writer: GroupWriter) -> None:
        super().__init__(database, writer)
        self._hooks = hooks

    def add(self, job_id: UUID, pipeline_id: str, input_path: str) -> None:
        if self._hooks.before_add:
            self._hooks.before_add()
        super().add(job_id, pipeline_id, input_path)

    def move(self, job_id: UUID, before: JobStatus, after: JobStatus, **columns: str | None) -> bool:
        if self._hooks.before_move:
            self._hooks.before_move(job_id)
        return super().move(job_id, before, after, **columns)


def raises(error: BaseException) -> Callable[..., None]:
    """Return a callable that raises the error, whatever it is called with."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
