"""What the README says to type on fresh hosts is typed there: each install into its own environment, then the pair."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.command_hosts import Host, show_that_the_service_works
from tests.support.documented_installs import BY_OTHERS, BY_PIP, extras_of
from tests.support.pins import pins_of
from tests.support.project_copy import copy_of_project
from tests.support.ranges import tried_pythons
from tests.support.version_ends import installed_pythons, uv
from tests.support.working import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.corpus, pytest.mark.timeout(1200)]

HEAVY = {"torch", "paddle", "ultralytics"}
"""What only the full worker needs."""

MakeHost = Callable[[str], Host]


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[MakeHost]:
    """Make hosts that find one server, with Python, pip, uv and pipx, and a copy of the project to type lines in.

    Each has another of the Pythons that are installed here, as far as there are others.
    """
    made: list[Host] = []
    pythons = cycle(reversed(installed_pythons(tried_pythons()).values()))
    address = f"127.0.0.1:{free_port()}"
    # The versions that were tested together, without what pip does not take here: extras and hashes.
    requirements = [pin.requirement for pin in pins_of("dev")]
    for requirement in requirements:
        requirement.extras.clear()
    pins = tmp_path / "pins.txt"
    pins.write_text("\n".join(map(str, requirements)), encoding="utf-8")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("uv", "uvx", "pipx"):
        (tools / name).symlink_to(Path(sys.executable).with_name(name))

    def make(name: str) -> Host:
        home, python = tmp_path / name, next(pythons)
        subprocess.run([python, "-m", "venv", home / "environment"], check=True)
        host = Host(
            copy_of_project(home / "project"), home / "environment" / "bin", tools,
            FOREGSYTE_ADDRESS=address,
            PIP_CONSTRAINT=str(pins), UV_CONSTRAINT=str(pins),
            UV_PYTHON=python, PIPX_DEFAULT_PYTHON=python,
            PIP_NO_COMPILE="no",  # which is pip's way to say yes: what is imported is compiled then
            UV_CACHE_DIR=os.environ.get("UV_CACHE_DIR") or uv("cache", "dir").strip(),
        )  # fmt: skip
        made.append(host)
        return host

    try:
        yield make
    finally:
        for host in reversed(made):
            host.stop()


def test_each_host_runs_its_part_with_what_pip_installs_on_it(make_host: MakeHost) -> None:
    # The full worker is what this environment is.
    lines = [line for line in BY_PIP if extras_of(line) != "worker"]
    hosts = {extras_of(line): make_host(extras_of(line)) for line in lines}
    for line in lines:
        hosts[extras_of(line)].type(line)
    for host in hosts.values():
        installed = {line.split("==")[0].lower() for line in host.type("pip list --format freeze").splitlines()}
        assert not HEAVY & installed
    show_that_the_service_works(
        hosts["api"],
        hosts["worker-light"],
        [hosts["client"]],
        hosts["client,client-media"],
        hosts["client,client-data"],
    )


def test_each_host_runs_its_part_with_what_uv_and_pipx_install_on_it(make_host: MakeHost) -> None:
    *installs, _, once = BY_OTHERS
    assert {line.split()[0] for line in installs} == {"uv", "pipx"}
    hosts = {extras_of(line): make_host(extras_of(line)) for line in installs}
    for line in installs:
        hosts[extras_of(line)].type(line)
    show_that_the_service_works(hosts["api"], hosts["worker-light"], [], hosts["client,client-media"])
    assert once.split()[0] == "uvx"
    host = make_host("once")
    assert "completed" in host.type(once)
    with (host.folder / "job_client" / "__main__.py").open("a", encoding="utf-8") as module:
        module.write("print('changed')\n")
    assert "changed" in host.type(once)


def test_one_host_runs_everything_with_one_line(make_host: MakeHost) -> None:
    *others, together, _ = BY_OTHERS
    assert set(extras_of(together).split(",")) == {extra for line in others for extra in extras_of(line).split(",")}
    host = make_host("all")
    host.type(together)
    show_that_the_service_works(host, host, [], host)
