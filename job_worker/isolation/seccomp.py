"""seccomp: a process gives up system calls, see seccomp(2). The filter is a program for the kernel's packet filter."""

import ctypes
import errno
import platform
import socket
import struct

from job_worker.isolation import kernel

_NUMBERS = {
    # audit architecture, seccomp, socket, socketpair
    "x86_64": (0xC000003E, 317, 41, 53),
    "aarch64": (0xC00000B7, 277, 198, 199),
}
_FORBIDDEN = {
    # connect, ptrace, process_vm_readv, process_vm_writev
    "x86_64": (42, 101, 310, 311),
    "aarch64": (203, 117, 270, 271),
}
_SHARED_BY_USER = {
    # shmget to shmctl, semget to msgctl with shmdt, semtimedop, mq_open to mq_getsetattr, add_key to keyctl
    "x86_64": (*range(29, 32), *range(64, 72), 220, *range(240, 246), *range(248, 251)),
    # mq_open to shmdt with message queues and semaphores between them, add_key to keyctl
    "aarch64": (*range(180, 198), *range(217, 220)),
}
"""Shared memory, semaphores, message queues and keys, which every process of the same user can reach."""
_OTHER_VIEWS = {
    # pivot_root, chroot, mount, umount2, sethostname, setdomainname, unshare, setns
    "x86_64": (155, 161, 165, 166, 170, 171, 272, 308),
    "aarch64": (41, 51, 40, 39, 161, 162, 97, 268),
}
_OTHER_VIEWS_EVERYWHERE = (*range(428, 434), 442, 467)
"""open_tree, move_mount, fsopen to fspick, mount_setattr, open_tree_attr. Who has a namespace has all capabilities in
it, with which much of the kernel is reached that is closed else."""
_PRIORITIES = {
    # setpriority, sched_setparam, sched_setscheduler, ioprio_set, sched_setattr
    "x86_64": (141, 142, 144, 251, 314),
    "aarch64": (140, 118, 119, 30, 274),
}
"""They are set for other processes of the user too: one of the lowest hardly runs."""
_WITHOUT_EFFECT = {
    # chmod, fchmod, chown, fchown, lchown, utime, setxattr and removexattr (three each), utimes, fchownat, futimesat,
    # fchmodat, utimensat
    "x86_64": (90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198, 199, 235, 260, 261, 268, 280),
    # setxattr and removexattr (three each), fchmod, fchmodat, fchownat, fchown, utimensat
    "aarch64": (5, 6, 7, 14, 15, 16, 52, 53, 54, 55, 88),
}
"""Changes of what files are besides their content, which Landlock knows nothing of. They are said to be done: libraries
that copy or cache files make them, and need them for nothing."""
_WITHOUT_EFFECT_EVERYWHERE = (452, 463, 466)
"""fchmodat2, setxattrat, removexattrat."""
_WATCHING = {
    # inotify_init, inotify_add_watch, inotify_init1, fanotify_init, fanotify_mark
    "x86_64": (253, 254, 294, 300, 301),
    # inotify_init1, inotify_add_watch, fanotify_init, fanotify_mark
    "aarch64": (26, 27, 262, 263),
}
"""They say when files are used that may not be opened."""
_LIMITING = {"x86_64": 302, "aarch64": 261}
"""prlimit64, which sets limits of other processes too: one of no time ends them."""
_PINNING = {"x86_64": 203, "aarch64": 122}
"""sched_setaffinity, likewise: on one core together they hardly run. Libraries pin their own threads by number, too."""
_CONTROLLING = {"x86_64": 16, "aarch64": 29}
"""ioctl, of which some requests are refused."""
_TYPE_OF_REQUEST = 0xFF00
"""The bits of a request that say what it is for."""
_TO_FILE_SYSTEMS = tuple(ord(kind) << 8 for kind in "fvX\x94\xf5")
"""Requests to file systems, those of btrfs and f2fs too. With them the owner of a file that is open for reading alone
has it compressed, never dumped, or never changed again, and makes folders and deletes them on btrfs."""
_SETTING_FLAGS = 469
"""file_setattr, which does the same."""
_WITH_DESCRIPTORS = {"x86_64": 72, "aarch64": 25}
"""fcntl, of which two commands are refused."""
_LEASE_AND_NOTICE = (1024, 1026)
"""F_SETLEASE, F_NOTIFY: others wait for who has a lease of a file; the second one watches a folder."""
_FORBIDDEN_EVERYWHERE = (425, 426, 427, 438, _SETTING_FLAGS)
"""io_uring_setup, _enter, _register, which make calls that no filter sees; pidfd_getfd, which takes others' files."""
_STARTING_PROGRAMS = {
    # fork, vfork, execve, execveat
    "x86_64": (57, 58, 59, 322),
    # execve, execveat
    "aarch64": (221, 281),
}
_OF_THIS_PROCESS = {"x86_64": 157, "aarch64": 167}
"""prctl, of which one option is refused."""
_PDEATHSIG = 1
"""PR_SET_PDEATHSIG: the kernel kills this process when its parent ends, unless it chooses another signal."""
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
"""Its flags lie in memory, where no filter can look. Where the filter answers ENOSYS, libc uses `clone`."""
_CLONE_THREAD = 0x00010000
_UNNAMED_FILES = {"x86_64": 319, "aarch64": 279}
_SECRET_MEMORY = 447
"""memfd_create and memfd_secret: memory that no process need have mapped, and so is counted for none."""
_MAPPING = {"x86_64": 9, "aarch64": 222}
_SHARED_AND_UNNAMED = 0x21
"""MAP_SHARED and MAP_ANONYMOUS of mmap: memory that is kept when it is said not to be needed, and counted no more."""
_OTHER_INTERFACE = 0x40000000
"""From here on x86_64 has its calls a second time, for programs with short pointers."""

_SET_FILTER, _GET_ACTION, _ALL_THREADS = 1, 2, 1
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_DOES_NOT_EXIST = 0x00050000 | errno.ENOSYS
_DO_NOTHING = 0x00050000

_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT, _FOURTH_ARGUMENT = 0, 4, 16, 24, 40
"""Where the kernel's description of a call has these, in bytes; of an argument the lower half."""
_TYPE_BITS = 0xF
"""The bits of a socket's type that are no flags."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_supported() -> bool:
    """Return whether the kernel has such filters."""
    if not kernel.IS_KNOWN:
        return False
    try:
        action = ctypes.c_uint32(_REFUSE & 0xFFFF0000)
        return kernel.call(_NUMBERS[platform.machine()][1], _GET_ACTION, 0, ctypes.byref(action)) == 0
    except OSError:
        return False


def forbid_network() -> None:
    """Give up, for all threads, all connections to others and what could get around that.

    What is left are connected sockets within this machine: those that are open, and pairs of the process's own.

    Raises:
        OSError: The kernel refuses.
    """
    machine = platform.machine()
    tables = (_FORBIDDEN, _SHARED_BY_USER, _OTHER_VIEWS, _PRIORITIES, _WATCHING)
    forbidden = [number for table in tables for number in table[machine]]
    forbidden += [*_FORBIDDEN_EVERYWHERE, *_OTHER_VIEWS_EVERYWHERE]
    without_effect = (*_WITHOUT_EFFECT[machine], *_WITHOUT_EFFECT_EVERYWHERE)
    _add_filter(
        [
            *(step for number in forbidden for step in _answered_if(number, _REFUSE)),
            *(step for number in without_effect for step in _answered_if(number, _DO_NOTHING)),
            *_without(_CONTROLLING[machine], _SECOND_ARGUMENT, _TO_FILE_SYSTEMS, _TYPE_OF_REQUEST),
            *_without(_WITH_DESCRIPTORS[machine], _SECOND_ARGUMENT, _LEASE_AND_NOTICE),
            *_of_this_process_alone(_LIMITING[machine], _REFUSE),
            *_of_this_process_alone(_PINNING[machine], _DO_NOTHING),
            *(step for number in _NUMBERS[machine][2:] for step in _connected_sockets_alone(number)),
        ]
    )


def forbid_uncounted_memory() -> None:
    """Give up, for all threads, memory that is not counted as that of the process.

    Raises:
        OSError: The kernel refuses.
    """
    machine = platform.machine()
    numbers = (_UNNAMED_FILES[machine], _SECRET_MEMORY)
    _add_filter(
        [
            *(step for number in numbers for step in _answered_if(number, _DOES_NOT_EXIST)),
            *_without(_MAPPING[machine], _FOURTH_ARGUMENT, (_SHARED_AND_UNNAMED,), _SHARED_AND_UNNAMED),
        ]
    )


def forbid_processes() -> None:
    """Give up, for all threads, to start processes and programs, and to outlive the parent.

    Threads can still be started.

    Raises:
        OSError: The kernel refuses.
    """
    machine = platform.machine()
    _add_filter(
        [
            *(step for number in _STARTING_PROGRAMS[machine] for step in _answered_if(number, _REFUSE)),
            *_answered_if(_CLONE3, _DOES_NOT_EXIST),
            *_threads_alone(_CLONE[machine]),
            *_without(_OF_THIS_PROCESS[machine], _FIRST_ARGUMENT, (_PDEATHSIG,)),
        ]
    )


def _add_filter(rules: list[bytes]) -> None:
    """Have the kernel look at each call, besides the filters that there are: the strictest answer counts."""
    architecture, seccomp = _NUMBERS[platform.machine()][:2]
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        *_refused_unless(architecture),
        _step(_LOAD, _NUMBER),
        _step(_IF_AT_LEAST, _OTHER_INTERFACE, otherwise=1),
        _step(_RETURN, _REFUSE),
        *rules,
        _step(_RETURN, _ALLOW),
    ]
    program = _Program(len(steps), b"".join(steps))
    if kernel.call(seccomp, _SET_FILTER, _ALL_THREADS, ctypes.byref(program)):
        raise OSError("a thread has a filter of its own")


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """Return an instruction; `then` and `otherwise` are how many of the next ones a comparison skips."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def _answered_if(value: int, answer: int) -> list[bytes]:
    return [_step(_IF_EQUAL, value, otherwise=1), _step(_RETURN, answer)]


def _refused_unless(value: int) -> list[bytes]:
    return [_step(_IF_EQUAL, value, then=1), _step(_RETURN, _REFUSE)]


def _of_this_process_alone(number: int, answer: int) -> list[bytes]:
    """Answer so a call that names another process; 0 is the one that calls."""
    steps = [_step(_LOAD, _FIRST_ARGUMENT), _step(_IF_EQUAL, 0, otherwise=1)]
    steps += [_step(_RETURN, _ALLOW), _step(_RETURN, answer)]
    return [_step(_IF_EQUAL, number, otherwise=len(steps)), *steps]


def _without(number: int, argument: int, values: tuple[int, ...], bits: int = 0xFFFFFFFF) -> list[bytes]:
    """Refuse a call of which these bits of an argument have one of these values."""
    steps = [_step(_LOAD, argument), _step(_AND, bits)]
    steps += [step for value in values for step in _answered_if(value, _REFUSE)]
    steps.append(_step(_RETURN, _ALLOW))
    return [_step(_IF_EQUAL, number, otherwise=len(steps)), *steps]


def _threads_alone(number: int) -> list[bytes]:
    """Refuse a call that makes anything but a thread of this process."""
    steps = [_step(_LOAD, _FIRST_ARGUMENT), _step(_AND, _CLONE_THREAD), *_refused_unless(_CLONE_THREAD)]
    steps.append(_step(_RETURN, _ALLOW))
    return [_step(_IF_EQUAL, number, otherwise=len(steps)), *steps]


def _connected_sockets_alone(number: int) -> list[bytes]:
    """Refuse a call for a socket of another family, or of a type that can send without a connection."""
    steps = [
        _step(_LOAD, _FIRST_ARGUMENT),
        *_refused_unless(socket.AF_UNIX),
        _step(_LOAD, _SECOND_ARGUMENT),
        _step(_AND, _TYPE_BITS),
        _step(_IF_EQUAL, socket.SOCK_SEQPACKET, then=2),
        *_refused_unless(socket.SOCK_STREAM),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_IF_EQUAL, number, otherwise=len(steps)), *steps]
