"""The checker of Phase 16 itself: the project passes it, it cannot be switched off, and CI runs it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from governance.live_rules import live_violations
from governance.rulebook import RULES_FILE, RulebookUnusable, load_rulebook
from governance.validate_phase16_path import main, violations_in
from tests.support.project_copy import ROOT, copy_of_project, environment_of_copy, replace_in

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

CHECKER = "governance/validate_phase16_path.py"
PARTS = ("protos", "job_api", "job_worker", "job_client", "shared", "migrations", "governance", "alembic.ini")


def run(root: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, CHECKER, *arguments],
        cwd=root, env=environment_of_copy(root, **variables), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_project(tmp_path, *PARTS, "pyproject.toml")


def test_the_project_keeps_every_rule() -> None:
    assert [str(violation) for violation in violations_in(ROOT)] == []


def test_the_running_code_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert [str(violation) for violation in live_violations(load_rulebook(ROOT))] == []


def test_the_rules_are_those_that_are_required() -> None:
    rules = load_rulebook(ROOT)
    assert [rule.word for rule in rules.forbidden_words] == [
        "websocket", "streaming", "gpu_schedule", "distributed", "gpu_worker", "sse", "real_time",
    ]  # fmt: skip
    for rule in rules.forbidden_words:
        assert rule.word.replace("_", "") in {form.replace("_", "").replace(" ", "") for form in rule.forms}
    backends = {rule.what for rule in rules.forbidden_names if rule.rule == "forbidden-import"}
    assert {"sqlite", "postgres", "redis", "celery", "rabbitmq", "s3"} <= backends
    assert set(rules.functional_folders) >= {"protos", "job_api", "job_worker", "job_client", "shared", "migrations"}
    assert rules.job.statuses == ("pending", "running", "completed", "failed")
    assert len(rules.job.columns) == 8


def test_nothing_is_excused_but_standard_services_and_generated_files() -> None:
    exceptions = yaml.safe_load((ROOT / RULES_FILE).read_text(encoding="utf-8"))["exceptions"]
    assert [entry["service"] for entry in exceptions["grpc_services"]] == [
        "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
    ]  # fmt: skip
    stubs = "shared/contract/generated/foregsyte/jobs/v1/jobs_pb2"
    files = [[f"{stubs}.py", f"{stubs}.pyi", f"{stubs}_grpc.py", f"{stubs}_grpc.pyi"]]
    assert [entry["files"] for entry in exceptions["generated_files"]] == files
    assert exceptions["third_party_files"] == []


def test_all_folders_but_those_around_the_product_are_checked() -> None:
    others = {"benchmarks", "docs", "governance", "requirements", "tests", "training"}
    rules = load_rulebook(ROOT)
    assert set(rules.other_folders) == others
    assert set(rules.ignored_folders) == {".venv*", "build", "node_modules"}
    ignored_by_git = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {f"{folder}/" for folder in rules.ignored_folders} <= set(ignored_by_git)


def test_what_a_linked_folder_holds_is_checked(copy: Path) -> None:
    folder = copy / "data" / "models"
    folder.mkdir(parents=True)
    (folder / "hidden.py").write_text("import redis", encoding="utf-8")
    (copy / "job_worker" / "models").symlink_to(folder)
    found = {(violation.path, violation.rule) for violation in violations_in(copy)}
    assert found == {("data/models/hidden.py", "unknown-folder"), ("job_worker/models/hidden.py", "forbidden-import")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("third_party_files: []", "third_party_files: []\nenabled: false"),
        ("service: grpc.health.v1.Health", "service: foregsyte.jobs.v1.JobService"),
        ("reason: the standard health check,", "why: the standard health check,"),
        ("forms: [streaming]", "forms: []"),
        ("forbidden_words:", "forbidden_words: [}"),
    ],
)
def test_rules_that_are_no_rules_are_refused(copy: Path, old: str, new: str) -> None:
    replace_in(copy / RULES_FILE, old, new)
    with pytest.raises(RulebookUnusable, match="forbidden_vocabulary_phase16"):
        load_rulebook(copy)


def test_by_itself_it_says_that_all_is_well(copy: Path) -> None:
    done = run(copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Phase 16: every rule is kept\n", "")


def test_by_itself_it_blocks_on_a_violation_and_names_it(copy: Path) -> None:
    (copy / "job_worker" / "planted.py").write_text("\nsse_client = 1\n", encoding="utf-8")
    done = run(copy, PHASE16_SKIP="1", SKIP="1", DISABLE_GOVERNANCE="1")
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith("job_worker/planted.py:2: [forbidden-word] 'sse' in 'sse_client'. Do: ")
    assert last == "Phase 16: 1 violations"


@pytest.mark.parametrize("argument", ["--skip", "--exclude=job_worker", "job_api"])
def test_it_takes_no_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argument: str
) -> None:
    monkeypatch.setattr(sys, "argv", [CHECKER, argument])
    assert main() == 2
    assert "takes no arguments" in capsys.readouterr().err


def test_without_its_rules_it_does_not_pass(copy: Path) -> None:
    (copy / RULES_FILE).unlink()
    done = run(copy)
    assert (done.returncode, "cannot be used" in done.stderr) == (2, True)


def test_no_module_of_it_reads_a_variable_or_parses_arguments() -> None:
    for path in (ROOT / "governance").glob("*.py"):
        names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 if isinstance(node, ast.Attribute | ast.alias)}  # fmt: skip
        assert not {name for name in names if name.partition(".")[0] in {"os", "argparse", "typer", "click"}}, path
        assert "getenv" not in path.read_text(encoding="utf-8")


def test_ci_runs_it_and_is_blocked_by_it() -> None:
    assert "\nmake governance\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f"\n\t$(BIN)/python {CHECKER}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / ".github" / "workflows" / "phase16_validation.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands == ["make governance", "make smoke"]
    assert not {"continue-on-error", "if:", "paths", "branches"} & set(text.split())
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML reads the key `on` as a truth value
