"""What every storage must hold, the real one and its twin alike."""

import errno
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from job_api.storage import local_storage
from job_api.storage.base import InvalidKey, StorageFull, StorageService
from job_api.storage.keys import JOBS_FOLDER, input_key, results_key
from job_api.storage.local_storage import LocalStorage
from job_api.storage.memory_storage import MemoryStorage

pytestmark = pytest.mark.unit

JOB = UUID("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55")
KEY = input_key(JOB)

BAD_KEYS = [
    "",
    ".",
    "..",
    "/",
    "/etc/passwd",
    "../outside",
    "video_jobs/../../outside",
    "video_jobs/..",
    "video_jobs//a.mp4",
    "video_jobs/a.mp4/",
    "video_jobs/./a.mp4",
    "video_jobs\\a.mp4",
    "..\\outside",
    "video_jobs/a\0.mp4",
    "video_jobs/a\n.mp4",
    "video_jobs/a\x1b.mp4",
    "video_jobs/a\x7f.mp4",
    "video_jobs/a\u2028.mp4",
    "video_jobs/a\ud800.mp4",
]

Make = Callable[[Path], StorageService]
MAKERS: dict[str, Make] = {"local": LocalStorage, "memory": lambda _root: MemoryStorage()}


class BrokenSource(io.BytesIO):
    """Gives what it has, then fails as a lost upload does; fails at once where all is read in one."""

    def read(self, size: int | None = -1) -> bytes:
        if size and size > 0 and (piece := super().read(size)):
            return piece
        raise ConnectionError("the source is gone")


@pytest.fixture(params=sorted(MAKERS))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageService:
    return MAKERS[request.param](tmp_path / "root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def local(root: Path) -> LocalStorage:
    return LocalStorage(root)


def save(storage: StorageService, key: str, content: bytes) -> str:
    return storage.save_file(io.BytesIO(content), key)


def load(storage: StorageService, key: str) -> bytes:
    with storage.load_file(key) as file:
        return file.read()


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_saved_file_is_loaded_as_it_was(storage: StorageService) -> None:
    content = bytes(range(256)) * 10_000  # more than one copy buffer
    assert save(storage, KEY, content) == KEY
    assert load(storage, KEY) == content


def test_an_empty_file_is_a_file(storage: StorageService) -> None:
    save(storage, KEY, b"")
    assert load(storage, KEY) == b""
    assert list(storage.list_files(JOBS_FOLDER)) == [KEY]


def test_a_save_reads_its_source_from_where_it_stands(storage: StorageService) -> None:
    source = io.BytesIO(b"skipped kept")
    source.seek(8)
    storage.save_file(source, KEY)
    assert load(storage, KEY) == b"kept"


def test_a_loaded_file_can_be_seeked(storage: StorageService) -> None:
    save(storage, KEY, b"0123456789")
    with storage.load_file(KEY) as file:
        assert file.seek(0, io.SEEK_END) == 10
        file.seek(4)
        assert file.read(3) == b"456"


def test_a_second_save_replaces_the_whole_file(storage: StorageService) -> None:
    save(storage, KEY, b"the first and longer content")
    save(storage, KEY, b"second")
    assert load(storage, KEY) == b"second"
    assert list(storage.list_files(JOBS_FOLDER)) == [KEY]


def test_a_reader_keeps_the_file_it_opened_when_another_is_saved(storage: StorageService) -> None:
    save(storage, KEY, b"old")
    with storage.load_file(KEY) as file:
        save(storage, KEY, b"new")
        assert file.read() == b"old"
    assert load(storage, KEY) == b"new"


def test_a_deleted_file_is_gone_and_deleting_again_is_no_error(storage: StorageService) -> None:
    save(storage, KEY, b"x")
    storage.delete_file(KEY)
    storage.delete_file(KEY)
    with pytest.raises(FileNotFoundError):
        storage.load_file(KEY)
    assert list(storage.list_files(JOBS_FOLDER)) == []


def test_deleting_where_nothing_was_ever_saved_is_no_error(storage: StorageService) -> None:
    storage.delete_file(KEY)


def test_a_missing_file_is_not_found(storage: StorageService) -> None:
    with pytest.raises(FileNotFoundError):
        storage.load_file(KEY)
    save(storage, KEY, b"x")
    with pytest.raises(FileNotFoundError):
        storage.load_file(results_key(JOB))


def test_a_list_holds_the_files_directly_under_the_folder_in_order(storage: StorageService) -> None:
    for key in ("video_jobs/b", "video_jobs/a", "video_jobs/deeper/c", "video_jobs_too/d", "e"):
        save(storage, key, b"x")
    assert list(storage.list_files("video_jobs")) == ["video_jobs/a", "video_jobs/b"]
    assert list(storage.list_files("video_jobs/deeper")) == ["video_jobs/deeper/c"]


def test_a_folder_that_does_not_exist_lists_nothing(storage: StorageService) -> None:
    assert list(storage.list_files(JOBS_FOLDER)) == []
    assert storage.delete_unfinished(JOBS_FOLDER) == 0


def test_two_keys_are_two_files(storage: StorageService) -> None:
    save(storage, input_key(JOB), b"video")
    save(storage, results_key(JOB), b"results")
    storage.delete_file(input_key(JOB))
    assert load(storage, results_key(JOB)) == b"results"


def test_the_free_space_is_a_number_of_bytes(storage: StorageService) -> None:
    assert storage.free_bytes() > 0


@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_key_that_could_leave_the_root_is_refused_by_every_method(
    storage: StorageService, key: str, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_bytes(b"not yours")
    attempts: list[Callable[[], object]] = [
        lambda: save(storage, key, b"x"),
        lambda: storage.load_file(key),
        lambda: storage.delete_file(key),
        lambda: list(storage.list_files(key)),
        lambda: storage.delete_unfinished(key),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidKey):
            attempt()
    assert files_under(tmp_path) == ["outside"]
    assert (tmp_path / "outside").read_bytes() == b"not yours"


_PART = st.one_of(
    st.sampled_from(["..", ".", "", "a", "video_jobs", "\\", "\0", "~", "C:", "...", " "]),
    st.text(st.characters(codec="utf-8"), max_size=6),
)


@pytest.mark.parametrize("kind", sorted(MAKERS))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=st.lists(_PART, max_size=5))
@example(parts=["", "etc", "passwd"])
@example(parts=["a", "..", "..", "b"])
def test_no_key_writes_outside_the_root(kind: str, tmp_path: Path, parts: list[str]) -> None:
    root, key = tmp_path / kind / "root", "/".join(parts)
    storage = MAKERS[kind](root)
    with suppress(
        InvalidKey, OSError
    ):  # a file where a folder is wanted, or a name too long, is the system's to refuse
        save(storage, key, b"x")
        assert load(storage, key) == b"x"
        storage.delete_file(key)
    outside = [name for name in files_under(tmp_path) if not name.startswith(f"{kind}/root/")]
    assert [name for name in outside if name.startswith(f"{kind}/")] == []


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["save", "delete", "break"]), st.sampled_from(["f/a", "f/b", "g/a"]), st.binary(max_size=9)
        )
    )
)
def test_the_twin_behaves_as_the_real_one(tmp_path: Path, steps: list[tuple[str, str, bytes]]) -> None:
    pair = [LocalStorage(tmp_path / os.urandom(8).hex()), MemoryStorage()]
    for storage in pair:
        for step, key, content in steps:
            if step == "save":
                save(storage, key, content)
            elif step == "delete":
                storage.delete_file(key)
            else:
                with pytest.raises(ConnectionError):
                    storage.save_file(BrokenSource(content), key)
    seen = [
        {key: load(storage, key) for folder in ("f", "g") for key in storage.list_files(folder)} for storage in pair
    ]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("part", [b"", b"part of the new"])
def test_a_source_that_fails_leaves_the_old_file_whole(storage: StorageService, part: bytes, root: Path) -> None:
    save(storage, KEY, b"old")
    with pytest.raises(ConnectionError):
        storage.save_file(BrokenSource(part), KEY)
    assert load(storage, KEY) == b"old"
    assert list(storage.list_files(JOBS_FOLDER)) == [KEY]
    assert storage.delete_unfinished(JOBS_FOLDER) == 0
    assert files_under(root) in ([KEY], [])


def test_a_source_that_fails_makes_no_file_where_none_was(storage: StorageService, root: Path) -> None:
    with pytest.raises(ConnectionError):
        storage.save_file(BrokenSource(b"part of the new"), KEY)
    with pytest.raises(FileNotFoundError):
        storage.load_file(KEY)
    assert files_under(root) == []


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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def test_a_disk_that_is_full_says_so_and_keeps_the_old_file_alone(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    save(local, KEY, b"old")

    def copy_some(src: io.BytesIO, file: io.BufferedWriter, size: int) -> None:
        file.write(src.read(3))
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(local_storage.shutil, "copyfileobj", copy_some)
    with pytest.raises(StorageFull):
        save(local, KEY, b"new and longer")
    assert load(local, KEY) == b"old"
    assert files_under(root) == [KEY]


def test_a_disk_that_fails_otherwise_is_not_called_full(local: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(local_storage.os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        save(local, KEY, b"x")


def test_a_save_is_synced_before_it_is_renamed_and_its_folder_after(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(local, "video_jobs/first", b"makes the folder")
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        steps.append("sync " + ("folder" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file"))
        fsync(descriptor)

    def recorded_replace(self: Path, target: Path) -> Path:
        assert self.parent == target.parent, "a rename across folders may cross file systems"
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(local_storage.os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    save(local, KEY, b"x")
    assert steps == ["sync file", "rename", "sync folder"]


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


def test_a_listing_shows_no_hidden_files_and_no_folders(local: LocalStorage, root: Path) -> None:
    save(local, KEY, b"x")
    (root / JOBS_FOLDER / ".hidden").write_bytes(b"x")
    (root / JOBS_FOLDER / "folder").mkdir()
    assert list(local.list_files(JOBS_FOLDER)) == [KEY]


def test_the_root_is_made_when_it_is_asked_for_space(tmp_path: Path) -> None:
    assert LocalStorage(tmp_path / "not" / "yet").free_bytes() > 0
