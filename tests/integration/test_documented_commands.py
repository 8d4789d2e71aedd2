"""The commands of the README are run: against a real server, with a worker that needs no models."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from job_client.command import app
from tests.conftest import TINY_MP4
from tests.support.documents import ROOT, blocks_of, commands_of
from tests.support.found import frame
from tests.support.project_copy import environment_of_copy
from tests.support.samples import results_document
from tests.support.worker_fakes import FakeRunner
from tests.support.working import working

pytestmark = pytest.mark.integration

PAGE = "README.md"
RESULTS = [frame(0, {}, {"STOP": 0.9})]


@pytest.fixture
def worker(address: str) -> Iterator[None]:
    with working(address, FakeRunner(lambda *_: results_document(RESULTS))):
        yield


@pytest.fixture
def in_a_folder_with_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "video.mp4").write_bytes(TINY_MP4.read_bytes())
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("worker", "in_a_folder_with_a_video")
def test_the_first_calls_of_the_readme_work(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREGSYTE_ADDRESS", address)
    typed = [words[1:] for words in commands_of(PAGE) if words[0] == "foregsyte" and "demo" not in words]
    first = [words for words in typed if words[0] in {"submit", "status", "results"}]
    assert [words[0] for words in first[:3]] == ["submit", "status", "results"]
    job_id = ""
    for words in first[:3]:
        done = CliRunner().invoke(app, [word.replace("JOB_ID", job_id) for word in words])
        assert done.exit_code == 0, done.output
        job_id = job_id or done.stdout.split()[0]
    assert "STOP" in done.stdout


@pytest.mark.usefixtures("worker", "in_a_folder_with_a_video")
def test_the_python_of_the_readme_works(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = blocks_of(PAGE, "python")[0]
    assert "127.0.0.1:50051" in first
    exec(compile(first.replace("127.0.0.1:50051", address), PAGE, "exec"), {})
    assert capsys.readouterr().out == "0 STOP\n"


@pytest.mark.parametrize("module", ["job_api", "job_worker.worker_runner", "job_client"])
def test_every_command_explains_itself(module: str) -> None:
    done = run(sys.executable, "-m", module, "--help")
    assert done.returncode == 0, done.stderr
    assert "--help" in done.stdout


def test_every_make_target_that_is_named_can_be_made() -> None:
    pages = (PAGE, "CONTRIBUTING.md")
    targets = {tuple(words[1:]) for page in pages for words in commands_of(page) if words[0] == "make"}
    assert len(targets) > 5
    for target in targets:
        assert run("make", "--dry-run", "--old-file=.venv/.installed", *target).returncode == 0


def test_the_settings_tables_are_printed_by_the_command_that_is_named(make_settings: Callable[..., object]) -> None:
    (command,) = set(re.findall(r"python -m tests\.support\.settings_table", (ROOT / "CONTRIBUTING.md").read_text()))
    done = run(sys.executable, *shlex.split(command)[1:])
    readme = (ROOT / PAGE).read_text(encoding="utf-8")
    tables = [part for part in done.stdout.split("\n\n") if part.startswith("| setting")]
    assert len(tables) == 2
    assert all(table.strip() in readme for table in tables)


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words, cwd=ROOT, env=environment_of_copy(ROOT), capture_output=True, text=True, timeout=100, check=False
    )
