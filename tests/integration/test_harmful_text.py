"""Text of videos, workers and file names reaches no terminal as it is: neither escape sequences nor bidi marks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from job_client import JobClient
from job_worker.errors import JobCannotBeDone
from shared.process.exit_codes import ExitCode
from tests.conftest import TINY_MP4
from tests.support.clips import empty_results
from tests.support.found import frame
from tests.support.processes import environment
from tests.support.samples import HARMFUL, results_document
from tests.support.terminal import on_a_terminal, without_styles
from tests.support.worker_fakes import FakeRunner, raising
from tests.support.working import working

pytestmark = pytest.mark.integration

HOSTILE = "a\x1b]0;title\x07\x1b[666m\x9b666m\x7f\rb\u202ec\u2066d"
SHOWN = r"a\u001b]0;title\u0007\u001b[666m\u009b666m\u007f\rb\u202ec\u2066d"
LINE_ENDS = {"\r", "\n"}


@pytest.fixture
def completed(address: str, client: JobClient) -> Iterator[str]:
    """The id of a job with results that hold such text."""
    document = results_document([frame(0, {HOSTILE: 0.5}, {f"={HOSTILE}": 0.99})])
    with working(address, FakeRunner(lambda *_: document)):
        yield client.submit(TINY_MP4, "ocr").wait(20).job_id


@pytest.fixture
def failed(address: str, client: JobClient) -> Iterator[str]:
    """The id of a job that failed with such a message."""
    with working(address, FakeRunner(raising(JobCannotBeDone(HOSTILE)))):
        yield client.submit(TINY_MP4, "ocr").wait(20).job_id


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video with such a name."""
    path = tmp_path / f"{HOSTILE}.mp4"
    path.write_bytes(TINY_MP4.read_bytes())
    return path


def shown_harmlessly(*arguments: str | Path) -> str:
    """Return what the command shows on a terminal, in one line, once it is sure that nothing in it is harmful."""
    _, shown = on_a_terminal(*map(str, arguments))
    plain = without_styles(shown)
    assert set(plain) & set(HARMFUL) <= LINE_ENDS
    assert "[666m" in plain
    assert "\x1b[666m" not in shown
    return plain


@pytest.mark.parametrize("form", [(), ("--format", "csv"), ("--format", "srt"), ("--format", "jsonl")])
def test_results_are_shown_escaped(form: tuple[str, ...], address: str, completed: str) -> None:
    shown_harmlessly("results", completed, *form, "--address", address)


def test_json_on_a_terminal_is_the_same_json(address: str, completed: str) -> None:
    shown = shown_harmlessly("results", completed, "--format", "jsonl", "--address", address)
    assert json.loads(shown)["result"]["detections"][0]["label"] == HOSTILE


def test_results_that_are_piped_are_as_they_were_stored(address: str, completed: str) -> None:
    command = [sys.executable, "-m", "job_client", "results", completed, "--address", address]
    piped = subprocess.run(command, env=environment(), capture_output=True, check=True, timeout=60).stdout.decode()
    assert "\u202ec\u2066d" in piped
    assert json.loads(piped)["result"]["detections"][0]["label"] == HOSTILE


def test_the_message_of_a_failed_job_is_shown_escaped(address: str, failed: str) -> None:
    for arguments in (("status", failed), ("list",), ("status", failed, "--json")):
        shown_harmlessly(*arguments, "--address", address)
    assert SHOWN in shown_harmlessly("results", failed, "--address", address)


def test_the_name_of_a_file_is_shown_escaped(address: str, video: Path, completed: str) -> None:
    assert SHOWN in shown_harmlessly("submit", video, "--wait", "--address", address)
    assert SHOWN in shown_harmlessly("results", completed, "--out", f"{video}.csv", "--address", address)
    shown_harmlessly("results", completed, "--out", video, "--address", address)  # it ends in no known format


def test_a_page_on_a_terminal_is_harmless(address: str, client: JobClient, video: Path) -> None:
    found = frame(0, {HOSTILE: 0.5}, {HOSTILE: 0.99})["result"]
    frames = [{**empty, "result": found | empty["result"]} for empty in empty_results(TINY_MP4)]
    with working(address, FakeRunner(lambda *_: results_document(frames))):
        job = client.submit(TINY_MP4, "ocr").wait(20).job_id
    shown = shown_harmlessly("report", job, "--video", video, "-o", "-", "--address", address)
    assert f"<title>{SHOWN}.mp4: Foregsyte report</title>" in shown


def test_the_name_of_a_file_is_not_shown_as_emoji(address: str, tmp_path: Path) -> None:
    video = tmp_path / "A:B:C 1:100:7.mp4"
    video.write_bytes(TINY_MP4.read_bytes())
    for arguments in (("submit", str(video)), ("list",)):
        _, shown = on_a_terminal(*arguments, "--address", address)
        assert video.name in without_styles(shown)


def test_what_is_wrong_on_a_command_line_is_shown_escaped() -> None:
    code, shown = on_a_terminal("submit", "--a\x1b]0;b\u202e")
    assert code == ExitCode.USAGE
    assert set(without_styles(shown)) & set(HARMFUL) <= LINE_ENDS
    assert "\\u202e" in shown
