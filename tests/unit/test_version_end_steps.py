"""What `make test-newest` and `make test-oldest` try; tests/e2e/test_version_ends.py shows what they notice."""

import re
from itertools import product
from pathlib import Path

import pytest

from tests.support import version_ends
from tests.support.documented_installs import BY_PIP, extras_of
from tests.support.ranges import tried_pythons
from tests.support.version_ends import STEPS, Failure, Trial

pytestmark = pytest.mark.unit


def test_every_step_runs_on_every_python_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, str, str]] = []

    def note(name: str, trial: Trial) -> str:
        ran.append((trial.end, trial.version, name))
        return ""

    monkeypatch.setattr(version_ends, "uv", lambda *_: "python")
    monkeypatch.setattr(version_ends, "built_wheel", lambda *given: given[-1] / "project.whl")
    for name in STEPS:
        monkeypatch.setitem(STEPS, name, lambda trial, name=name: note(name, trial))
    assert version_ends.main(["newest", "oldest"]) == 0
    oldest, *_ = pythons = tried_pythons()
    assert sorted(ran) == sorted([*product(["newest"], pythons, STEPS), *product(["oldest"], [oldest], STEPS)])


def test_a_step_that_fails_leaves_the_others_and_an_end_that_is_not_tried_is_none_that_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Trial) -> str:
        raise TimeoutError("a host")

    oldest, *_, newest = tried_pythons()
    monkeypatch.setattr(version_ends, "uv", lambda *_: "python")
    monkeypatch.setattr(version_ends, "built_wheel", lambda *given: given[-1] / "project.whl")
    for name in STEPS:
        monkeypatch.setitem(STEPS, name, lambda _: "")
    monkeypatch.setitem(STEPS, next(iter(STEPS)), fail)
    assert version_ends.main(["newest", "oldest"]) == 1
    told = capsys.readouterr().out
    assert f"Python {oldest}, oldest versions, {next(iter(STEPS))}: FAILED: TimeoutError('a host')" in told
    assert told.count("passed in") == (len(STEPS) - 1) * (len(tried_pythons()) + 1)
    monkeypatch.setitem(STEPS, next(iter(STEPS)), lambda _: "")
    monkeypatch.setattr(version_ends, "installed_pythons", lambda _: {newest: "python"})
    assert version_ends.main(["newest"]) == 0
    assert version_ends.main(["newest", "oldest"]) == 1


def test_an_end_for_which_no_wheel_can_be_built_leaves_the_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(end: str, folder: Path) -> Path:
        if end == "oldest":
            raise Failure("no compiler")
        return folder / "project.whl"

    monkeypatch.setattr(version_ends, "uv", lambda *_: "python")
    monkeypatch.setattr(version_ends, "built_wheel", build)
    for name in STEPS:
        monkeypatch.setitem(STEPS, name, lambda _: "")
    assert version_ends.main(["oldest", "newest"]) == 1
    told = capsys.readouterr().out
    assert "oldest versions, wheel: FAILED: no compiler" in told
    assert told.count("newest versions") == told.count("passed in") == len(STEPS) * len(tried_pythons())


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Trial:
    """A trial that installs nothing."""
    monkeypatch.setattr(version_ends, "uv", lambda *_: "")
    return Trial("newest", "3.11", "python", tmp_path / "foregsyte-1-py3-none-any.whl", "worker-light", tmp_path)


def test_the_newest_versions_are_what_each_line_of_the_readme_installs(
    monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    typed: list[str] = []
    monkeypatch.setattr(version_ends, "uv", lambda *words: typed.append(" ".join(words)))
    monkeypatch.setattr(version_ends, "show_that_the_service_works", lambda *_: None)
    trial.run_the_service()
    installs = [re.findall(r" foregsyte\[([\w,-]+)\] @ ", line) for line in typed if line.startswith("pip install ")]
    assert installs == [[extras] for extras in map(extras_of, BY_PIP) if extras != "worker"]


def test_what_was_not_run_is_printed_with_its_reason(monkeypatch: pytest.MonkeyPatch, trial: Trial) -> None:
    printed = "....\nSKIPPED [1] tests/a.py:1: no fonts\n4 passed, 1 skipped, 7 deselected in 1.00s"
    monkeypatch.setattr(version_ends, "_run", lambda *_, **__: printed)
    assert trial.run_video_tests().split("\n  ")[1:] == [
        "SKIPPED [1] tests/a.py:1: no fonts",
        "4 passed, 1 skipped, 7 deselected (slow ones, speed, signals and missing extras) in 1.00s",
    ]
