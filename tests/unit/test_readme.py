"""The README and the pages beside it tell the truth."""

import re
from pathlib import Path

import pytest

from job_api.settings import ApiSettings
from job_worker.settings import WorkerSettings
from shared.exit_codes import ExitCode
from shared.settings import ProcessSettings
from tests.conftest import ROOT
from tests.support.settings_table import table_of

pytestmark = pytest.mark.unit

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("settings_class", [ApiSettings, WorkerSettings])
def test_the_readme_lists_every_setting_as_the_code_has_it(settings_class: type[ProcessSettings]) -> None:
    assert table_of(settings_class) in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_anything_left_to_do(page: Path) -> None:
    assert not re.search(r"\b(TODO|TBD|FIXME)\b", page.read_text(encoding="utf-8"))


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_the_readme_names_every_exit_code() -> None:
    (sentence,) = re.findall(r"Exit codes: ([^.]+)\.", README)
    assert {int(number) for number in re.findall(r"\b\d\b", sentence)} == {code.value for code in ExitCode}
