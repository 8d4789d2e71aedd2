"""What each installed command does first: its version, and the library that is missing."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import pytest

from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT, TINY_MP4
from tests.support.processes import environment

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

COMMANDS = {
    "foregsyte-api": ("job_api.__main__", "'.[api]'", ["sqlalchemy"]),
    "foregsyte-worker": (
        "job_worker.worker_runner",
        "'.[worker-light]', or '.[worker]' for a GPU",
        ["psutil"],
    ),
    "foregsyte": ("job_client.__main__", "'.[client]'", ["typer", "rapidfuzz"]),
}
"""The module of each command, its extra, and libraries that this extra alone installs, the first one imported first."""
LIBRARIES = [library for _, _, libraries in COMMANDS.values() for library in libraries]

OF_DRAWING = {"annotate": ("annotate", "JOB", "--video", str(TINY_MP4), "-o", "annotated.mp4"), "demo": ("demo",)}
"""Command lines that need the extra `client-media`."""

NOT_INSTALLED = """
import importlib.metadata

known = importlib.metadata.version
importlib.metadata.version = lambda name: known("absent" if name == "foregsyte" else name)
"""

of_every_command = pytest.mark.parametrize("program", COMMANDS)


def says_missing(program: str, library: str, extra: str) -> str:
    install = f"in the project's folder, pip install {extra}"
    anew = "with uv or pipx, install anew with all extras of this host"
    return f"{program}: {library} is not installed: {install} ({anew})\n"


def ended(
    program: str,
    arguments: Sequence[str],
    missing: Sequence[str] = (),
    site: Path | None = None,
    stdout: "int | TextIO" = subprocess.PIPE,
) -> "subprocess.CompletedProcess[str]":
    """Run a command in an environment that lacks these libraries, and has those of this folder first."""
    module = COMMANDS[program][0]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({list(missing)})); from {module} import main; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env=environment(PYTHONPATH=str(site or ROOT), PYTHONUNBUFFERED=""), text=True, check=False,
        stdout=stdout, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip


@of_every_command
def test_ctrl_c_while_a_command_starts_ends_it_with_its_code_and_without_a_trace(program: str, tmp_path: Path) -> None:
    for library in COMMANDS[program][2]:
        (tmp_path / f"{library}.py").write_text("import signal; signal.raise_signal(signal.SIGINT)", encoding="utf-8")
    done = ended(program, [], site=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "")


@of_every_command
def test_the_version_is_that_of_the_distribution(program: str) -> None:
    done = ended(program, ["--version"])
    assert (done.returncode, done.stdout) == (ExitCode.OK, f"{program} {importlib.metadata.version('foregsyte')}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        *((program, ["--version"]) for program in COMMANDS),
        ("foregsyte-api", ["--log-level", "INFO", "--version"]),
        ("foregsyte", ["--help"]),
    ],
)
def test_an_output_that_cannot_be_written_is_named_in_one_line(program: str, arguments: Sequence[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = ended(program, arguments, stdout=full)
    assert (done.returncode, done.stderr) == (ExitCode.USAGE, f"{program}: [Errno 28] No space left on device\n")


@of_every_command
def test_a_missing_extra_is_named_in_one_line(program: str) -> None:
    _, extra, (library, *_) = COMMANDS[program]
    done = ended(program, [], missing=LIBRARIES)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == says_missing(program, library, extra)


@pytest.mark.parametrize("arguments", OF_DRAWING.values(), ids=OF_DRAWING)
@pytest.mark.parametrize("library", ["cv2", "justmytype_intl_cjk", "matplotlib"])
def test_a_library_that_drawing_lacks_is_named_before_anything_is_done(arguments: Sequence[str], library: str) -> None:
    done = ended("foregsyte", arguments, missing=[library])
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == says_missing("foregsyte", library, "'.[client-media]'")


def test_all_extras_that_the_demo_lacks_are_named_at_once() -> None:
    done = ended("foregsyte", ["demo"], missing=["duckdb", "openvino", "fontTools"])
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    libraries = "duckdb, openvino and fontTools are not installed"
    assert done.stderr.startswith(
        f"foregsyte: {libraries}: in the project's folder, pip install '.[api,worker-light,client-media]' ("
    )


def test_a_platform_whose_python_lacks_a_module_is_said_to_be_unsuitable() -> None:
    done = ended("foregsyte-worker", [], missing=["resource"])
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    line = "this command does not run on this platform, whose Python has no module resource"
    assert done.stderr == f"foregsyte-worker: {line}\n"


def test_a_module_of_the_project_that_is_not_there_is_not_blamed_on_an_extra() -> None:
    done = ended("foregsyte-worker", [], missing=["job_worker.bootstrap"])
    assert done.returncode == ExitCode.FAILURE
    assert "pip install" not in done.stderr
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("foregsyte-worker", []), *(("foregsyte", arguments) for arguments in OF_DRAWING.values())],
    ids=["worker", *OF_DRAWING],
)
def test_a_library_that_the_system_lacks_is_named_with_its_package(
    program: str, arguments: Sequence[str], tmp_path: Path
) -> None:
    message = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "cv2.py").write_text(f"raise ImportError({message!r})", encoding="utf-8")
    done = ended(program, arguments, site=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == (
        f"{program}: the system has no library libGL.so.1: install its package with the system's package manager, "
        "such as libgl1 of Debian\n"
    )


class TestACheckoutThatIsNotInstalled:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Path:
        (tmp_path / "sitecustomize.py").write_text(NOT_INSTALLED, encoding="utf-8")
        return tmp_path

    @of_every_command
    def test_runs_every_command(self, program: str, site: Path) -> None:
        done = ended(program, ["--help"], site=site)
        assert (done.returncode, done.stderr) == (ExitCode.OK, "")

    @pytest.mark.parametrize(
        ("program", "before"),
        [*((program, []) for program in COMMANDS), ("foregsyte-api", ["--log-level", "INFO"])],
    )
    def test_has_no_version_and_says_what_to_install(self, program: str, before: Sequence[str], site: Path) -> None:
        done = ended(program, [*before, "--version"], site=site)
        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        line = "its version is not known before it is installed: in the project's folder, pip install --no-deps ."
        assert done.stderr == f"{program}: {line}\n"


@pytest.mark.parametrize(
    ("program", "before"), [*((program, []) for program in COMMANDS), ("foregsyte-api", ["--log-level", "INFO"])]
)
def test_the_version_needs_no_extra(program: str, before: Sequence[str]) -> None:
    done = ended(program, [*before, "--version"], missing=LIBRARIES)
    assert (done.returncode, done.stdout.split()[0]) == (ExitCode.OK, program)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("foregsyte", ["find", "--", "--version"]),
        ("foregsyte", ["submit", str(TINY_MP4), "--pipeline", "--version"]),
        ("foregsyte-api", ["--help", "--version"]),
        ("foregsyte-api", ["--", "--version"]),
    ],
)
def test_the_version_is_shown_where_a_command_is_asked_for_it_alone(program: str, arguments: Sequence[str]) -> None:
    done = ended(program, arguments, missing=LIBRARIES)
    assert done.returncode == ExitCode.USAGE
    assert "is not installed" in done.stderr


@of_every_command
def test_with_its_extra_a_command_shows_its_help(program: str) -> None:
    done = ended(program, ["--help"])
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert program in done.stdout
    assert "--version" in done.stdout
