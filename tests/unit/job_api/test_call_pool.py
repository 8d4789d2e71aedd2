"""The threads that serve calls."""

import subprocess
import sys
import threading

import pytest

from job_api.call_pool import CallPool

pytestmark = pytest.mark.unit

LIMITED = """
import resource
from job_api.call_pool import CallPool, ThreadsUnavailable
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
try:
    CallPool(1000, "rpc")
except ThreadsUnavailable as error:
    print(error)
"""


def test_all_threads_are_there_before_the_first_call() -> None:
    with CallPool(7, "seven"):
        assert sum(thread.name.startswith("seven_") for thread in threading.enumerate()) == 7


def test_a_pool_whose_threads_cannot_all_be_started_is_refused_with_what_to_change() -> None:
    ended = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=60, check=True)
    assert "1000 threads cannot be started" in ended.stdout
    assert "--max-waiting-workers" in ended.stdout
