"""Plugin packages, installed into a folder without a network."""

import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.support.project_copy import ROOT, copy_of_project

TEMPLATES = "docs/templates"


def make_package(site: Path, name: str, group: str, points: Mapping[str, str], source: str = "") -> Path:
    """Install a package of one module that registers these entry points; return the folder to import it from."""
    info = site / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = [f"[{group}]", *(f"{point} = {target}" for point, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (site / f"{name}.py").write_text(textwrap.dedent(source))
    return site


def copy_template(template: str, folder: Path) -> Path:
    """Copy a template to be changed or installed; return the folder of its project."""
    copy_of_project(folder, f"{TEMPLATES}/{template}", "pyproject.toml")
    return folder / TEMPLATES / template


def install_template(template: str, folder: Path) -> tuple[Path, Path]:
    """Install a copy of a template; return the folder of its project, and that to import it from."""
    project, site = copy_template(template, folder), folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(project)], check=True, capture_output=True, timeout=100)
    return project, site


def some_of(bugs: Iterable[str], *some: str) -> list[ParameterSet]:
    """Return the bugs as parameters: some for `make test`, all for `make test-corpus`; each takes seconds."""
    return [pytest.param(bug, marks=[] if bug in some else pytest.mark.corpus) for bug in bugs]


def run_tests_of(project: Path, site: Path) -> "subprocess.CompletedProcess[str]":
    """Run a template's own tests as its author does, in its folder; what is installed in `site` can be used.

    The plugins of pytest are those of the extra `testing`, which has fewer than the project's own tests need.
    """
    without = ["-p", "no:cacheprovider", "-p", "no:timeout", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", "-q", *without, "-W", "error", "tests"]
    environment = {"PYTHONPATH": f"{site}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(project)}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
