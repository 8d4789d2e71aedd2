"""The cores that a process may use, on every system and in every container."""

import os
from pathlib import Path

import pytest

from shared.process.cores import usable_cores

pytestmark = pytest.mark.unit

MANY = 64
LIMITED = {
    "version 2": ("0::/jobs/one", {"jobs/one/cpu.max": "200000 100000", "jobs/cpu.max": "max 100000"}),
    "version 2, of its parent": ("0::/jobs/one", {"jobs/one/cpu.max": "max 100000", "jobs/cpu.max": "150000 100000"}),
    "version 2, in a container": ("0::/", {"cpu.max": "200000 100000"}),
    "version 2, by a path of the host": ("0::/of/the/host", {"cpu.max": "200000 100000"}),
    "version 1": (
        "3:memory:/x\n2:cpu,cpuacct:/jobs\n1:name=systemd:/",
        {"cpu,cpuacct/jobs/cpu.cfs_quota_us": "200000", "cpu,cpuacct/jobs/cpu.cfs_period_us": "100000"},
    ),
    "version 1, in another order": (
        "2:cpuacct,cpu:/jobs",
        {"cpu,cpuacct/jobs/cpu.cfs_quota_us": "200000", "cpu,cpuacct/jobs/cpu.cfs_period_us": "100000"},
    ),
    "beside what is no membership": ("\nnonsense\n0::/jobs\n\n7:cpu", {"jobs/cpu.max": "200000 100000"}),
    "a name of other bytes": ("1:name=\udcff:/\udcff\n0::/jobs\udcff", {"jobs\udcff/cpu.max": "200000 100000"}),
}  # fmt: skip
"""The memberships of a process that has the time of two cores or a part of the second, and its groups' files."""

FREE = {
    "no Linux": ("", {}),
    "version 2": ("0::/", {"cpu.max": "max 100000"}),
    "version 1": ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}),
    "another's limit": ("0::/jobs", {"others/cpu.max": "200000 100000"}),
    "unreadable": ("0::/", {"cpu.max": "something else"}),
    "other bytes": ("0::/", {"cpu.max": "\udcff 100000"}),
    "no period": ("0::/", {"cpu.max": "100000 0"}),
    "no path": ("0::/\0", {"cpu.max": "max 100000"}),
    "nothing": ("\n", {"cpu.max": "200000 100000"}),
}


def system(root: Path, memberships: str, files: dict[str, str]) -> Path:
    """Write the files of a system in which this process is a member of these control groups."""
    if memberships:
        files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()} | {"proc/self/cgroup": memberships}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.fsencode(text + "\n"))
    return root


@pytest.fixture(params=["process_cpu_count", "sched_getaffinity", "cpu_count"])
def many_cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with many cores, on which Python has this function and none of those before it."""
    cores = {
        "process_cpu_count": lambda: MANY,
        "sched_getaffinity": lambda _: set(range(MANY)),
        "cpu_count": lambda: MANY,
    }
    for name in cores:
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, request.param, cores[request.param], raising=False)


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize("groups", LIMITED.values(), ids=LIMITED)
def test_a_limit_of_a_container_is_kept(groups: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    assert usable_cores(system(tmp_path, *groups)) == 2


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize("groups", FREE.values(), ids=FREE)
def test_without_a_limit_all_are_used(groups: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    assert usable_cores(system(tmp_path, *groups)) == MANY


def test_a_limit_above_the_cores_there_are_gives_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 1, raising=False)
    assert usable_cores(system(tmp_path, *LIMITED["version 2"])) == 1


def test_there_is_always_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    assert usable_cores(tmp_path) == 1
