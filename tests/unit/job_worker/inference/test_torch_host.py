"""What this machine offers to models."""

from pathlib import Path

import pytest
import torch

from job_worker.errors import ModelLoadError
from job_worker.inference import host
from job_worker.inference.host import Host

pytestmark = [pytest.mark.unit, pytest.mark.worker]


@pytest.mark.parametrize("device", ["nvidiactl", "dxg"])
def test_a_gpu_of_linux_and_one_of_wsl2_are_found(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = tuple(tmp_path / known.name for known in host.NVIDIA_DEVICES)
    monkeypatch.setattr(host, "NVIDIA_DEVICES", devices)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not Host().has_gpu_for_torch()
    (tmp_path / device).touch()
    assert Host().has_gpu_for_torch()


@pytest.mark.parametrize("device", ["cuda:99", "mps", "nonsense"])
def test_a_gpu_that_is_not_there_is_named_in_one_line(device: str) -> None:
    with pytest.raises(ModelLoadError, match=rf"^The device {device} is no GPU .*: choose --device auto or cpu\.$"):
        Host().gpu_memory_bytes(device)
