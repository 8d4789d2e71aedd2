"""Conformance tests of a storage, as test classes: see StorageConformance."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from job_api.storage.base import InvalidKey, StorageService
from job_api.storage.keys import JOBS_FOLDER, input_key, results_key

MakeStorage = Callable[[Path], StorageService]
"""Makes an empty storage; one that keeps files on this host keeps them under the folder, which it makes itself."""

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

_PART = st.one_of(
    st.sampled_from(["..", ".", "", "a", "video_jobs", "\\", "\0", "~", "C:", "...", " "]),
    st.text(st.characters(codec="utf-8"), max_size=6),
)


class BrokenSource(io.BytesIO):
    """Gives its content, then fails as an interrupted upload does; fails at once where all is read in one."""

    def read(self, size: int | None = -1) -> bytes:
        """Read up to `size` bytes.

        Raises:
            ConnectionError: Everything was read.
        """
        if size and size > 0 and (chunk := super().read(size)):
            return chunk
        raise ConnectionError("the source is lost")


def save(storage: StorageService, key: str, content: bytes) -> str:
    """Store these bytes; return the key."""
    return storage.save_file(io.BytesIO(content), key)


def load(storage: StorageService, key: str) -> bytes:
    """Return all bytes of a stored file."""
    with storage.load_file(key) as file:
        return file.read()


def files_under(folder: Path) -> list[str]:
    """Return the files of the folder and of those in it, as paths relative to it, in order."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class StorageConformance:
    """Whole files under keys that cannot leave the root, each replaced in one step, from any number of threads.

    A class derived from it has a fixture `make_storage` that returns a `MakeStorage`.
    """

    @pytest.fixture
    def make_storage(self) -> MakeStorage:
        """Return what makes an empty storage."""
        raise NotImplementedError("override the fixture `make_storage`: see MakeStorage")

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Return the storage's folder."""
        return tmp_path / "root"

    @pytest.fixture
    def storage(self, make_storage: MakeStorage, root: Path) -> StorageService:
        """Return an empty storage."""
        return make_storage(root)

    def test_a_saved_file_is_loaded_as_it_was(self, storage: StorageService) -> None:
        content = bytes(range(256)) * 10_000  # more than one copy buffer
        assert save(storage, KEY, content) == KEY
        assert load(storage, KEY) == content

    def test_an_empty_file_is_a_file(self, storage: StorageService) -> None:
        save(storage, KEY, b"")
        assert load(storage, KEY) == b""
        assert list(storage.list_files(JOBS_FOLDER)) == [KEY]

    def test_a_save_reads_its_source_from_where_it_stands(self, storage: StorageService) -> None:
        source = io.BytesIO(b"skipped kept")
        source.seek(8)
        storage.save_file(source, KEY)
        assert load(storage, KEY) == b"kept"

    def test_a_loaded_file_can_be_seeked(self, storage: StorageService) -> None:
        save(storage, KEY, b"0123456789")
        with storage.load_file(KEY) as file:
            assert file.seek(0, io.SEEK_END) == 10
            file.seek(4)
            assert file.read(3) == b"456"

    def test_a_second_save_replaces_the_whole_file(self, storage: StorageService) -> None:
        save(storage, KEY, b"the first and longer content")
        save(storage, KEY, b"second")
        assert load(storage, KEY) == b"second"
        assert list(storage.list_files(JOBS_FOLDER)) == [KEY]

    def test_a_reader_keeps_the_file_it_opened_when_another_is_saved(self, storage: StorageService) -> None:
        save(storage, KEY, b"old")
        with storage.load_file(KEY) as file:
            save(storage, KEY, b"new")
            assert file.read() == b"old"
        assert load(storage, KEY) == b"new"

    def test_a_stored_file_that_is_synced_stays_as_it_is(self, storage: StorageService) -> None:
        save(storage, KEY, b"content")
        storage.sync_file(KEY)
        assert load(storage, KEY) == b"content"
        assert list(storage.list_files(JOBS_FOLDER)) == [KEY]

    def test_a_deleted_file_is_gone_and_deleting_again_is_no_error(self, storage: StorageService) -> None:
        save(storage, KEY, b"x")
        storage.delete_file(KEY)
        storage.delete_file(KEY)
        with pytest.raises(FileNotFoundError):
            storage.load_file(KEY)
        assert list(storage.list_files(JOBS_FOLDER)) == []

    def test_deleting_where_nothing_was_ever_saved_is_no_error(self, storage: StorageService) -> None:
        storage.delete_file(KEY)

    def test_a_missing_file_is_not_found(self, storage: StorageService) -> None:
        with pytest.raises(FileNotFoundError):
            storage.load_file(KEY)
        save(storage, KEY, b"x")
        with pytest.raises(FileNotFoundError):
            storage.load_file(results_key(JOB))

    def test_a_list_holds_the_files_directly_under_the_folder_in_order(self, storage: StorageService) -> None:
        for key in ("video_jobs/b", "video_jobs/a", "video_jobs/deeper/c", "video_jobs_too/d", "e"):
            save(storage, key, b"x")
        assert list(storage.list_files("video_jobs")) == ["video_jobs/a", "video_jobs/b"]
        assert list(storage.list_files("video_jobs/deeper")) == ["video_jobs/deeper/c"]

    def test_a_folder_that_does_not_exist_lists_nothing(self, storage: StorageService) -> None:
        assert list(storage.list_files(JOBS_FOLDER)) == []
        assert storage.delete_unfinished(JOBS_FOLDER) == 0

    def test_two_keys_are_two_files(self, storage: StorageService) -> None:
        save(storage, input_key(JOB), b"video")
        save(storage, results_key(JOB), b"results")
        storage.delete_file(input_key(JOB))
        assert load(storage, results_key(JOB)) == b"results"

    def test_a_job_beside_many_others_keeps_its_own_files(self, storage: StorageService) -> None:
        jobs = [uuid4() for _ in range(40)]
        for job in jobs:
            save(storage, input_key(job), job.bytes)
        assert list(storage.list_files(JOBS_FOLDER)) == sorted(map(input_key, jobs))
        assert [load(storage, input_key(job)) for job in jobs] == [job.bytes for job in jobs]

    def test_the_free_space_is_a_number_of_bytes(self, storage: StorageService) -> None:
        assert storage.free_bytes() > 0

    def test_threads_that_save_at_once_each_save_a_whole_file(self, storage: StorageService) -> None:
        contents = [bytes([number]) * 50_000 for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda content: save(storage, KEY, content), contents))
        assert load(storage, KEY) in contents
        assert list(storage.list_files(JOBS_FOLDER)) == [KEY]

    @pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
    def test_a_key_that_could_leave_the_root_is_refused_by_every_method(
        self, storage: StorageService, key: str, tmp_path: Path
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

    @settings(
        max_examples=200,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
        deadline=None,
    )
    @given(parts=st.lists(_PART, max_size=5))
    @example(parts=["", "etc", "passwd"])
    @example(parts=["a", "..", "..", "b"])
    def test_no_key_writes_outside_the_root(
        self, make_storage: MakeStorage, root: Path, tmp_path: Path, parts: list[str]
    ) -> None:
        storage, key = make_storage(root), "/".join(parts)
        # A file where a folder is wanted, or a name too long, is the system's to refuse.
        with suppress(InvalidKey, OSError):
            save(storage, key, b"x")
            assert load(storage, key) == b"x"
            storage.delete_file(key)
        assert [name for name in files_under(tmp_path) if not name.startswith("root/")] == []

    @pytest.mark.parametrize("part", [b"", b"part of the new"])
    def test_a_source_that_fails_leaves_the_old_file_whole(
        self, storage: StorageService, part: bytes, root: Path
    ) -> None:
        save(storage, KEY, b"old")
        before = files_under(root)
        with pytest.raises(ConnectionError):
            storage.save_file(BrokenSource(part), KEY)
        assert load(storage, KEY) == b"old"
        assert list(storage.list_files(JOBS_FOLDER)) == [KEY]
        assert storage.delete_unfinished(JOBS_FOLDER) == 0
        assert files_under(root) == before

    def test_a_source_that_fails_makes_no_file_where_none_was(self, storage: StorageService, root: Path) -> None:
        before = files_under(root)
        with pytest.raises(ConnectionError):
            storage.save_file(BrokenSource(b"part of the new"), KEY)
        with pytest.raises(FileNotFoundError):
            storage.load_file(KEY)
        assert files_under(root) == before

    def test_closing_is_no_error(self, storage: StorageService) -> None:
        save(storage, KEY, b"x")
        storage.close()
