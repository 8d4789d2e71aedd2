"""Storage and queue are chosen by name, and what is wrong with the choice is said before anything is opened."""

import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from job_api.__main__ import main
from job_api.adapters import AdapterUnusable
from job_api.bootstrap import build_services
from job_api.queue.memory_queue import MemoryQueue
from job_api.services.recovery import StorageUnusable
from job_api.settings import ApiSettings
from job_api.storage.local_storage import LocalStorage
from job_api.testing.memory_storage import MemoryStorage
from shared.process.exit_codes import ExitCode
from shared.process.plugins import PluginUnusable
from tests.support.adapters import raises
from tests.support.packages import make_package

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

SOURCE = """
    import sys

    from job_api.queue.memory_queue import MemoryQueue
    from job_api.testing.memory_storage import MemoryStorage

    class Sized(MemoryStorage):
        def __init__(self, capacity_bytes: int = 1 << 40) -> None:
            if capacity_bytes < 0:
                raise ValueError("capacity_bytes must not be negative")
            if capacity_bytes == 0:
                sys.exit(0)
            super().__init__(capacity_bytes)

    def nothing() -> None:
        return None
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with three storages, of which one can be used, and a queue."""
    site = tmp_path / "site"
    points = {"sized": "adapters_a:Sized", "nothing": "adapters_a:nothing", "missing": "adapters_a:Missing"}
    make_package(site, "adapters_a", "foregsyte.storage", points, SOURCE)
    make_package(
        site, "adapters_b", "foregsyte.queue", {"other": "adapters_a:MemoryQueue", "memory": "adapters_a:nothing"}
    )
    monkeypatch.syspath_prepend(site)


def test_the_local_file_system_and_the_memory_are_what_ships(make_services: Callable[..., object]) -> None:
    services = make_services()
    assert type(services.storage) is LocalStorage  # type: ignore[attr-defined]
    assert type(services.queue) is MemoryQueue  # type: ignore[attr-defined]


@pytest.mark.usefixtures("plugins")
def test_a_storage_plugin_is_made_from_its_own_table(
    make_services: Callable[..., object], make_settings: Callable[..., ApiSettings]
) -> None:
    tables = {"sized": {"capacity-bytes": 7}, "elsewhere": {"capacity-bytes": 8}}
    services = make_services(make_settings(storage="sized", storage_tables=tables, queue="other"))
    assert isinstance(services.storage, MemoryStorage)  # type: ignore[attr-defined]
    assert services.storage.free_bytes() == 7  # type: ignore[attr-defined]


@pytest.mark.usefixtures("plugins")
def test_what_ships_cannot_be_replaced_by_another_of_its_name(make_services: Callable[..., object]) -> None:
    assert type(make_services().queue) is MemoryQueue  # type: ignore[attr-defined]


REFUSED = {
    "an unknown name": ({"storage": "tape"}, r"--storage / FOREGSYTE_STORAGE: there is no storage 'tape'; .*: local, "),
    "an unknown queue": ({"queue": "tape"}, r"--queue .*there is no queue 'tape'; there are: memory"),
    "what cannot be loaded": ({"storage": "missing"}, r"the storage 'missing' of adapters_a 1\.2 cannot be loaded"),
    "no storage": ({"storage": "nothing"}, "the storage 'nothing' is no StorageService but NoneType"),
    "an unknown option": (
        {"storage": "sized", "storage_tables": {"sized": {"size": 1}}},
        r"\[storage\.sized\] .* is not what the storage 'sized' takes: .* unexpected keyword argument 'size'",
    ),
    "a wrong option": (
        {"storage": "sized", "storage_tables": {"sized": {"capacity_bytes": -1}}},
        r"\[storage\.sized\] .*ValueError: capacity_bytes must not be negative",
    ),
    "an option that ends the process": (
        {"storage": "sized", "storage_tables": {"sized": {"capacity_bytes": 0}}},
        r"the storage 'sized' cannot be made from \[storage\.sized\] of the settings file: SystemExit: 0",
    ),
    "an option of what takes none": (
        {"storage_tables": {"local": {"root": "/"}}},
        r"\[storage\.local\] .* unexpected keyword argument 'root'",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("case", REFUSED)
def test_a_choice_that_cannot_be_had_is_refused_before_the_database_is_opened(
    case: str, make_settings: Callable[..., ApiSettings], tmp_path: Path
) -> None:
    values, message = REFUSED[case]
    database = tmp_path / "jobs.duckdb"
    with pytest.raises((AdapterUnusable, PluginUnusable), match=message):
        build_services(make_settings(database_url=f"duckdb:///{database}", **values))
    assert not database.exists()


def test_the_process_ends_as_with_any_wrong_setting(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--address", "127.0.0.1:0", "--storage", "tape"]) == ExitCode.USAGE
    assert "there is no storage 'tape'; there are: local" in capsys.readouterr().err


class Closable:
    """Remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


class ClosableStorage(Closable, MemoryStorage):
    pass


class ClosableQueue(Closable, MemoryQueue):
    pass


def test_the_adapters_are_closed_with_the_services(make_settings: Callable[..., ApiSettings]) -> None:
    storage, queue = ClosableStorage(), ClosableQueue()
    services = build_services(make_settings(), storage=storage, queue=queue)
    assert not storage.closed
    assert not queue.closed
    services.close()
    assert storage.closed
    assert queue.closed


def test_an_adapter_that_does_not_close_holds_nothing_else_open(make_settings: Callable[..., ApiSettings]) -> None:
    storage, queue = ClosableStorage(), ClosableQueue()
    queue.close = raises(OSError("missing"))  # type: ignore[method-assign]
    services = build_services(make_settings(), storage=storage, queue=queue)
    with pytest.raises(OSError, match="missing"):
        services.close()
    assert storage.closed


def test_the_adapters_are_closed_where_the_database_cannot_be_used(
    make_settings: Callable[..., ApiSettings], tmp_path: Path
) -> None:
    (tmp_path / "no.duckdb").write_bytes(b"no database")
    storage, queue = ClosableStorage(), ClosableQueue()
    with pytest.raises(Exception, match="database"):
        build_services(make_settings(database_url=f"duckdb:///{tmp_path / 'no.duckdb'}"), storage=storage, queue=queue)
    assert storage.closed
    assert queue.closed


def test_all_is_closed_where_the_thread_that_writes_cannot_start(
    make_settings: Callable[..., ApiSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, queue = ClosableStorage(), ClosableQueue()
    settings = make_settings(database_url=f"duckdb:///{tmp_path / 'jobs.duckdb'}")
    monkeypatch.setattr(threading.Thread, "start", raises(RuntimeError("can't start new thread")))
    with pytest.raises(RuntimeError, match="can't start"):
        build_services(settings, storage=storage, queue=queue)
    assert storage.closed
    assert queue.closed
    assert str(tmp_path / "jobs.duckdb") not in {file.path for file in psutil.Process().open_files()}


def test_a_storage_that_cannot_be_reached_is_not_taken_for_a_broken_database(
    make_settings: Callable[..., ApiSettings],
) -> None:
    storage = ClosableStorage()
    storage.list_files = raises(ConnectionError("the shelf is locked"))  # type: ignore[method-assign]
    with pytest.raises(StorageUnusable, match=r"^the storage cannot be used: ConnectionError: the shelf is locked$"):
        build_services(make_settings(), storage=storage)
    assert storage.closed


def test_a_folder_of_videos_that_cannot_be_read_ends_the_process_with_that_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LocalStorage, "list_files", raises(PermissionError("no entry")))
    assert main(["--address", "127.0.0.1:0"]) == ExitCode.STORAGE
    assert "the storage cannot be used: PermissionError: no entry" in capsys.readouterr().err
