"""What `make test-newest` and `make test-oldest` try; tests/e2e/test_version_ends.py shows what they notice."""

import re
from itertools import product
from pathlib import Path

import pytest

from tests.support import version_ends
from tests.support.documented_installs import BY_PIP, extras_of
from tests.support.ranges import tried_pythons
from tests.support.version_ends import STEPS, Trial

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
