"""The template of adapters: it installs, passes the conformance tests, fails them with a bug, and serves real jobs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from job_api.settings import ApiSettings
from job_client import JobClient
from tests.support.found import RESULTS
from tests.support.packages import copy_template, install_template, run_tests_of, some_of
from tests.support.project_copy import replace_in
from tests.support.samples import results_document
from tests.support.worker_fakes import FakeRunner
from tests.support.working import working

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

WRONG = {
    "a storage that reads one disk": (
        "several_disks.py", "self._disk_of(path).load_file(path)", "self._disks[0].load_file(path)",
    ),
    "a storage that lists one disk": (
        "several_disks.py", "*(disk.list_files(folder) for disk in self._disks)", "self._disks[0].list_files(folder)",
    ),
    "a queue that gives the last first": ("file_queue.py", "self._first * ID_BYTES)", "(self._end - 1) * ID_BYTES)"),
    "a queue that takes anything": ("file_queue.py", "checked_payload(job_id).encode()", "str(job_id).encode()"),
    "a queue that counts what was taken": ("file_queue.py", "return self._end - self._first", "return self._end"),
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return install_template("adapters", tmp_path_factory.mktemp("template"))


def test_its_own_tests_pass_with_what_is_installed(template: tuple[Path, Path]) -> None:
    done = run_tests_of(*template)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("what", some_of(WRONG))
def test_the_contract_finds_what_is_wrong_with_an_adapter(
    what: str, template: tuple[Path, Path], tmp_path: Path
) -> None:
    project = copy_template("adapters", tmp_path)
    name, right, wrong = WRONG[what]
    replace_in(project / "foregsyte_adapters" / name, right, wrong)
    done = run_tests_of(project, template[1])
    assert done.returncode == 1, done.stdout
    suite = "TestSeveralDisks" if name == "several_disks.py" else "TestFileQueue"
    assert f"::{suite}::" in done.stdout


def test_a_suite_without_an_adapter_names_the_missing_fixture(template: tuple[Path, Path], tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text(
        "from job_api.testing.queue import QueueConformance\nclass TestMine(QueueConformance): ...\n"
    )
    done = run_tests_of(tmp_path, template[1])
    assert "override the fixture `queue`: return an empty one" in done.stdout


def test_a_server_configured_with_it_keeps_its_files_there_and_does_its_jobs(
    template: tuple[Path, Path],
    make_settings: Callable[..., ApiSettings],
    start_server: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tiny_mp4: bytes,
) -> None:
    monkeypatch.syspath_prepend(template[1])
    disks = [tmp_path / "one", tmp_path / "two"]
    settings = make_settings(
        storage="several_disks",
        storage_tables={"several_disks": {"folders": list(map(str, disks))}},
        queue="file",
        queue_tables={"file": {"path": str(tmp_path / "ids")}},
    )
    address = start_server(settings)
    with JobClient(address) as client, working(address, FakeRunner(lambda *_: results_document(RESULTS))):
        jobs = [client.submit(tiny_mp4, pipeline_id="ocr") for _ in range(4)]
        for job in jobs:
            job.wait()
            assert job.results_as_dicts() == RESULTS
    names = sorted(path.name for disk in disks for path in disk.rglob("*") if path.is_file())
    assert names == sorted(f"{job.job_id}{suffix}" for job in jobs for suffix in (".mp4", "_results.json"))
    assert (tmp_path / "ids").exists()
    assert not (settings.data_dir / "video_jobs").exists()
