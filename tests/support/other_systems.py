"""Other systems, as far as Python shows them: processes in which what they lack is taken away."""

import sys
from pathlib import Path

import pytest

__all__ = ["MACOS", "WINDOWS", "not_on_windows", "site_of"]

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="optional: it is about what Windows does not have")
"""A test of the client, whose other unit tests run on Windows too."""

MACOS = {
    "os": (
        *("O_DIRECT", "O_NOATIME", "O_TMPFILE", "copy_file_range", "eventfd", "fdatasync", "getrandom", "getresuid"),
        *("getxattr", "listxattr", "memfd_create", "pidfd_open", "pipe2", "posix_fadvise", "posix_fallocate"),
        *("sched_getaffinity", "sched_getscheduler", "sched_setaffinity", "sched_setscheduler", "setxattr", "splice"),
    ),
    "resource": ("RUSAGE_THREAD", "prlimit"),
    "select": ("epoll",),
    "signal": ("SIGPOLL", "SIGRTMAX", "SIGRTMIN", "sigtimedwait", "sigwaitinfo"),
    "socket": ("MSG_MORE", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SO_PEERCRED", "TCP_INFO", "TCP_USER_TIMEOUT"),
    "time": ("CLOCK_BOOTTIME",),
}
"""What each module has on Linux and not there; without O_PATH, which isolation uses on Linux alone."""

WINDOWS = {
    **MACOS,
    "fcntl": (), "grp": (), "pwd": (), "resource": (), "termios": (),
    "os": (
        *(*MACOS["os"], "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fchmod", "fork", "getegid"),
        *("getgid", "getloadavg", "killpg", "mkfifo", "nice", "pread", "pwrite", "sendfile"),
        *("setsid", "statvfs", "sync", "sysconf", "ttyname", "uname"),
    ),
    "select": ("epoll", "poll"),
    "signal": (
        *(*MACOS["signal"], "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGTSTP", "SIGUSR1"),
        *("SIGWINCH", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait"),
    ),
    "socket": (*MACOS["socket"], "AF_UNIX", "MSG_DONTWAIT", "SO_REUSEPORT"),
}  # fmt: skip
"""The same; a module without names is absent. Without getuid, which platformdirs uses where it sees no Windows."""

SITE = """
import importlib, sys

for module, names in {lacking}.items():
    if names:
        for name in names:
            vars(importlib.import_module(module)).pop(name, None)
    else:
        sys.modules[module] = None
"""


def site_of(lacking: dict[str, tuple[str, ...]], folder: Path) -> Path:
    """Make a folder which, on PYTHONPATH, takes this away from every Python process before it runs anything else."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITE.format(lacking=lacking), encoding="utf-8")
    return folder
