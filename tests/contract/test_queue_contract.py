"""The contract of queues over the one that ships."""

import pytest

from job_api.contracts.queue import QueueContract
from job_api.queue.base import QueueService
from job_api.queue.memory_queue import MemoryQueue

pytestmark = pytest.mark.unit


class TestMemoryQueue(QueueContract):
    @pytest.fixture
    def queue(self) -> QueueService:
        return MemoryQueue()
