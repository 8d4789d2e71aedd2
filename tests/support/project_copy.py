"""Copies of the project to change."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", "*.egg-info", "build", "dist", "node_modules", ".*_cache", ".hypothesis",
    ".coverage*", "foregsyte.duckdb*", "video_jobs", "unknown_jobs",
)  # fmt: skip


def copy_of_project(target: Path, *names: str) -> Path:
    """Copy these files and folders of the root, or all of it; nothing that was built or stored is copied."""
    target.mkdir(parents=True, exist_ok=True)
    for path in [ROOT / name for name in names] if names else [ROOT]:
        if path.is_dir():
            to = target / path.relative_to(ROOT)
            shutil.copytree(path, to, ignore=_NOT_COPIED, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target / path.name)
    return target


def replace_in(file: Path, old: str, new: str) -> int:
    """Replace what stands in the file once; return the line it stands on."""
    text = file.read_text(encoding="utf-8")
    before, found, after = text.partition(old)
    assert found, f"{old!r} is not in {file}"
    assert old not in after, f"{old!r} is in {file} more than once"
    file.write_text(before + new + after, encoding="utf-8")
    return before.count("\n") + 1


def environment_of_copy(copy: Path, **variables: str) -> dict[str, str]:
    """Return an environment for processes that run the copy's code: its files are not what coverage is about."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FOREGSYTE_", "COVERAGE_"))}
    return inherited | {"PYTHONPATH": str(copy)} | variables
