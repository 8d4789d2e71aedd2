"""What this machine offers to models."""

import pytest

from job_worker.errors import ModelLoadError
from job_worker.inference.host import Host

pytestmark = [pytest.mark.unit, pytest.mark.worker]


@pytest.mark.parametrize("device", ["cuda:99", "mps", "nonsense"])
def test_a_gpu_that_is_not_there_is_named_in_one_line(device: str) -> None:
    with pytest.raises(ModelLoadError, match=rf"^The device {device} is no GPU .*: choose --device auto or cpu\.$"):
        Host().gpu_memory_bytes(device)
