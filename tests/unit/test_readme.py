"""What the README lists is all that there is; see `test_documents.py` for what holds of every page."""

import re

import pytest

from job_api.command import REFUSALS as API_REFUSALS
from job_api.settings import ApiSettings
from job_worker.command import REFUSALS as WORKER_REFUSALS
from job_worker.settings import WorkerSettings
from shared.process.exit_codes import ExitCode
from shared.process.settings import ProcessSettings
from tests.conftest import ROOT
from tests.support.settings_table import table_of

pytestmark = pytest.mark.unit

README = (ROOT / "README.md").read_text(encoding="utf-8")
ANY_SERVICE = {ExitCode.OK, ExitCode.FAILURE, ExitCode.USAGE, ExitCode.DISK_FAILED}


@pytest.mark.parametrize("settings_class", [ApiSettings, WorkerSettings])
def test_the_readme_lists_every_setting_as_the_code_has_it(settings_class: type[ProcessSettings]) -> None:
    assert table_of(settings_class) in README


def test_the_readme_names_every_exit_code_of_the_services() -> None:
    (sentence,) = re.findall(r"Exit codes: ([^.]+)\.", README)
    ends = {*API_REFUSALS.values(), *WORKER_REFUSALS.values(), *ANY_SERVICE}
    assert {int(number) for number in re.findall(r"\b\d+\b", sentence)} == ends
