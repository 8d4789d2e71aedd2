"""What a commit is checked with before it is made is what CI runs."""

import re

import pytest
import yaml

from tests.support.project_copy import ROOT
from tests.support.targets import commands_of

pytestmark = pytest.mark.unit

HOOKS = [
    hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    for hook in repository["hooks"]
]


def test_every_hook_runs_commands_of_ci() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    lines = re.findall(r"^make (?:--jobs 2 --output-sync )?([a-z -]+)$", script, re.MULTILINE)
    of_ci = commands_of(*" ".join(lines).split())
    for hook in HOOKS:
        program, target = hook["entry"].split()
        assert program == "make"
        commands = commands_of(target)
        assert commands
        assert set(commands) <= set(of_ci), hook["id"]


def test_style_types_and_governance_are_looked_at_whatever_was_changed() -> None:
    assert [hook["id"] for hook in HOOKS] == ["style", "types", "governance"]
    for hook in HOOKS:
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("system", False, True)


def test_no_hook_is_fetched_from_anywhere() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
