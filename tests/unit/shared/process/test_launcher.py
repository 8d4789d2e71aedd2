"""What each installed command does first: its version, and the extra that is not installed."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT
from tests.support.processes import environment

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

COMMANDS = {
    "foregsyte-api": ("job_api.__main__", "api", "sqlalchemy"),
    "foregsyte-worker": ("job_worker.worker_runner", "worker", "psutil"),
    "foregsyte": ("job_client.__main__", "client", "typer"),
}
"""The module of each command, its extra, and a library that this extra alone installs."""

of_every_command = pytest.mark.parametrize("program", COMMANDS)


def ended(
    program: str, arguments: Sequence[str], missing: Sequence[str] = (), site: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command in an environment that lacks these libraries, and has those of this folder first."""
    module = COMMANDS[program][0]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({list(missing)})); from {module} import main; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env=environment(PYTHONPATH=str(site or ROOT)), capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


@of_every_command
def test_ctrl_c_while_a_command_starts_ends_it_with_its_code_and_without_a_trace(program: str, tmp_path: Path) -> None:
    library = COMMANDS[program][2]
    (tmp_path / f"{library}.py").write_text("import signal; signal.raise_signal(signal.SIGINT)", encoding="utf-8")
    done = ended(program, [], site=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "")


@of_every_command
def test_the_version_is_that_of_the_distribution(program: str) -> None:
    done = ended(program, ["--version"])
    assert (done.returncode, done.stdout) == (ExitCode.OK, f"{program} {importlib.metadata.version('foregsyte')}\n")


@of_every_command
def test_a_missing_extra_is_named_in_one_line(program: str) -> None:
    _, extra, library = COMMANDS[program]
    others = [other for _, _, other in COMMANDS.values()]
    done = ended(program, [], missing=others)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == f"{program}: {library} is not installed: pip install 'foregsyte[{extra}]'\n"


@of_every_command
def test_the_version_needs_no_extra(program: str) -> None:
    assert ended(program, ["--version"], missing=[library for _, _, library in COMMANDS.values()]).returncode == 0


@of_every_command
def test_with_its_extra_a_command_shows_its_help(program: str) -> None:
    done = ended(program, ["--help"])
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert program in done.stdout
    assert "--version" in done.stdout
