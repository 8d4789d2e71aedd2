"""The contract of storages over the real one and its twin, and what holds of each of them alone."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from job_api.storage.base import StorageFull
from job_api.storage.keys import JOBS_FOLDER, results_key
from job_api.storage.local_storage import LocalStorage
from job_api.testing.memory_storage import MemoryStorage
from job_api.testing.storage import JOB, KEY, BrokenSource, MakeStorage, StorageConformance, files_under, load, save
from tests.support.faults import Faults, faults

__all__ = ["faults"]  # a fixture

pytestmark = [pytest.mark.unit, pytest.mark.thorough]


class TestLocalStorage(StorageConformance):
    @pytest.fixture
    def make_storage(self) -> MakeStorage:
        return LocalStorage


class TestMemoryStorage(StorageConformance):
    @pytest.fixture
    def make_storage(self) -> MakeStorage:
        return lambda _root: MemoryStorage()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def local(root: Path) -> LocalStorage:
    return LocalStorage(root)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["save", "delete", "break"]), st.sampled_from(["f/a", "f/b", "g/a"]), st.binary(max_size=9)
        )
    )
)
def test_the_twin_behaves_as_the_real_one(tmp_path: Path, steps: list[tuple[str, str, bytes]]) -> None:
    storages = [LocalStorage(tmp_path / os.urandom(8).hex()), MemoryStorage()]
    for storage in storages:
        for step, key, content in steps:
            if step == "save":
                save(storage, key, content)
            elif step == "delete":
                storage.delete_file(key)
            else:
                with pytest.raises(ConnectionError):
                    storage.save_file(BrokenSource(content), key)
    seen = [
        {key: load(storage, key) for folder in ("f", "g") for key in storage.list_files(folder)} for storage in storages
    ]
    assert seen[0] == seen[1]


def test_a_memory_that_is_full_keeps_nothing_of_the_file() -> None:
    storage = MemoryStorage(capacity_bytes=10)
    save(storage, "f/a", b"123456")
    with pytest.raises(StorageFull):
        save(storage, "f/b", b"12345")
    assert list(storage.list_files("f")) == ["f/a"]
    assert storage.free_bytes() == 4
    save(storage, "f/b", b"1234")
    assert storage.free_bytes() == 0


def test_a_memory_that_is_full_still_replaces_a_file_with_one_that_fits() -> None:
    storage = MemoryStorage(capacity_bytes=10)
    save(storage, "f/a", b"1234567890")
    save(storage, "f/a", b"0987654321")
    with pytest.raises(StorageFull):
        save(storage, "f/a", b"0987654321+")
    assert load(storage, "f/a") == b"0987654321"


class FailingDisk(io.BytesIO):
    """A source of which a few bytes are copied when the disk fails."""

    def __init__(self, number: int) -> None:
        super().__init__(b"new")
        self._number = number

    def read(self, size: int | None = -1, /) -> bytes:
        if content := super().read(size):
            return content
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def test_a_disk_that_is_full_says_so_and_keeps_the_old_file_alone(local: LocalStorage, root: Path, number: int) -> None:
    save(local, KEY, b"old")
    with pytest.raises(StorageFull):
        local.save_file(FailingDisk(number), KEY)
    assert load(local, KEY) == b"old"
    assert files_under(root) == [KEY]


def test_a_disk_that_fails_otherwise_is_not_called_full(local: LocalStorage) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        local.save_file(FailingDisk(errno.EIO), KEY)


SAVE = f"""
import io, sys, pathlib
from job_api.storage.local_storage import LocalStorage
LocalStorage(pathlib.Path(sys.argv[1])).save_file(io.BytesIO(b"new"), {KEY!r})
"""


@pytest.mark.parametrize(
    ("unsynced", "kept"), [(".part", b"old"), (f"{JOBS_FOLDER}\n", b"new")], ids=["the file", "the folder"]
)
def test_a_save_is_synced_before_it_is_renamed_and_its_folder_after(
    local: LocalStorage, root: Path, faults: Faults, unsynced: str, kept: bytes
) -> None:
    save(local, KEY, b"old")
    faults.begin("sync", errno.EIO, unsynced)
    done = subprocess.run([sys.executable, "-c", SAVE, root], capture_output=True, text=True, check=False)
    assert os.strerror(errno.EIO) in done.stderr
    assert load(local, KEY) == kept
    assert files_under(root) == [KEY]


ADOPT = f"""
import sys, pathlib
from job_api.storage.local_storage import LocalStorage
LocalStorage(pathlib.Path(sys.argv[1])).adopt_file(pathlib.Path(sys.argv[2]), {KEY!r})
"""


@pytest.mark.parametrize(
    ("unsynced", "kept"), [("arrived\n", b"old"), (f"{JOBS_FOLDER}\n", b"new")], ids=["the file", "the folder"]
)
def test_a_file_that_is_adopted_is_synced_before_it_is_renamed_and_its_folder_after(
    local: LocalStorage, root: Path, faults: Faults, tmp_path: Path, unsynced: str, kept: bytes
) -> None:
    save(local, KEY, b"old")
    (tmp_path / "arrived").write_bytes(b"new")
    faults.begin("sync", errno.EIO, unsynced)
    command = [sys.executable, "-c", ADOPT, root, tmp_path / "arrived"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert os.strerror(errno.EIO) in done.stderr
    assert load(local, KEY) == kept


def test_only_what_an_unfinished_save_left_is_deleted(local: LocalStorage, root: Path) -> None:
    save(local, KEY, b"whole")
    folder = root / JOBS_FOLDER
    left = folder / f".{JOB}.mp4.{'0' * 32}.part"
    others = [folder / ".gitkeep", folder / "notes.part", folder / ".part.txt", root / ".elsewhere.part"]
    for path in (left, *others):
        path.write_bytes(b"x")
    (folder / ".a-folder.part").mkdir()
    assert local.delete_unfinished(JOBS_FOLDER) == 1
    assert not left.exists()
    assert all(path.exists() for path in others)
    assert (folder / ".a-folder.part").is_dir()
    assert load(local, KEY) == b"whole"


def test_the_middle_of_a_save_is_no_file_yet_and_counts_as_unfinished(local: LocalStorage, root: Path) -> None:
    save(local, KEY, b"old")

    class Observer(io.BytesIO):
        """Looks at the folder in the middle of the save."""

        seen: list[str] = []  # noqa: RUF012

        def read(self, size: int | None = -1) -> bytes:
            self.seen[:] = files_under(root)
            assert list(local.list_files(JOBS_FOLDER)) == [KEY]
            return super().read(size)

    source = Observer(b"new")
    local.save_file(source, KEY)
    unfinished = [name for name in source.seen if name != KEY]
    assert len(unfinished) == 1
    save(local, results_key(JOB), b"x")
    (root / unfinished[0]).write_bytes(b"as a crash leaves it")
    assert local.delete_unfinished(JOBS_FOLDER) == 1
    assert files_under(root) == sorted([KEY, results_key(JOB)])


@pytest.mark.parametrize("is_made_again", [False, True])
@pytest.mark.parametrize("moved", [JOBS_FOLDER, "."], ids=["the folder", "the root"])
def test_a_folder_that_was_moved_away_takes_no_file_and_misses_none(
    local: LocalStorage, root: Path, tmp_path: Path, moved: str, is_made_again: bool
) -> None:
    save(local, KEY, b"old")
    (root / moved).rename(tmp_path / "moved")
    if is_made_again:
        (root / JOBS_FOLDER).mkdir(parents=True)
    (tmp_path / "arrived").write_bytes(b"new")
    attempts = [
        lambda: save(local, KEY, b"new"),
        lambda: local.adopt_file(tmp_path / "arrived", KEY),
        lambda: load(local, KEY),
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match="the storage's folder is gone") as raised:
            attempt()
        assert raised.value.errno == errno.ESTALE
    assert not root.exists() or files_under(root) == []


def test_a_link_that_leads_nowhere_is_no_folder_without_files(local: LocalStorage, root: Path) -> None:
    (root / JOBS_FOLDER).symlink_to("unmounted")
    attempts = [
        lambda: save(local, KEY, b"new"),
        lambda: load(local, KEY),
        lambda: list(local.list_files(JOBS_FOLDER)),
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match=r"no folder, or a link to none.*video_jobs") as raised:
            attempt()
        assert raised.value.errno == errno.ESTALE


def test_a_listing_shows_no_hidden_files_and_no_folders(local: LocalStorage, root: Path) -> None:
    save(local, KEY, b"x")
    (root / JOBS_FOLDER / ".hidden").write_bytes(b"x")
    (root / JOBS_FOLDER / "folder").mkdir()
    assert list(local.list_files(JOBS_FOLDER)) == [KEY]


def test_the_root_is_made_when_free_space_is_requested(tmp_path: Path) -> None:
    assert LocalStorage(tmp_path / "not" / "yet").free_bytes() > 0


def test_a_closed_storage_holds_no_folder_open(tmp_path: Path) -> None:
    before = psutil.Process().num_fds()
    storage = LocalStorage(tmp_path)
    storage.save_file(io.BytesIO(b"video"), "video_jobs/1.mp4")
    storage.close()
    assert psutil.Process().num_fds() == before
    storage.close()
