"""One line per event, with a stable action and the job's context."""

import json
import logging
from datetime import datetime
from typing import Any

import pytest

from shared.process.logging_setup import configure_logging
from tests.support.samples import HARMFUL

pytestmark = pytest.mark.unit


def log_something(logger: logging.Logger) -> None:
    logger.info("job completed", extra={"job_id": "j1", "worker_id": "w1"})


def test_a_text_line_holds_time_level_logger_action_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    log_something(logging.getLogger("some.module"))
    [line] = capsys.readouterr().err.splitlines()
    time, rest = line.split(" ", 1)
    assert datetime.fromisoformat(time).utcoffset() is not None
    assert rest == "INFO    some.module: job completed job_id=j1 worker_id=w1"


def test_a_json_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    log_something(logging.getLogger("some.module"))
    [line] = capsys.readouterr().err.splitlines()
    event: dict[str, Any] = json.loads(line)
    assert datetime.fromisoformat(event.pop("time")).utcoffset() is not None
    assert event == {
        "level": "INFO",
        "logger": "some.module",
        "action": "job completed",
        "job_id": "j1",
        "worker_id": "w1",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_in_the_log_with_its_trace(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    configure_logging("INFO", form)
    try:
        raise LookupError("what went wrong")
    except LookupError:
        logging.getLogger("m").exception("internal error", extra={"reference": "abc"})
    shown = capsys.readouterr().err
    if form == "json":
        assert len(shown.splitlines()) == 1
        event = json.loads(shown)
        shown = event["exception"]
        assert (event["level"], event["reference"]) == ("ERROR", "abc")
    assert "Traceback" in shown
    assert "LookupError: what went wrong" in shown


def test_a_json_line_takes_what_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    logging.getLogger("m").info("done", extra={"what": {1, 2} - {2}})
    assert json.loads(capsys.readouterr().err)["what"] == "{1}"


def test_a_json_line_stays_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    logging.getLogger("m").info("job failed", extra={"error": 'line 1\nline 2 "quoted"'})
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["error"] == 'line 1\nline 2 "quoted"'


def test_a_text_line_stays_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    logging.getLogger("m").info("job failed", extra={"error": "oops\n2025-01-01T00:00:00 INFO all is well"})
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_text_line_and_its_trace_do_a_terminal_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    text = "".join(HARMFUL) + "2025-01-01T00:00:00 INFO all is well"
    try:
        raise LookupError(text)
    except LookupError:
        logging.getLogger("m").exception("failed: %s", text, extra={"error": text})
    shown = capsys.readouterr().err
    assert set(shown) & set(HARMFUL) == {"\n"}
    assert [line for line in shown.split("\n") if line and not line.startswith("  ")] == [shown.split("\n")[0]]


def test_arguments_are_put_into_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    logging.getLogger("m").info("%d frames", 3)
    assert "m: 3 frames" in capsys.readouterr().err


def test_what_is_less_severe_than_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", "text")
    log_something(logging.getLogger("m"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("library", ["alembic", "libav", "urllib3", "matplotlib", "PIL"])
def test_libraries_are_heard_from_warnings_on_and_not_more_than_configured(
    capsys: pytest.CaptureFixture[str], library: str
) -> None:
    configure_logging("DEBUG", "text")
    noisy = logging.getLogger(f"{library}.part")
    noisy.info("chatter")
    noisy.warning("heard")
    shown = capsys.readouterr().err
    assert "chatter" not in shown
    assert "heard" in shown
    configure_logging("ERROR", "text")
    noisy.warning("too little")
    assert capsys.readouterr().err == ""


def test_configuring_again_does_not_double_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "text")
    configure_logging("INFO", "text")
    log_something(logging.getLogger("m"))
    assert len(capsys.readouterr().err.splitlines()) == 1
