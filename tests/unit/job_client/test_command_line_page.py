"""docs/clients/command-line.md is true."""

import os
import re
import subprocess
from inspect import signature
from pathlib import Path

import pytest

from job_client.cli import deletion
from job_client.command import app
from job_client.exit_codes import COMMAND_CODES
from job_client.exports import ExportFormat
from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT
from tests.support.other_systems import not_on_windows

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "clients" / "command-line.md").read_text(encoding="utf-8")


def test_every_command_is_there() -> None:
    listed = re.findall(r"^\| `([a-z]+)\b", PAGE.partition("On a terminal")[0], re.MULTILINE)
    assert listed == [command.name for command in app.registered_commands]


def test_every_format_is_there() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("## Formats")[2].partition("##")[0], re.MULTILINE)
    assert listed == [str(export_format) for export_format in ExportFormat]


def test_every_exit_code_is_there_with_the_text_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {(int(code), name) for code, name, _ in rows} == {(code.value, code.name) for code in COMMAND_CODES}
    words = " ".join((ExitCode.__doc__ or "").split())
    for _, name, sentence in rows:
        assert f"{name}: {sentence}" in words


@not_on_windows
def test_to_delete_jobs_by_a_list_is_no_mistake_where_the_list_is_empty(tmp_path: Path) -> None:
    (tmp_path / "foregsyte").write_text("#!/bin/sh\nexit 2\n")
    (tmp_path / "foregsyte").chmod(0o755)
    from_lists = re.findall(r"(\| xargs .*foregsyte delete)$", PAGE + (deletion.delete.__doc__ or ""), re.MULTILINE)
    assert len(from_lists) == 2
    for deleting in from_lists:
        subprocess.run(["sh", "-c", f": {deleting}"], env={"PATH": f"{tmp_path}:{os.defpath}"}, check=True)


def test_every_command_whose_timeout_is_not_that_of_a_call_is_there() -> None:
    commands = {
        str(command.name): signature(command.callback) for command in app.registered_commands if command.callback
    }
    special = [name for name, options in commands.items() if "call_timeout" in options.parameters]
    sentence = re.sub(r"\s+", " ", PAGE.partition("## Slow links")[2].partition("##")[0])
    assert f"except {' and '.join(f'`{name}`' for name in special)}, whose" in sentence
