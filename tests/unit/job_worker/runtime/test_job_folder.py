"""The worker's own folder, that of the current job, and what killed workers left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from job_worker.errors import InsufficientSpace
from job_worker.locked_folders import LOCK_NAME
from job_worker.runtime.job_folder import (
    MIN_AGE_SECONDS,
    clean_work_folders,
    job_folder,
    mark_as_used,
    work_folder,
)
from tests.support.capabilities import permissions_hold

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

WITHOUT_FCNTL = "import sys; sys.modules['fcntl'] = None\n"
"""Begins a program that runs as on a system that has no fcntl."""

HOLDER = """
import sys
from pathlib import Path
from job_worker.runtime.job_folder import work_folder

with work_folder(Path(sys.argv[1])) as folder:
    (folder / "video.mp4").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


CLEANER = """
import sys
from pathlib import Path
from job_worker.runtime.job_folder import clean_work_folders

print(clean_work_folders(Path(sys.argv[1])))
"""


def grow_old(folder: Path) -> None:
    long_ago = time.time() - 2 * MIN_AGE_SECONDS
    os.utime(folder, (long_ago, long_ago))


def test_the_folders_are_gone_when_their_blocks_end(tmp_path: Path) -> None:
    with work_folder(tmp_path) as own:
        with job_folder(own) as folder:
            (folder / "video.mp4").write_bytes(b"x")
        assert not folder.exists()
        assert own.exists()
    assert not own.exists()


@pytest.mark.corpus
def test_folders_are_deleted_however_deep_a_hostile_video_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # which this goes away from, as no path is so long
    others = tmp_path.parent / "others"
    others.mkdir()
    (others / "file").touch()
    with work_folder(tmp_path) as own, job_folder(own) as folder:
        (folder / "link").symlink_to(others)
        for top in (own, folder):
            os.chdir(top)
            for depth in range(3000):
                Path("f").mkdir()
                os.chdir("f")
                if depth:
                    Path("..").chmod(0o500)  # so that nothing can be moved out of it
            Path("file").touch()
    assert list(tmp_path.iterdir()) == []
    assert (others / "file").exists()


@pytest.mark.parametrize("mode", [0, 0o300])
def test_folders_that_nobody_may_read_are_deleted(mode: int, tmp_path: Path) -> None:
    with permissions_hold():
        with work_folder(tmp_path) as own, job_folder(own) as folder:
            for top in (own, folder):
                (inner := top / "f" / "f").mkdir(parents=True)
                (inner / "file").touch()
                for shut in (inner, inner.parent):
                    shut.chmod(mode)
            folder.chmod(mode)
        assert list(tmp_path.iterdir()) == []


def seconds_to_delete(parent: Path, files: int, depth: int) -> float:
    """Return the time of the processor in which so many files and folders in folders are deleted."""
    home = Path.cwd()
    with job_folder(parent) as folder:
        for number in range(files):
            (folder / str(number)).touch()
        os.chdir(folder)
        for _ in range(depth):
            Path("f").mkdir()
            os.chdir("f")
        os.chdir(home)
        began = time.process_time()
    assert not folder.exists()
    return time.process_time() - began


@pytest.mark.corpus
def test_files_beside_deep_folders_are_looked_at_once(tmp_path: Path) -> None:
    files, depth = 5000, 1000
    apart = seconds_to_delete(tmp_path, files, 0) + seconds_to_delete(tmp_path, 0, depth)
    assert seconds_to_delete(tmp_path, files, depth) < 5 * apart


def test_a_folder_that_is_used_does_not_look_old(tmp_path: Path) -> None:
    with work_folder(tmp_path) as own:
        used = own, own.with_name(LOCK_NAME)
        for path in used:
            grow_old(path)
        mark_as_used(own)
        assert all(time.time() - path.stat().st_mtime < MIN_AGE_SECONDS for path in used)


def test_what_is_written_into_the_folder_does_not_unlock_it(tmp_path: Path) -> None:
    with work_folder(tmp_path) as own:
        (own / LOCK_NAME).unlink(missing_ok=True)
        (own / LOCK_NAME).touch()
        for folder in (own, own.parent):
            grow_old(folder)
        assert clean_work_folders(tmp_path) == 0
        assert (own / LOCK_NAME).exists()


def cleaned(parent: Path, preamble: str) -> int:
    """Clean up in another process; return how many folders it deleted."""
    command = [sys.executable, "-W", "ignore", "-c", preamble + CLEANER, str(parent)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.mark.parametrize("preamble", ["", WITHOUT_FCNTL], ids=["with fcntl", "without fcntl"])
def test_the_folder_of_a_killed_worker_is_deleted_and_that_of_a_running_one_is_kept(
    preamble: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", preamble + HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        folder = Path(holder.stdout.readline().strip()).parent
        grow_old(folder)
        assert cleaned(tmp_path, preamble) == 0
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
    grow_old(folder)
    assert cleaned(tmp_path, preamble) == 1
    assert not folder.exists()


def test_a_folder_without_a_lock_is_deleted_once_it_is_old(tmp_path: Path) -> None:
    young, old = tmp_path / "foregsyte-work-1", tmp_path / "foregsyte-work-2"
    young.mkdir()
    old.mkdir()
    grow_old(old)
    assert clean_work_folders(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [young]


def test_what_is_no_folder_of_a_worker_is_left_alone(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "file").touch()
    grow_old(others)
    (tmp_path / "foregsyte-work-link").symlink_to(others)
    (tmp_path / "foregsyte-work-file").touch()
    grow_old(tmp_path / "foregsyte-work-file")
    assert clean_work_folders(tmp_path) == 0
    assert (others / "file").exists()


def test_a_folder_that_cannot_be_made_is_no_fault_of_the_job(tmp_path: Path) -> None:
    for folder, problem in (work_folder, "the worker's own folder cannot"), (job_folder, "the job's files cannot"):
        with pytest.raises(InsufficientSpace, match=f"^{problem} .*--work-dir"), folder(tmp_path / "absent"):
            pass
