"""Adapters that misbehave on demand."""

import threading
from collections.abc import Callable
from typing import BinaryIO

from job_api.queue.memory_queue import MemoryQueue
from job_api.storage.memory_storage import MemoryStorage


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
    """Remembers what was enqueued, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.enqueued: list[str] = []

    def enqueue(self, job_id: str) -> None:
        super().enqueue(job_id)
        self.enqueued.append(job_id)


def raises(error: Exception) -> Callable[..., None]:
    """Returns a callable that raises the error, whatever it is called with."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
