"""The conformance tests of queues, and tests of the file queue alone."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from foregsyte_adapters.file_queue import FileQueue

from job_api.queue.base import QueueService
from job_api.testing.queue import QueueConformance


class TestFileQueue(QueueConformance):
    @pytest.fixture
    def queue(self, tmp_path: Path) -> Iterator[QueueService]:
        queue = FileQueue(str(tmp_path / "queue" / "ids"))
        yield queue
        queue.close()


def test_an_emptied_queue_takes_no_space(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    queue = FileQueue(str(path))
    for _ in range(3):
        queue.enqueue(str(uuid4()))
    while queue.dequeue():
        pass
    queue.close()
    assert path.stat().st_size == 0
