"""What hostile code in the child process would try, by libc alone.

It is pickled into the child, so it stands in a module of its own.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import pickle
import platform
import stat
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from job_worker.errors import ModelLoadError
from job_worker.runtime.pipeline_runner import EncodeFrames
from shared.results import encode_frame

_AT_FDCWD = -100
_PTRACE_ATTACH = 16
_IO_URING_SETUP = 425
_RLIMIT_CPU = 0
_PRIO_PROCESS = 0
_PR_SET_PDEATHSIG = 1
_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine(), -1)
_CLONE3 = 435
_KEYCTL = {"x86_64": 250, "aarch64": 219}.get(platform.machine(), -1)
_KEYCTL_READ = 11
_KEY_SPEC_USER_KEYRING = -4
_FS_IOC_SETFLAGS, _NODUMP = 0x40086602, 0x40
_EXT4_IOC_SETVERSION = 0x40086604
_FILE_SETATTR = 469
_MEMFD_CREATE = {"x86_64": 319, "aarch64": 279}.get(platform.machine(), -1)
_MEMFD_SECRET = 447
_F_SETLEASE, _F_NOTIFY = 1024, 1026
_AS_USER, _AN_EVENT = 0x200, 0x20
"""FAN_REPORT_FID, without which nobody but root may watch; FAN_OPEN, IN_OPEN."""


def attempt(what: str, argument: object) -> str:
    """Return the pipeline id with which `Escapes` tries something."""
    return json.dumps([what, argument])


@dataclass(frozen=True)
class Escapes:
    """Builds what makes one attempt in each run and returns the name of its error, or "" where it succeeds.

    The attempt is made in a thread that was started while the models were loaded.
    """

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        executor = ThreadPoolExecutor(1)
        executor.submit(int).result()

        def run(pipeline_id: str, _video: Path) -> Iterator[bytes]:
            what, argument = json.loads(pipeline_id)
            number = executor.submit(_made, what, argument).result()
            yield encode_frame(0, 0.0, {"error": errno.errorcode[number] if number else ""})

        return run


@dataclass(frozen=True)
class ModelsToDownload:
    """Models that are there once somebody has written them into the cache."""

    cache: Path

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        try:
            self.cache.mkdir(exist_ok=True)
            (self.cache / "model").touch()
        except OSError:
            if not (self.cache / "model").exists():
                raise ModelLoadError("the models cannot be written") from None
        return Escapes()(on_frame)


@dataclass(frozen=True)
class ModelsElsewhere:
    """Models that lie where nobody may read."""

    file: Path

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        try:
            self.file.read_bytes()
        except OSError as error:
            raise ModelLoadError(f"The models cannot be read: {error.strerror}.") from error
        return Escapes()(on_frame)


@dataclass(frozen=True)
class ModelsThatRunAProgram:
    """Models that run a program to learn what this host is."""

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        subprocess.run(["/bin/true"], check=True)
        return Escapes()(on_frame)


def _made(what: str, argument: Any) -> int:
    """Make an attempt; return the number of its error."""
    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if _ATTEMPTS[what](libc, argument) < 0 else 0


def _connect(libc: Any, port: int) -> int:
    address = struct.pack("=HHI8x", 2, int.from_bytes(port.to_bytes(2, "little"), "big"), 0x0100007F)
    descriptor = libc.socket(2, 1, 0)
    return descriptor if descriptor < 0 else int(libc.connect(descriptor, address, len(address)))


def _connect_to_path(libc: Any, path: str) -> int:
    descriptor = libc.socket(1, 1, 0)
    address = struct.pack("=H108s", 1, path.encode())
    return descriptor if descriptor < 0 else int(libc.connect(descriptor, address, len(address)))


def _open(flags: int) -> Callable[[Any, str], int]:
    return lambda libc, path: int(libc.open(path.encode(), flags, 0o600))


def _same_session(libc: Any) -> int:
    """Return 0 in the session, and so at the terminal, of the parent."""
    if libc.getsid(0) == libc.getsid(os.getppid()):
        return 0
    ctypes.set_errno(errno.ENOTTY)
    return -1


def _fork(_libc: Any, flags: int | None) -> int:
    """Make a process that ends at once, by `clone` where there are flags; keep the interpreter's lock meanwhile."""
    libc = ctypes.PyDLL(None, use_errno=True)
    pid = int(libc.fork() if flags is None else libc.syscall(_CLONE, flags, None, None, None, None))
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
    return pid


def _start_thread(_libc: Any, _argument: None) -> int:
    thread = Thread(target=int)
    thread.start()
    thread.join()
    return 0


def _send_to_parent(_libc: Any, content: str) -> int:
    """Write a message into every socket of the process."""
    message = bytes.fromhex(content)
    for descriptor in (int(path.name) for path in Path("/proc/self/fd").iterdir()):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, message)
        except OSError:
            continue
    return 0


def _find_second_pipe(_libc: Any, _argument: None) -> int:
    """Return 0 where it can write to another pipe than its output and the one whose end tells the parent of its end."""
    pipes = 0
    for descriptor in (int(path.name) for path in Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
            pipes += is_pipe and descriptor > 2 and bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_WRONLY)
    ctypes.set_errno(errno.EBADF)
    return 0 if pipes > 1 else -1


def _request(number: int) -> Callable[[Any, str], int]:
    """Return what sends a request about a file that is open for reading alone, as that for no dumps."""
    value = ctypes.byref(ctypes.c_int(_NODUMP))
    return lambda libc, path: int(libc.ioctl(libc.open(path.encode(), os.O_RDONLY), ctypes.c_ulong(number), value))


def _set_attributes(libc: Any, path: str) -> int:
    attributes = ctypes.create_string_buffer(24)
    return int(libc.syscall(_FILE_SETATTR, _AT_FDCWD, path.encode(), attributes, len(attributes), 0))


def _control(command: int) -> Callable[[Any, str], int]:
    return lambda libc, path: int(libc.fcntl(libc.open(path.encode(), os.O_RDONLY), command, 0))


def _watch_all(libc: Any, path: str) -> int:
    watcher = libc.fanotify_init(_AS_USER, os.O_RDONLY)
    mask = ctypes.c_uint64(_AN_EVENT)
    return watcher if watcher < 0 else int(libc.fanotify_mark(watcher, 1, mask, _AT_FDCWD, path.encode()))


def _read_typed(libc: Any, _argument: None) -> int:
    """Read from the standard input; return 0 where something is there."""
    found = libc.read(0, ctypes.create_string_buffer(1), 1)
    ctypes.set_errno(errno.ENODATA)
    return 0 if found > 0 else -1


def _mapped(libc: Any, descriptor: int) -> int:
    """Map memory that stays after it is unmapped: shared, of a file or, for -1, of none."""
    libc.mmap.restype = ctypes.c_ssize_t
    flags = mmap.MAP_SHARED | (mmap.MAP_ANONYMOUS if descriptor < 0 else 0)
    place = libc.mmap(None, ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ, flags, descriptor, ctypes.c_long(0))
    return min(int(place), 0)


_ATTEMPTS: dict[str, Callable[[Any, Any], int]] = {
    "connect": _connect,
    "connect to a path": _connect_to_path,
    "make a socket": lambda libc, kind: int(libc.socket(*kind, 0)),
    "make a pair": lambda libc, kind: int(libc.socketpair(*kind, 0, (ctypes.c_int * 2)())),
    "read": _open(os.O_RDONLY),
    "write": _open(os.O_WRONLY | os.O_CREAT),
    "truncate": lambda libc, path: int(libc.truncate(path.encode(), ctypes.c_long(0))),
    "delete": lambda libc, path: int(libc.unlink(path.encode())),
    "move": lambda libc, paths: int(libc.rename(*(path.encode() for path in paths))),
    "make a folder": lambda libc, path: int(libc.mkdir(path.encode(), 0o700)),
    "link": lambda libc, path: int(libc.symlink(b"/", path.encode())),
    "make a pipe": lambda libc, path: int(libc.mkfifo(path.encode(), 0o600)),
    "fork": _fork,
    "start a thread": _start_thread,
    "clone in a structure": lambda libc, size: int(libc.syscall(_CLONE3, ctypes.create_string_buffer(size), size)),
    # A path that does not exist, for else the program would take the place of the process.
    "become a program": lambda libc, path: int(libc.execve(path.encode(), None, None)),
    "become an open program": lambda libc, path: int(libc.execveat(_AT_FDCWD, path.encode(), None, None, 0)),
    "run": lambda libc, path: -1 if libc.system(f"{path} >/dev/null 2>&1".encode()) else 0,
    "signal": lambda libc, pid: int(libc.kill(pid, 0)),
    "trace": lambda libc, pid: int(libc.ptrace(_PTRACE_ATTACH, pid, None, None)),
    "limit": lambda libc, pid: int(libc.prlimit(pid, _RLIMIT_CPU, None, (ctypes.c_ulong * 2)())),
    "set a priority": lambda libc, which: int(libc.setpriority(_PRIO_PROCESS, *which)),
    "choose a core": lambda libc, pid: int(libc.sched_setaffinity(pid, 8, ctypes.byref(ctypes.c_uint64(1)))),
    "enter a namespace": lambda libc, flags: int(libc.unshare(flags)),
    "change the root": lambda libc, path: int(libc.chroot(path.encode())),
    "change the mode": lambda libc, path: int(libc.chmod(path.encode(), 0)),
    "change the flags": _request(_FS_IOC_SETFLAGS),
    "change the version": _request(_EXT4_IOC_SETVERSION),
    "change the attributes": _set_attributes,
    "get a lease": _control(_F_SETLEASE),
    "be notified": _control(_F_NOTIFY),
    "watch all": _watch_all,
    "make an unnamed file": lambda libc, _: int(libc.syscall(_MEMFD_CREATE, b"", 0)),
    "make a secret file": lambda libc, _: int(libc.syscall(_MEMFD_SECRET, 0)),
    "map shared memory": lambda libc, _: _mapped(libc, -1),
    "map zeros": lambda libc, _: _mapped(libc, libc.open(b"/dev/zero", os.O_RDWR)),
    "outlive its parent": lambda libc, _: int(libc.prctl(_PR_SET_PDEATHSIG, 0)),
    "open shared memory": lambda libc, key: int(libc.shmget(key, 1, 0)),
    "open semaphores": lambda libc, key: int(libc.semget(key, 1, 0)),
    "open a queue": lambda libc, key: int(libc.msgget(key, 0)),
    "read a key": lambda libc, _: int(libc.syscall(_KEYCTL, _KEYCTL_READ, _KEY_SPEC_USER_KEYRING, None, 0)),
    "share the terminal": lambda libc, _: _same_session(libc),
    "use io_uring": lambda libc, _: int(libc.syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120))),
    "send to the parent": _send_to_parent,
    "print": lambda libc, text: int(libc.write(2, text.encode(), len(text.encode()))),
    "read what is typed": _read_typed,
    "empty the log": lambda libc, descriptor: int(libc.ftruncate(descriptor, ctypes.c_long(0))),
    "overwrite the log": lambda libc, descriptor: int(libc.pwrite(descriptor, b"x", 1, ctypes.c_long(0))),
    "watch": lambda libc, path: int(libc.inotify_add_watch(libc.inotify_init1(0), path.encode(), 0x20)),
    "find a second pipe": _find_second_pipe,
}


class Planted:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._folder),)

    def as_message(self) -> str:
        """Return it as a message of `multiprocessing`, in hexadecimal digits."""
        content = pickle.dumps(self)
        return (struct.pack("!i", len(content)) + content).hex()
