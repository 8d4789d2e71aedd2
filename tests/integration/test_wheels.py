"""What the index had when `make lock` ran is what README, bounds and pins say of wheels, versions and hashes."""

import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

from tests.support.documents import text_of
from tests.support.pins import FILES, MACOS, PLATFORMS, Pin, Platform, pins_in, pins_of
from tests.support.project_copy import ROOT
from tests.support.ranges import declared, other_than_bounds, tried_pythons
from tests.support.targets import commands_of
from tests.support.version_ends import OF_THE_TESTS, uv

pytestmark = [pytest.mark.integration, pytest.mark.corpus, pytest.mark.timeout(600)]

EXTRAS = {
    "api": ["api"],
    "client": ["client", "client-data", "client-media"],
    "light": ["worker-light"],
    "worker": ["worker"],
    "dev": OF_THE_TESTS,
}
"""What each file of pins adds to those before it, but for the tools: their bounds are not tried."""
EVERY = "every"
UNTIL = (ROOT / "requirements" / "locked_until").read_text(encoding="utf-8").strip()
"""When `make lock` ran. What was published later is not looked at: it would fail a commit that has not changed."""
HEADER = "| file of `requirements/` | platform | Python | no wheel of |"

Gap = tuple[str, str, str, str]
"""A file, a platform, a Python and a package that has no wheel for them."""


def listed() -> set[Gap]:
    """Return what the README's table says, row by row."""
    rows = text_of("README.md").partition(HEADER + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    gaps = set()
    for row in rows:
        files, platforms, pythons, packages = (cell.strip() for cell in row.strip("|").split("|"))
        gaps |= {
            (file, platform.name, python, package)
            for file in re.findall(r"`(\w+)`", files)
            for platform in PLATFORMS
            if platforms in {EVERY, platform.name} and file in platform.files
            for python in tried_pythons()
            if pythons in {EVERY, python}
            for package in re.findall(r"`([\w-]+)`", packages)
        }
    return gaps


def published(file: str, folder: Path) -> Iterator[Gap]:
    """Yield each combination for which the index has no wheel of something in the file."""
    lock = folder / f"pylock.{file}.toml"
    pinned = ("requirements/" + file + ".txt", "--no-deps", "--universal", "--python-version", tried_pythons()[0])
    locked = ("--format", "pylock.toml", "--output-file", str(lock))
    uv("pip", "compile", "--quiet", *pinned, *locked, UV_EXCLUDE_NEWER=UNTIL)
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["packages"]
    for platform in PLATFORMS:
        if file not in platform.files:
            continue
        for python in tried_pythons():
            installable = platform.wheels(python)
            for package in packages:
                marker = Marker(package["marker"]) if "marker" in package else None
                names = (wheel["url"].rpartition("/")[2] for wheel in package.get("wheels", []))
                if platform.installs(marker, python) and not any(
                    parse_wheel_filename(name)[3] & installable for name in names
                ):
                    yield file, platform.name, python, package["name"]


@pytest.mark.parametrize("file", FILES)
def test_the_table_of_the_readme_names_every_package_without_a_wheel_and_no_other(file: str, tmp_path: Path) -> None:
    assert set(published(file, tmp_path)) == {gap for gap in listed() if gap[0] == file}


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_pins_holds_all_that_it_needs_with_every_hash_that_the_index_has(file: str) -> None:
    locked, needed = hashes(pins_of(file)), hashes(pins_in(resolved(file)))
    assert locked == needed, "`make lock` adds what is missing"


def resolved(file: str) -> str:
    """Resolve anew what `make lock` writes to the file, at the versions that are in it; return what it would write."""
    commands = commands_of("lock", f"UNTIL={UNTIL}")
    (command,) = [line for line in commands if f"--output-file requirements/{file}.txt" in line]
    _, *arguments = shlex.split(command.replace("--output-file", "--constraint"))
    return uv(*arguments)


def hashes(pins: Iterable[Pin]) -> set[tuple[str, str]]:
    return {(str(pin.requirement), digest) for pin in pins for digest in pin.hashes}


@pytest.mark.parametrize("python", tried_pythons())
@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_the_lower_bounds_have_wheels(platform: Platform, python: str) -> None:
    extras = [extra for file in platform.files for extra in EXTRAS[file]]
    without = {package for _, name, version, package in listed() if (name, version) == (platform.name, python)}
    sources = [word for package in sorted(without) for word in ("--no-binary", package)]
    chosen = [word for extra in extras for word in ("--extra", extra)]
    printed = uv(
        *("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--resolution", "lowest-direct"),
        *("--only-binary", ":all:", *sources, "--python-version", python, "--python-platform", platform.target),
        *("pyproject.toml", *chosen),
        MACOSX_DEPLOYMENT_TARGET=".".join(map(str, MACOS)),
        UV_EXCLUDE_NEWER=UNTIL,
    )
    lowest = dict(line.split("==") for line in printed.splitlines())
    assert list(other_than_bounds(declared(*extras, python=python, platform=platform), lowest)) == []
