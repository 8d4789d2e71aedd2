"""What the process that decodes videos may still do, and the step that takes all else from it."""

import logging
import os
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from job_worker.isolation import kernel, landlock, seccomp

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 16 << 30
"""Largest file that it may write: far above any results."""

SYSTEM_PATHS = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload", "/etc/localtime"),
    *("/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/os-release", "/etc/fonts", "/etc/OpenCL"),
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf"),  # private keys lie beside them
    "/proc",  # the folder of the process itself has no lasting place; those of others show little, see proc(5)
    *("/sys", "/dev/random", "/dev/urandom"),
)
"""What programs and libraries read of the system; nobody's data."""

MAX_OPEN_FILES = 4096
"""How many files, pipes and sockets it may have open: each may hold some memory of the kernel, which is not counted."""

GPUS = ("nvidia*", "dri", "kfd", "nvhost*", "nvmap", "dxg")
"""Below /dev; `dxg` is that of WSL2."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the process that decodes videos may use.

    Attributes:
        work_folder: The worker's own folder. The process may change the files in it, and not which there are.
        readable: Further files and folders that it may read; those that do not exist are left out.
        device_folder: Where the devices of this host are.
    """

    work_folder: Path
    readable: tuple[Path, ...] = ()
    device_folder: Path = Path("/dev")

    @property
    def temporary_folder(self) -> Path:
        """The only folder in which it may make, rename and delete files and folders."""
        return self.work_folder / "temporary"

    def apply(self) -> None:
        """Give up all else in this process, as far as the kernel supports it; call it before any thread is started.

        Raises:
            OSError: The kernel supports a protection, and refuses it.
        """
        self.temporary_folder.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = str(self.temporary_folder)
        tempfile.tempdir = None  # found again where it is needed
        _limit(resource.RLIMIT_CORE, 0)  # it would hold images of the video, and may be written anywhere
        _limit(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)
        _limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
        if kernel.IS_KNOWN:
            kernel.forbid_new_privileges()
            kernel.drop_capabilities()
        if landlock.version():
            _warn_of_threads()
            landlock.restrict(self._rights())
        if seccomp.is_supported():
            seccomp.forbid_network()
            if not self.gpus():  # their drivers may need it
                seccomp.forbid_uncounted_memory()

    def close_after_loading(self) -> None:
        """Give up to start processes too; call it once the models are loaded and before the first video.

        Raises:
            OSError: The kernel supports this, and refuses it.
        """
        if seccomp.is_supported():
            seccomp.forbid_processes()

    def _rights(self) -> Iterator[tuple[Path, int]]:
        yield self.work_folder.resolve(strict=True), landlock.CHANGE
        yield self.temporary_folder, landlock.WRITE
        for path in (*map(Path, SYSTEM_PATHS), *self.readable):
            yield path, landlock.READ
        for name in ("null", "full"):
            yield self.device_folder / name, landlock.USE_DEVICE
        gpus = self.gpus()
        for device in (*gpus, self.device_folder / "zero") if gpus else ():  # what is mapped of `zero` is not counted
            yield device, landlock.USE_DEVICE
        if any(device.name.startswith(("nv", "dxg")) for device in gpus):
            yield self.device_folder / "shm", landlock.WRITE  # where CUDA has memory that is shared

    def gpus(self) -> list[Path]:
        """Return the devices of GPUs that this host has."""
        return [device for pattern in GPUS for device in self.device_folder.glob(pattern)]


def _limit(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


def _warn_of_threads() -> None:
    if (others := len(list(Path("/proc/self/task").iterdir())) - 1) > 0:
        logger.warning("%d threads were started too early to be kept from files: the program imports too much", others)


def log_support() -> None:
    """Log which protections this system supports."""
    version = landlock.version()
    supported = {
        "files": version > 0,
        "network": seccomp.is_supported(),
        "processes": seccomp.is_supported(),
        "signals": version >= landlock.VERSION_WITH_SCOPES,
        "core dumps": True,
    }
    missing = ", ".join(name for name, is_supported in supported.items() if not is_supported)
    context = {"landlock": version, "protected": ", ".join(name for name in supported if supported[name])}
    if missing:
        logger.warning("videos are decoded in isolation, but this kernel does not protect: %s", missing, extra=context)
    else:
        logger.info("videos are decoded in isolation", extra=context)
