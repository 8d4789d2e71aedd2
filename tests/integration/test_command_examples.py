"""The `foregsyte` lines of README, docs and help do what they say."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job_client import JobClient
from job_client.command import app, main
from job_client.search import History
from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT, TINY_MP4
from tests.support.clips import empty_results
from tests.support.samples import results_document
from tests.support.worker_fakes import FakeRunner
from tests.support.working import working

pytestmark = pytest.mark.integration

WITH_MODELS = "demo"
"""Its lines are run by tests/e2e/test_server_and_worker.py."""

HERE = {"*.mp4": "video.mp4", "FOLDER": ".", "--frames 100:200": "--frames 5:10"}
"""What stands here for what the lines name."""


def lines() -> Iterator[str]:
    pages = [ROOT / "README.md", ROOT / "docs" / "clients" / "command-line.md"]
    texts = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    helps = [command.callback.__doc__ or "" for command in app.registered_commands if command.callback]
    for text in (*texts, *helps):
        for line in text.splitlines():
            if line.strip().startswith("foregsyte "):
                yield line.strip().split(" | ")[0]  # what other programs make of it is theirs


@pytest.fixture
def surroundings(
    address: str, client: JobClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], str]]:
    """A folder with `video.mp4`, a server with a worker; gives a job of that video, sent from here, that has ended."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "video.mp4").write_bytes(TINY_MP4.read_bytes())
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FOREGSYTE_ADDRESS", address)
    with working(address, FakeRunner(lambda *_: results_document(empty_results(TINY_MP4)))):

        def submitted() -> str:
            job_id = client.submit(TINY_MP4).wait(30).job_id
            History(address).add(job_id, folder / "video.mp4")
            return job_id

        yield submitted


def test_there_are_lines_of_every_command() -> None:
    assert {line.split()[1] for line in lines()} == {command.name for command in app.registered_commands}


@pytest.mark.parametrize("line", [line for line in dict.fromkeys(lines()) if line.split()[1] != WITH_MODELS])
def test_the_line_does_what_it_says(line: str, surroundings: Callable[[], str]) -> None:
    for shown, here in HERE.items():
        line = line.replace(shown, here)
    words = shlex.split(line.replace("JOB_ID", surroundings()), comments=True)
    try:
        code = main(words[1:])
    except SystemExit as left:
        code = int(left.code or 0)
    assert code == ExitCode.OK
    for option in ("-o", "--out"):
        if option in words:
            assert Path(words[words.index(option) + 1]).exists()
