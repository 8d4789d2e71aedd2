"""docs/reliability.md names a test for every guarantee, and every exit code."""

import re

import pytest

from job_api.command import REFUSALS as API_REFUSALS
from job_worker.command import REFUSALS as WORKER_REFUSALS
from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"tests/[\w/]+\.py::[\w:]+", PAGE)))
ANY_SERVICE = {ExitCode.OK, ExitCode.FAILURE, ExitCode.USAGE, ExitCode.DISK_FAILED}


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 40


def test_every_row_of_a_guarantee_names_a_test() -> None:
    guarantees = [row for row in PAGE.partition("## Backup")[0].splitlines() if row.startswith("| ")]
    without = [row for row in guarantees if "::" not in row]
    assert set(without) == {"| guarantee | proved by |"}


def test_every_exit_code_of_the_services_is_there_with_the_text_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| (.*?) \|", PAGE, re.MULTILINE)
    ends = {*API_REFUSALS.values(), *WORKER_REFUSALS.values(), *ANY_SERVICE}
    assert {name: int(code) for code, name, _ in rows} == {code.name: code.value for code in ends}
    words = " ".join((ExitCode.__doc__ or "").split())
    for _, name, meaning in rows:
        assert f"{name}: {meaning}" in words
