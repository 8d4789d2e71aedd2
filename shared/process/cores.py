"""How many cores this process may use: those of its affinity, or fewer where its container is limited to less."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

CGROUP_FILE = "proc/self/cgroup"
CGROUP_MOUNT = "sys/fs/cgroup"
MEMBERSHIP = re.compile(r"^\d+:([^:\n]*):(.*)$", re.MULTILINE)
"""The controllers and the path of a group; version 2 names no controllers."""


def usable_cores(root: Path = Path("/")) -> int:
    """Return how many cores this process may use, at least 1; part of a core counts as one.

    Args:
        root: Where the system's files are.
    """
    return max(1, min([_cores_of_process(), *_limits(root)]))


def _cores_of_process() -> int:
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _limits(root: Path) -> Iterator[int]:
    """Yield the limits, in cores, of the control groups that this process is in, see cgroups(7)."""
    try:
        memberships = os.fsdecode((root / CGROUP_FILE).read_bytes())
    except OSError:  # no Linux
        return
    for controllers, path in MEMBERSHIP.findall(memberships):
        for mount in _mounts(root / CGROUP_MOUNT, controllers):
            group = mount / path.lstrip("/")
            # Up to the mount: a container may see its own group there, whatever path its host knows it by.
            for folder in (group, *group.parents[: len(group.parts) - len(mount.parts)]):
                yield from _limit(folder)


def _mounts(mount: Path, controllers: str) -> list[Path]:
    """Return where the groups of these controllers are, none where they limit no cores.

    Version 1 has a folder for each set of controllers, whose name may list them in another order.
    """
    if not controllers:
        return [mount]
    if "cpu" not in controllers.split(","):
        return []
    return [folder for folder in mount.glob("*cpu*") if "cpu" in folder.name.split(",")]


def _limit(group: Path) -> Iterator[int]:
    """Yield a group's limit where it has one: version 2 states it in one file, version 1 in two."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            quota, period = map(int, " ".join((group / name).read_text(encoding="ascii") for name in names).split())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if quota > 0 and period > 0:  # -1 is no limit
            yield -(-quota // period)
