"""What makes the documents wrong makes the tests fail: planted in a copy, whose own tests are then run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project_copy import copy_of_project, environment_of_copy, replace_in

pytestmark = [pytest.mark.integration, pytest.mark.corpus, pytest.mark.timeout(300)]

SUITES = (
    "tests/unit/test_documents.py",
    "tests/unit/test_readme.py",
    "tests/unit/governance/test_checker.py::test_the_project_keeps_every_rule",
)

PLANTED = [
    ("docs/phase_16/overview.md", "(architecture.md)", "(arkitecture.md)", "test_every_link_leads_somewhere"),
    ("CONTRIBUTING.md", "docs/decisions/README.md", "docs/decisions/README.md#none", "test_every_link_leads_somewhere"),
    ("job_api/settings.py", "    max_page_size: PositiveInt", "    largest_page: PositiveInt", "test_the_readme_lists"),
    ("job_worker/analysis/frame_analysis.py", '"""', '"""For a websocket. ', "test_the_project_keeps_every_rule"),
    ("docs/phase_16/release_notes.md", "`--min-free-bytes`", "`--min-free-byte`", "test_every_flag_and_variable"),
    ("CONTRIBUTING.md", "`job_api/services/lease_expiry.py`", "`job_api/services/none.py`", "test_every_path_is_there"),
    ("CONTRIBUTING.md", "`job_api/settings.py`", "`data/none/model.onnx`", "test_every_path_is_there"),
    ("docs/phase_16/architecture.md", ": CompleteJob\n", ": FinishJob\n", "test_the_drawn_life"),
    (
        "docs/phase_16/contributor_exam_answers.md",
        "::test_the_same_completion_again",
        "::test_x",
        "test_every_test_that",
    ),
    ("docs/phase_16/migration_guide.md", "alembic history ", "alembic histories ", "test_every_command_can_be_typed"),
    ("README.md", "50051 --yolo-weights yolo26n.pt", "50051 --weights yolo26n.pt", "test_every_command_can"),
    ("docs/phase_16/rollback_plan.md", "# Rollback plan\n", "# Rollback plan\nTODO: more.\n", "test_nothing_is_left"),
    ("docs/phase_16/migration_guide.md", "(exit code 8)", "(exit code 99)", "test_every_exit_code_is_one"),
]


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The tests that fail in a copy with everything planted; in one that is left alone there are none."""
    copy = copy_of_project(tmp_path_factory.mktemp("planted"))
    assert failing_in(copy) == []
    for file, old, new, _ in PLANTED:
        if old == '"""':
            (copy / file).write_text((copy / file).read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
        else:
            replace_in(copy / file, old, new)
    return failing_in(copy)


def failing_in(copy: Path) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", *SUITES]
    done = subprocess.run(
        command, cwd=copy, env=environment_of_copy(copy), capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(("file", "test"), [(file, test) for file, *_, test in PLANTED])
def test_it_turns_the_tests_red(file: str, test: str, failures: list[str]) -> None:
    of_page = [failure for failure in failures if f"::{test}" in failure and (file in failure or "[" not in failure)]
    of_settings = [failure for failure in failures if f"::{test}" in failure and "ApiSettings" in failure]
    assert of_page or of_settings, failures
