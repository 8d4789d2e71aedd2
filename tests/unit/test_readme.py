"""What the README lists is all that there is; see `test_documents.py` for what holds of every page."""

import pytest

from job_api.settings import ApiSettings
from job_worker.settings import WorkerSettings
from shared.process.settings import ProcessSettings
from tests.conftest import ROOT
from tests.support.settings_table import table_of

pytestmark = pytest.mark.unit

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("settings_class", [ApiSettings, WorkerSettings])
def test_the_readme_lists_every_setting_as_the_code_has_it(settings_class: type[ProcessSettings]) -> None:
    assert table_of(settings_class) in README
