"""Processes that start as they should, and processes that do not."""

import time
from pathlib import Path

import psutil
import pytest

from job_client.exit_codes import exit_code_of
from job_client.local_cluster import STOP_SECONDS, ClusterFailed, ready_process
from shared.process.exit_codes import ExitCode

pytestmark = [pytest.mark.unit, pytest.mark.thorough]


def start(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch, **seconds: float) -> str:
    """Run the code as a module that should print `ready <name>`; return the name."""
    (folder / "module_of_the_test.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    with ready_process(["module_of_the_test"], r"ready (\S+)", folder / "log", **seconds) as name:
        return name


def test_a_process_that_prints_that_it_is_ready_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(tmp_path, "print('ready yes')", monkeypatch) == "yes"


def test_no_setting_reaches_a_process_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foregsyte.toml").write_text('[server]\ndatabase_url = "duckdb:///mine.db"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOREGSYTE_DATABASE_URL", "duckdb:///mine.db")
    code = (
        "from job_api.settings import ApiSettings\nfrom shared.process.settings import load_settings\n"
        "print('ready', load_settings(ApiSettings, [], 'test').database_url or 'none')"
    )
    assert start(tmp_path, code, monkeypatch) == "none"


def test_a_module_of_the_current_folder_is_not_taken_for_one_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "random.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(mine)
    assert start(tmp_path, "import random\nprint('ready yes')", monkeypatch) == "yes"


def test_a_checkout_that_is_not_installed_is_run_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_the_project.py").write_text("print('ready yes')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("job_client.local_cluster.PROJECT", tmp_path)
    with ready_process(["of_the_project"], r"ready (\S+)", tmp_path / "log") as name:
        assert name == "yes"


def test_a_process_that_prints_nothing_is_given_up_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = psutil.Process().children()
    with pytest.raises(ClusterFailed, match=r"module_of_the_test did not say within 0\.5 seconds that it is ready"):
        start(tmp_path, "import time\ntime.sleep(600)", monkeypatch, start_seconds=0.5, stop_seconds=0.5)
    assert psutil.Process().children() == before


def test_whoever_stops_it_by_ctrl_c_does_not_wait_for_a_process_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deaf_module.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready yes')\ntime.sleep(600)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = psutil.Process().children()
    running = ready_process(["deaf_module"], r"ready (\S+)", tmp_path / "log")
    running.__enter__()
    began_at = time.monotonic()
    assert running.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None) is False
    assert time.monotonic() - began_at < STOP_SECONDS / 10
    assert psutil.Process().children() == before


@pytest.mark.parametrize(
    ("ends_with", "command_ends_with"),
    [(ExitCode.USAGE, ExitCode.USAGE), (ExitCode.MODELS, ExitCode.FAILURE)],
)
def test_a_process_that_ends_gives_the_last_line_of_its_log_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_with: ExitCode, command_ends_with: ExitCode
) -> None:
    code = f"import sys\nprint('first', file=sys.stderr)\nprint('the reason', file=sys.stderr)\nsys.exit({ends_with:d})"
    with pytest.raises(ClusterFailed, match=r"^the reason$") as raised:
        start(tmp_path, code, monkeypatch)
    assert exit_code_of(raised.value) == command_ends_with
