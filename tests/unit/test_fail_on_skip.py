"""`--fail-on-skip`: a skipped test fails the run, unless its reason says that nobody must have what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project_copy import ROOT

pytestmark = [pytest.mark.unit, pytest.mark.thorough]


@pytest.mark.parametrize(
    ("reason", "arguments", "code"),
    [
        ("no video", ["--fail-on-skip"], pytest.ExitCode.TESTS_FAILED),
        ("optional: no browser", ["--fail-on-skip"], pytest.ExitCode.OK),
        ("no video", [], pytest.ExitCode.OK),
    ],
)
def test_a_skip_that_is_not_optional_fails_the_run(
    tmp_path: Path, reason: str, arguments: list[str], code: int
) -> None:
    tests = f"import pytest\ndef test_it(): ...\ndef test_other(): pytest.skip({reason!r})"
    (tmp_path / "test_planted.py").write_text(tests, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", *arguments, str(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert ("1 tests were skipped, and --fail-on-skip allows none" in done.stdout) == bool(code)
