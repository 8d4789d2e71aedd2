"""What `make test-newest` and `make test-oldest` try; tests/e2e/test_version_ends.py shows what they notice."""

from itertools import product

import pytest

from tests.support import version_ends
from tests.support.ranges import tried_pythons
from tests.support.version_ends import STEPS, Trial

pytestmark = pytest.mark.unit


def test_every_step_runs_on_every_python_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, str]] = []

    def note(name: str, trial: Trial) -> str:
        ran.append((trial.version, name))
        return ""

    monkeypatch.setattr(version_ends, "uv", lambda *_: "python")
    monkeypatch.setattr(version_ends, "built_wheel", lambda *given: given[-1] / "project.whl")
    for name in STEPS:
        monkeypatch.setitem(STEPS, name, lambda trial, name=name: note(name, trial))
    assert version_ends.main(["newest"]) == 0
    assert sorted(ran) == sorted(product(tried_pythons(), STEPS))
