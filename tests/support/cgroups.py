"""A group of processes whose memory the kernel bounds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import OPTIONAL

_ROOT = Path("/sys/fs/cgroup")


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Callable[[int], object]]:
    """Make a group whose processes are killed above the limit; yield what moves a process into it.

    Skips the test, by name, where none can be made.
    """
    parent, limit_file = (_ROOT / "memory", "memory.limit_in_bytes")
    if not parent.is_dir():
        parent, limit_file = _ROOT, "memory.max"  # version 2
    folder = parent / f"foregsyte-test-{uuid4().hex[:8]}"
    try:
        folder.mkdir()
        (folder / limit_file).write_text(str(limit_bytes))
    except OSError:
        pytest.skip(f"{OPTIONAL} no memory cgroup can be made in {parent}")
    try:
        yield lambda pid: (folder / "cgroup.procs").write_text(str(pid))
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            (parent / "cgroup.procs").write_text(pid)
        folder.rmdir()
