"""Calls of the system that fail on demand in the processes that a test starts: threads, syncs, writes, opens."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("faults.c")


NEVER_RETURNS = -1


class Faults:
    """The calls that fail at the moment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, call: str, number: int, path: str = "") -> None:
        """Has the call fail with this errno, or never return, where its path holds this text."""
        (self._folder / call).write_text(f"{number} {path}")

    def end(self, call: str) -> None:
        (self._folder / call).unlink()


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Faults of every process that the test starts from now on; skips the test, by name, where none can be made."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or not compiler:
        pytest.skip("optional: a library that makes calls fail needs Linux and a C compiler")
    folder, library = tmp_path / "faults", tmp_path / "faults.so"
    folder.mkdir()
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    monkeypatch.setenv("TEST_FAULTS", str(folder))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    return Faults(folder)
