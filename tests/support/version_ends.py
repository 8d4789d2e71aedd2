"""Try both ends of the ranges in pyproject.toml: `python -m tests.support.version_ends newest oldest` (or one of them).

For each Python a fresh environment for each combination of extras that the README installs with pip, in which nothing
else is installed, and a video through the server, worker and client that run in them; then one with all of them and the
tests' own libraries, for the unit tests and those that read and write videos. `newest` takes what a user is given
today, `oldest` the lower bounds, of what builds the project too. Of the extra `dev` only what its lock pins is tried,
by who works here. What was skipped or deselected is printed with its reason.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.command_hosts import Host, show_that_the_service_works
from tests.support.documented_installs import BY_PIP, extras_of
from tests.support.project_copy import ROOT, copy_of_project
from tests.support.ranges import build_bounds, declared, other_than_bounds, tried_pythons
from tests.support.working import free_port

__all__ = ["OF_THE_TESTS", "STEPS", "Failure", "Trial", "built_wheel", "installed_pythons", "main", "uv"]

ENDS = ("newest", "oldest")
OF_THE_TESTS = ("testing", "test")
AT_ONCE = 3
"""Steps that run at the same time; each keeps about two thirds of a core busy."""

UNIT_TESTS = (
    *("tests/unit/job_api", "tests/unit/job_client", "tests/unit/job_worker", "tests/unit/shared", "tests/contract"),
    "tests/unit/test_servicers.py",
)
"""The rest of tests/unit reads the project's own texts, which no library changes."""
OF_THE_FULL_WORKER = "*/test_torch_*.py"
"""Those that need what only the extra `worker` installs."""
VIDEO_TESTS = tuple(f"tests/integration/test_{name}.py" for name in ("reader_corpus", "annotate", "report"))

PYTEST = (
    *("-m", "pytest", "-q", "-p", "no:cacheprovider", "--maxfail", "20"),
    *("--hypothesis-profile", "fast", "-m", "not corpus"),  # other examples are no other use of a library
    # Speed, signals and what a command lacks: long, and not the libraries'.
    *("-k", "not it_takes_less_than and not takes_bounded_time and not a_stop_leaves_nothing and not test_launcher"),
)
DESELECTED = "deselected (slow ones, speed, signals and missing extras)"


def uv(*arguments: str, **variables: str) -> str:
    """Run uv, which never fetches a Python; return what it prints.

    Raises:
        Failure: It failed; the message is what it said.
    """
    program = Path(sys.executable).with_name("uv")
    path = os.pathsep.join([os.environ["PATH"], *_folders_of_pyenv()])
    return _run([program, *arguments], PATH=path, UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1", **variables)


class Failure(Exception):
    """Something that was tried does not work; the message is what it printed."""


@dataclass(frozen=True)
class Trial:
    """One end of the ranges on one Python.

    Attributes:
        end: `newest` or `oldest`.
        version: Which Python.
        python: Its interpreter.
        wheel: The project, built.
        worker: The extra that a worker is installed with.
        folder: Where all that it makes goes.
    """

    end: str
    version: str
    python: str
    wheel: Path
    worker: str
    folder: Path

    def run_the_service(self) -> str:
        """Run a video through the server, worker and client of their own environments; return nothing to print.

        Raises:
            Failure: A command failed, or did not do what it should.
        """
        address = f"127.0.0.1:{free_port()}"
        with ExitStack() as stack:

            def host(extras: str) -> Host:
                name = extras.replace(",", "-")
                programs = self._environment(name, *extras.split(",")).parent
                made = Host(self.folder / f"{name}-home" / "work", programs, FOREGSYTE_ADDRESS=address)
                stack.callback(made.stop)
                return made

            # The server is stopped last: hosts are stopped in the opposite order.
            others = {"worker-light", "worker"} - {self.worker}
            hosts = {extras: host(extras) for extras in map(extras_of, BY_PIP) if extras not in others}
            api, worker = hosts.pop("api"), hosts.pop(self.worker)
            media, data = hosts.pop("client,client-media"), hosts.pop("client,client-data")
            try:
                show_that_the_service_works(api, worker, list(hosts.values()), media, data)
            except (AssertionError, grpc.RpcError) as problem:
                raise Failure(f"{problem}\n{api.logged()}\n{worker.logged()}") from problem
        return ""

    def run_unit_tests(self) -> str:
        """Run the tests of everything that uses a library, in an environment with all extras; return what is shown."""
        left_out = () if self.worker == "worker" else ("--ignore-glob", OF_THE_FULL_WORKER)
        return self._run_tests("unit", *UNIT_TESTS, *left_out)

    def run_video_tests(self) -> str:
        """Run the tests that read and write videos, in an environment with all extras; return what is shown."""
        return self._run_tests("video", *VIDEO_TESTS)

    def _run_tests(self, name: str, *tests: str) -> str:
        extras = ("api", self.worker, "client", "client-media", *OF_THE_TESTS)
        python = self._environment(name, *extras)
        arguments: tuple[str, ...] = PYTEST
        if self.end == "oldest":
            self._check_bounds(python, extras)
            arguments = (*PYTEST, "-W", "ignore::DeprecationWarning")  # of libraries newer than the one that uses them
        # Its browser looks at what no library here makes.
        printed = _run([python, *arguments, *tests], PYTHONPATH=str(ROOT), FOREGSYTE_TEST_WITHOUT_BROWSER="1")
        *lines, counts = printed.splitlines()
        skipped = (line for line in lines if line.startswith("SKIPPED"))
        return "\n  ".join(["", *skipped, counts.replace("deselected", DESELECTED)])

    def _check_bounds(self, python: Path, extras: tuple[str, ...]) -> None:
        """Raise Failure where another version than a lower bound was installed."""
        listed = json.loads(uv("pip", "list", "--format", "json", "--python", str(python)))
        installed = {canonicalize_name(package["name"]): package["version"] for package in listed}
        if wrong := list(other_than_bounds(declared(*extras, python=self.version), installed)):
            raise Failure("\n".join(wrong))

    def _environment(self, name: str, *extras: str) -> Path:
        """Make an environment with these extras alone; return its interpreter."""
        folder = self.folder / name
        python = str(folder / "bin" / "python")
        uv("venv", "--quiet", "--python", self.python, str(folder))
        install = ("pip", "install", "--quiet", "--python", python)
        if self.end == "newest":
            uv(*install, f"foregsyte[{','.join(extras)}] @ {self.wheel.as_uri()}")
            return Path(python)
        # uv takes the lower bounds of what it is given alone, and of nothing that the project requires.
        chosen = [word for extra in extras for word in ("--extra", extra)]
        uv(*install, "--resolution", "lowest-direct", "-r", str(ROOT / "pyproject.toml"), *chosen)
        uv(*install, "--no-deps", str(self.wheel))
        return Path(python)


STEPS: dict[str, Callable[[Trial], str]] = {
    "unit tests": Trial.run_unit_tests,
    "service": Trial.run_the_service,
    "video tests": Trial.run_video_tests,
}
"""Each runs on each Python, the longest first."""


def _run(command: list[str | Path], **variables: str) -> str:
    # A fresh environment compiles what it imports, once.
    left_out = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(command, cwd=ROOT, env=inherited | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}{done.stderr[-3000:]}")
    return done.stdout


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _folders_of_pyenv() -> list[str]:
    """Return the folders of the interpreters that pyenv has but does not put on the PATH."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return sorted(map(str, root.glob("versions/3.*/bin")))


def installed_pythons(versions: Iterable[str]) -> dict[str, str]:
    """Return where those of these Pythons are that are installed here."""

    def found(version: str) -> str:
        try:
            return uv("python", "find", "--no-project", "--system", version).strip()
        except Failure:
            return ""

    return {version: python for version in versions if (python := found(version))}


def built_wheel(end: str, folder: Path) -> Path:
    """Build the project in this folder with one end of what may build it.

    Raises:
        Failure: It does not build, or there is no such version.
    """
    constraints = folder / "build.txt"
    constraints.write_text("\n".join(build_bounds()) if end == "oldest" else "", encoding="utf-8")
    build = ("build", "--quiet", "--wheel", "--build-constraints", str(constraints), "--out-dir", str(folder))
    uv(*build, str(copy_of_project(folder / "project")))
    (wheel,) = folder.glob("*.whl")
    return wheel


def main(arguments: list[str]) -> int:
    """Try the ends on each Python; return 1 where something failed or nothing could be tried."""
    parser = argparse.ArgumentParser(prog="version_ends", description=__doc__.partition("\n")[0])
    parser.add_argument("end", nargs="+", choices=ENDS)
    parser.add_argument("--python", action="append", help="try it on this one, which must be there")
    parser.add_argument("--worker", default="worker-light", help="the extra that a worker is installed with")
    parser.add_argument("--step", action="append", choices=STEPS, help="take this step alone")
    chosen = parser.parse_args(arguments)
    usual = {"newest": tried_pythons(), "oldest": tried_pythons()[:1]}
    pythons = {end: sorted(set(chosen.python or usual[end]), key=Version) for end in chosen.end}
    wanted = sorted({version for versions in pythons.values() for version in versions}, key=Version)
    found = installed_pythons(wanted)
    for version in wanted:
        if version not in found:
            _say(f"Python {version}: NOT TRIED, it is not installed here")
    if (chosen.python and len(found) < len(wanted)) or not all(found.keys() & set(each) for each in pythons.values()):
        return 1
    with tempfile.TemporaryDirectory(prefix="foregsyte-versions-") as temporary, ThreadPoolExecutor(AT_ONCE) as pool:
        trials: list[Trial] = []
        is_built = True
        for end, versions in pythons.items():
            folder = Path(temporary) / end
            folder.mkdir()
            try:
                wheel = built_wheel(end, folder)
            except Failure as problem:
                _say(f"{end} versions, wheel: FAILED: {problem}")
                is_built = False
                continue
            there = reversed([version for version in versions if version in found])
            trials += (Trial(end, each, found[each], wheel, chosen.worker, folder / each) for each in there)
        steps = [(trial, name) for name in chosen.step or STEPS for trial in trials]
        passed = list(pool.map(_passes, steps))  # each step is taken, also where an earlier one fails
    return int(not (is_built and all(passed)))


def _passes(step: tuple[Trial, str]) -> bool:
    trial, name = step
    began = time.monotonic()
    try:
        shown = STEPS[name](trial)
    except Exception as problem:  # noqa: BLE001 (whatever it is, the other steps are taken)
        outcome = f"FAILED: {problem if isinstance(problem, Failure) else repr(problem)}"
    else:
        outcome = f"passed in {time.monotonic() - began:.0f} s{shown}"
    _say(f"Python {trial.version}, {trial.end} versions, {name}: {outcome}")
    return outcome.startswith("passed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
