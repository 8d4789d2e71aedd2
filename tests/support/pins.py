"""The files of requirements/: versions for every platform, and the platforms for which they are looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from tests.support.project_copy import ROOT

__all__ = ["FILES", "MACOS", "PLATFORMS", "Pin", "Platform", "pins_in", "pins_of"]

FILES = ("api", "client", "light", "worker", "dev")
MACOS = (14, 0)
"""The lowest macOS that all of the wheels were built for; the README names it."""


class Pin(NamedTuple):
    """One package at one version.

    Attributes:
        requirement: Name, version and where it is installed.
        hashes: The digests of its files.
    """

    requirement: Requirement
    hashes: tuple[str, ...]


@cache
def pins_of(name: str) -> tuple[Pin, ...]:
    """Return the pins of `requirements/NAME.txt`."""
    return pins_in((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))


def pins_in(text: str) -> tuple[Pin, ...]:
    """Return the pins of a text in the format of these files."""
    entries = text.replace("\\\n", " ").splitlines()
    lines = (line.split(" --hash=") for line in entries if line and not line.startswith("#"))
    return tuple(Pin(Requirement(line[0]), tuple(part.strip() for part in line[1:])) for line in lines)


@dataclass(frozen=True)
class Platform:
    """A kind of machine that the project is installed on.

    Attributes:
        name: What the README calls it.
        markers: Its part of the markers' environment.
        target: What uv calls it.
        tags: The tags of wheels for it, the best first.
        files: Which of the files it is looked at for.
    """

    name: str
    markers: tuple[str, str, str]
    target: str
    tags: tuple[str, ...]
    files: tuple[str, ...] = FILES

    def installs(self, marker: Marker | None, python: str) -> bool:
        """Whether something with this marker is installed here, with this Python."""
        sys_platform, machine, system = self.markers
        environment = {
            "sys_platform": sys_platform,
            "platform_machine": machine,
            "platform_system": system,
            "os_name": "nt" if system == "Windows" else "posix",
            "python_version": python,
            "python_full_version": f"{python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        return marker is None or marker.evaluate(environment)

    def wheels(self, python: str) -> frozenset[Tag]:
        """Return the tags of the wheels that install on this Python."""
        version = tuple(map(int, python.split(".")))
        interpreter = f"cp{''.join(map(str, version))}"
        own = cpython_tags(version, platforms=self.tags)
        return frozenset({*own, *compatible_tags(version, interpreter, self.tags)})


def _linux_tags(machine: str, glibc: int) -> Iterator[str]:
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    for minor in range(glibc, 4, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in legacy:
            yield f"{legacy[minor]}_{machine}"


PLATFORMS = (
    # The lowest C library that all of the wheels were built for: the README names them.
    Platform("Linux x86_64", ("linux", "x86_64", "Linux"), "x86_64-manylinux_2_28", tuple(_linux_tags("x86_64", 28))),
    Platform(
        "Linux aarch64", ("linux", "aarch64", "Linux"), "aarch64-manylinux_2_35", tuple(_linux_tags("aarch64", 35))
    ),
    Platform(
        "macOS arm64", ("darwin", "arm64", "Darwin"), "aarch64-apple-darwin", tuple(mac_platforms(MACOS, "arm64"))
    ),
    Platform(
        "Windows x86_64", ("win32", "AMD64", "Windows"), "x86_64-pc-windows-msvc", ("win_amd64",), ("api", "client")
    ),
)
