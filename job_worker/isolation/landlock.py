"""Landlock: a process gives up the right to other files, connections and signals, see landlock(7).

A restriction holds for the thread that requests it and for all that it starts later, so it must come before any other
thread. Numbers are those of `linux/landlock.h`.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from job_worker.isolation import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REGULAR = 1 << 7, 1 << 8
_RENAME, _TRUNCATE, _DEVICE_IOCTL = 1 << 13, 1 << 14, 1 << 15
_RIGHTS_OF_VERSION = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many of the rights to files a version knows."""
VERSION_WITH_TCP = 4
VERSION_WITH_SCOPES = 6
_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

READ = _EXECUTE | _READ_FILE | _READ_DIR
USE_DEVICE = _READ_FILE | _READ_DIR | _WRITE_FILE | _DEVICE_IOCTL
CHANGE = _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE
"""The content of files, but not which files and folders there are."""
WRITE = CHANGE | _RENAME | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REGULAR
"""Without symbolic links, pipes and sockets: whoever opens a file of this folder must not be led elsewhere or wait."""
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_IOCTL


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that the kernel has; 0 where it has none."""
    if not kernel.IS_KNOWN:
        return 0
    try:
        return kernel.call(_CREATE_RULESET, 0, 0, _VERSION_FLAG)
    except OSError:  # too old, switched off, or forbidden in this container
        return 0


def restrict(rights: Iterable[tuple[Path, int]]) -> None:
    """Give up all rights to files but these, and the right to reach other processes and the network.

    Args:
        rights: Files and folders, each with what is still allowed in it; those that do not exist are left out.

    Raises:
        OSError: The kernel refuses.
    """
    known = version()
    files = (1 << max(count for since, count in _RIGHTS_OF_VERSION.items() if since <= known)) - 1
    network = _BIND_AND_CONNECT if known >= VERSION_WITH_TCP else 0
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if known >= VERSION_WITH_SCOPES else 0
    ruleset = _Ruleset(files, network, scopes)
    descriptor = kernel.call(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    try:
        for path, allowed in rights:
            _allow(descriptor, path, allowed & files)
        kernel.call(_RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there, or not for this user
        return
    try:
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            rights &= _FOR_FILES
        kernel.call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Rule(rights, target)), 0)
    finally:
        os.close(target)
