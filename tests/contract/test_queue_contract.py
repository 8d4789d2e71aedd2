"""The contract of queues over the one that ships."""

import pytest

from job_api.queue.base import QueueService
from job_api.queue.memory_queue import MemoryQueue
from job_api.testing.queue import QueueConformance

pytestmark = pytest.mark.unit


class TestMemoryQueue(QueueConformance):
    @pytest.fixture
    def queue(self) -> QueueService:
        return MemoryQueue()
