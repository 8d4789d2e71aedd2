"""System calls that fail on demand in the processes that a test starts: threads, signals, syncs, writes, opens."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("faults.c")


NEVER_RETURNS = -1


class Faults:
    """The calls that fail at the moment.

    Attributes:
        variables: The environment of the processes that they fail in.
    """

    def __init__(self, folder: Path) -> None:
        """Build the library, in a folder of its own; raises OSError where none can be built."""
        self._folder, library, compiler = folder / "faults", folder / "faults.so", shutil.which("cc")
        if sys.platform != "linux" or not compiler:
            raise OSError("a library that makes calls fail needs Linux and a C compiler")
        self._folder.mkdir()
        subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
        self.variables = {"TEST_FAULTS": str(self._folder), "LD_PRELOAD": str(library)}

    def begin(self, call: str, number: int, path: str = "") -> None:
        """Have the call fail with this errno, or never return, where its path holds this text."""
        (self._folder / call).write_text(f"{number} {path}")

    def end(self, call: str) -> None:
        (self._folder / call).unlink()


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Return faults of every process that the test starts from now on; skip the test, by name, where none can be."""
    try:
        made = Faults(tmp_path)
    except OSError as error:
        pytest.skip(f"optional: {error}")
    for name, value in made.variables.items():
        monkeypatch.setenv(name, value)
    return made
