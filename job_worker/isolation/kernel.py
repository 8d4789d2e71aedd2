"""Calls of the Linux kernel for which Python has no function."""

import ctypes
import os
import platform
import sys
from typing import Any

IS_KNOWN = sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"} and sys.maxsize > 1 << 32
"""Whether the numbers of this package are those of this system."""

_NUMBERS = {
    # prctl, capget, capset
    "x86_64": (157, 125, 126),
    "aarch64": (167, 90, 91),
}
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_FILE_CAPABILITIES = 0b1110
"""To read and write files of others, within what Landlock leaves: models may belong to another user than root."""


def call(number: int, *arguments: Any) -> int:
    """Make a system call, see syscall(2).

    Args:
        number: The call's number on this machine.
        arguments: Whole numbers, and pointers of ctypes.

    Raises:
        OSError: It failed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def forbid_new_privileges() -> None:
    """Have no program that this process starts gain rights, without which the kernel lets nobody drop some.

    Raises:
        OSError: The kernel refuses.
    """
    call(_NUMBERS[platform.machine()][0], _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up what root may beyond its own files, in this thread and all that it starts later, see capabilities(7).

    Raises:
        OSError: The kernel refuses.
    """
    _, read, write = _NUMBERS[platform.machine()]
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice: there are more than 32
    call(read, header, held)
    effective, permitted = (held[number] & _FILE_CAPABILITIES for number in (0, 1))
    call(write, header, (ctypes.c_uint32 * 6)(effective, permitted))
