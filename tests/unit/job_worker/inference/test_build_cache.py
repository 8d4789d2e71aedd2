"""A folder that several processes need at once appears complete, and once."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from job_worker.inference.build_cache import MIN_AGE_SECONDS, cached_build
from tests.support.waiting import in_thread

pytestmark = [pytest.mark.unit, pytest.mark.worker]

BUILDER = """
import sys
from pathlib import Path
from job_worker.inference.build_cache import cached_build

def build(working):
    (working / "half").write_bytes(b"x")
    print(working, flush=True)
    sys.stdin.read()
    return working

cached_build(Path(sys.argv[1]), build)
"""
"""Builds until its input ends."""


def written(words: str, working: Path) -> Path:
    (working / "made").mkdir()
    (working / "made" / "file").write_text(words)
    return working / "made"


def test_it_is_made_the_first_time_and_kept(tmp_path: Path) -> None:
    target = tmp_path / "models" / "a"
    assert cached_build(target, lambda working: written("first", working)) == target
    assert cached_build(target, lambda _: pytest.fail("made again")) == target
    assert (target / "file").read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["a"]


def test_of_two_that_make_it_at_once_one_wins_and_both_have_it(tmp_path: Path) -> None:
    target, both = tmp_path / "a", threading.Barrier(2, timeout=10)

    def make(words: str) -> Path:
        def slowly(working: Path) -> Path:
            both.wait()
            return written(words, working)

        return cached_build(target, slowly)

    calls = [in_thread(lambda words=words: make(words)) for words in ("one", "other")]
    assert [call.result(10) for call in calls] == [target, target]
    assert (target / "file").read_text() in {"one", "other"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_goes_wrong_leaves_nothing(tmp_path: Path) -> None:
    def fail(working: Path) -> Path:
        written("half", working)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cached_build(tmp_path / "a", fail)
    assert list(tmp_path.iterdir()) == []


def grow_old(folder: Path, seconds: float = MIN_AGE_SECONDS) -> None:
    long_ago = time.time() - 1.1 * seconds
    os.utime(folder, (long_ago, long_ago))


def names_beside(target: Path) -> list[str]:
    """Return what lies in the cache once a process has called for a folder that exists."""
    cached_build(target, lambda working: written("whole", working))
    return [path.name for path in target.parent.iterdir()]


def test_what_a_killed_build_left_is_deleted_and_the_build_of_a_running_process_is_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDER, str(tmp_path / "slow")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout
        making = Path(builder.stdout.readline().strip())
        build = next(path for path in (making, *making.parents) if path.parent == tmp_path)
        grow_old(build, 1000 * MIN_AGE_SECONDS)
        assert build.name in names_beside(tmp_path / "a")
        assert (making / "half").exists()
        builder.kill()
        builder.wait(30)
    assert build.exists()
    assert names_beside(tmp_path / "a") == ["a"]


def test_builds_without_a_lock_are_deleted_once_they_are_old(tmp_path: Path) -> None:
    young, old = tmp_path / ".making-young", tmp_path / ".making-old"
    for folder in (young, old):
        (folder / "made").mkdir(parents=True)
    grow_old(old)
    assert sorted(names_beside(tmp_path / "a")) == [young.name, "a"]
