"""`make test-newest` sees what a new release of a dependency breaks."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.support.project_copy import ROOT
from tests.support.ranges import build_bounds
from tests.support.version_ends import built_wheel

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.corpus, pytest.mark.timeout(1200)]

PYTHON = f"3.{sys.version_info.minor}"
"""Wheels of this environment install on its own Python."""

TAG = "py3-none-any"
REFUSING = b"""

def _without_options(open):
    def open_of_next_year(file, *arguments, **keywords):
        if "options" in keywords:
            raise TypeError("open() got an unexpected keyword argument 'options'")
        return open(file, *arguments, **keywords)
    return open_of_next_year


open = _without_options(open)
"""
RELEASES = {
    "no longer takes a keyword": (
        "av", "av/__init__.py", REFUSING, "open() got an unexpected keyword argument 'options'",
    ),
    "enables no reflection": (
        "grpcio_reflection", "grpc_reflection/v1alpha/reflection.py",
        b"\ndef enable_server_reflection(*_): ...\n", "StatusCode.UNIMPLEMENTED",
    ),
    "knows the health of no service": (
        "grpcio_health_checking", "grpc_health/v1/health.py",
        b"\nHealthServicer.set = lambda *_: None\n", "StatusCode.NOT_FOUND",
    ),
}  # fmt: skip
"""A package, one of its modules, what the release adds to it, and what is then shown."""


def release(folder: Path, name: str, version: str, module: str, code: bytes) -> None:
    """Make a wheel of what is installed here, as a later version, with code at the end of one of its modules."""
    info = f"{name}-{version}.dist-info"
    installed = distribution(name)
    files = {
        str(file): installed.locate_file(file).read_bytes()  # type: ignore[attr-defined]
        for file in installed.files or ()
        if file.suffix != ".pyc" and not file.parts[0].endswith(".dist-info") and ".." not in file.parts
    }
    files[module] += code
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()
    files[f"{info}/RECORD"] = "".join(map(record, files, files.values())).encode() + f"{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(folder / f"{name}-{version}-{TAG}.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


def record(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


def try_newest(**variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.support.version_ends", "newest", "--python", PYTHON, "--step", "service"],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "module", "code", "shown"), RELEASES.values(), ids=RELEASES)
def test_a_release_that_breaks_something_turns_the_newest_versions_red(
    tmp_path: Path, name: str, module: str, code: bytes, shown: str
) -> None:
    release(tmp_path, name, "999.0", module, code)
    tried = try_newest(UV_FIND_LINKS=str(tmp_path))
    assert tried.returncode == 1, tried.stdout
    assert f"Python {PYTHON}, newest versions, service: FAILED: " in tried.stdout
    assert shown in tried.stdout


def test_the_oldest_versions_are_built_by_the_lower_bound(tmp_path: Path) -> None:
    [bound] = build_bounds()
    with zipfile.ZipFile(built_wheel("oldest", tmp_path)) as wheel:
        [built] = [wheel.read(name).decode() for name in wheel.namelist() if name.endswith(".dist-info/WHEEL")]
    assert f"Generator: {bound.replace('==', ' (')})" in built


@pytest.mark.parametrize("end", ["newest", "oldest"])
def test_a_python_that_is_requested_and_absent_is_named_and_not_passed_over(end: str) -> None:
    tried = subprocess.run(
        [sys.executable, "-m", "tests.support.version_ends", end, "--python", "3.99"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Python 3.99: NOT TRIED, it is not installed here" in tried.stdout
    assert tried.returncode == 1
