"""What several tests of units stand on."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No FOREGSYTE_* variable and no settings file."""
    for name in [name for name in os.environ if name.startswith("FOREGSYTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
