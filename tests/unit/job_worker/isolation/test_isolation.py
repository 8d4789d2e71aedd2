"""The isolation of the child process: real children in which native code tries to get out."""

import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from job_worker.bootstrap import build_runner
from job_worker.detection.bundled_detector import BUNDLED_NETWORK
from job_worker.errors import JobCannotBeDone, ModelLoadError, UnconfirmedLackOfSpace
from job_worker.isolation import landlock, seccomp
from job_worker.isolation.isolation import MAX_OPEN_FILES, Isolation, log_support
from job_worker.isolation.readable_paths import readable_paths
from job_worker.runtime.pipeline_child import SEPARATOR, Build
from job_worker.runtime.pipeline_runner import PipelineRunner, Run
from job_worker.runtime.process_runner import ProcessRunner, RunLimits
from job_worker.settings import WorkerSettings
from tests.support.escapes import (
    Escapes,
    ModelsElsewhere,
    ModelsThatRunAProgram,
    ModelsToDownload,
    Planted,
    attempt,
)
from tests.support.packages import make_package
from tests.support.project_copy import ROOT
from tests.support.waiting import eventually

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

needs_landlock = pytest.mark.skipif(
    landlock.version() < landlock.VERSION_WITH_SCOPES, reason="optional: this kernel has no Landlock, or an older one"
)
needs_seccomp = pytest.mark.skipif(not seccomp.is_supported(), reason="optional: this kernel has no filters of calls")

CLONE_FILES = 0x00000400
CLONE_NEWUSER = 0x10000000
ABSENT_KEY = 0x7E577E57

MakeRunner = Callable[..., PipelineRunner]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("host").resolve()


@pytest.fixture(scope="module")
def home(folder: Path) -> Iterator[Path]:
    """The home of the user, with a file that is nobody else's business."""
    home = folder / "home"
    home.mkdir()
    (home / "secret.txt").write_text("secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def work(folder: Path) -> Path:
    """The worker's own folder."""
    work = folder / "work"
    work.mkdir()
    return work


@pytest.fixture(scope="module")
def make_runner(work: Path, home: Path) -> Iterator[MakeRunner]:
    """Make runners as the worker does, with other pipelines, and start them; end their children at the end."""
    with ExitStack() as stack:

        def make(build: Build = Escapes(), **settings: object) -> PipelineRunner:  # noqa: B008 (frozen)
            runner = build_runner(WorkerSettings.of(work_dir=work, **settings), build)
            stack.callback(runner.close)
            runner.start(lambda: False)
            return runner

        yield make


@pytest.fixture(scope="module")
def isolated(make_runner: MakeRunner) -> PipelineRunner:
    return make_runner()


@pytest.fixture(scope="module")
def free(make_runner: MakeRunner) -> PipelineRunner:
    """The same without isolation: what a test tries does work."""
    return make_runner(isolation="off")


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def error(runner: PipelineRunner, work: Path, what: str, argument: object) -> str:
    """Try something; return the name of the error, or "" where it succeeds."""
    results = work / "results.json"
    runner.run(Run(attempt(what, argument), work / "video.mp4", results), lambda: False)
    [entry] = json.loads(results.read_bytes())["results"]
    return str(entry["result"]["error"])


@needs_seccomp
class TestTheNetwork:
    def test_nobody_can_be_connected_to(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path, port: int
    ) -> None:
        assert error(isolated, work, "connect", port) == "EPERM"
        assert error(free, work, "connect", port) == ""

    def test_nor_can_a_service_of_this_host(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            assert error(isolated, work, "connect to a path", str(path)) == "EPERM"
            assert error(free, work, "connect to a path", str(path)) == ""

    def test_no_socket_of_a_network_is_made(self, isolated: PipelineRunner, work: Path) -> None:
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.SOCK_RAW):
                assert error(isolated, work, "make a socket", (family, kind)) == "EPERM"

    def test_sockets_of_this_host_are_made_connected_or_not_at_all(self, isolated: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "make a pair", (socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)) == ""
        assert error(isolated, work, "make a pair", (socket.AF_UNIX, socket.SOCK_SEQPACKET)) == ""
        assert error(isolated, work, "make a pair", (socket.AF_UNIX, socket.SOCK_DGRAM)) == "EPERM"
        assert error(isolated, work, "make a socket", (socket.AF_UNIX, socket.SOCK_DGRAM)) == "EPERM"

    def test_calls_that_would_get_around_it_are_refused(self, isolated: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "use io_uring", None) == "EPERM"
        assert error(isolated, work, "trace", os.getpid()) == "EPERM"


@needs_seccomp
class TestProcessesOfItsOwn:
    """They would outlive it, and their memory would not be counted."""

    def test_there_are_none(self, isolated: PipelineRunner, free: PipelineRunner, work: Path) -> None:
        for flags in (None, signal.SIGCHLD, signal.SIGCHLD | CLONE_FILES):
            assert error(isolated, work, "fork", flags) == "EPERM"
            assert error(free, work, "fork", flags) == ""

    def test_flags_that_no_filter_sees_are_not_taken(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, "clone in a structure", 8) == "ENOSYS"
        assert error(free, work, "clone in a structure", 8) == "EINVAL"

    def test_no_program_is_run(self, isolated: PipelineRunner, free: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "run", "/bin/true") != ""
        assert error(free, work, "run", "/bin/true") == ""
        for what in ("become a program", "become an open program"):
            assert error(isolated, work, what, "/absent") == "EPERM"
            assert error(free, work, what, "/absent") == "ENOENT"

    def test_threads_can_be_started(self, isolated: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "start a thread", None) == ""

    def test_it_does_not_choose_to_outlive_the_worker(
        self, isolated: PipelineRunner, make_runner: MakeRunner, work: Path
    ) -> None:
        assert error(isolated, work, "outlive its parent", None) == "EPERM"
        assert error(make_runner(isolation="off"), work, "outlive its parent", None) == ""

    def test_models_may_need_them_to_load(self, make_runner: MakeRunner, work: Path) -> None:
        runner = make_runner(ModelsThatRunAProgram())
        assert error(runner, work, "fork", None) == "EPERM"


@needs_seccomp
@pytest.mark.skipif(bool(Isolation(Path()).gpus()), reason="optional: the drivers of a GPU may need such memory")
class TestMemoryThatIsNotCounted:
    @pytest.mark.parametrize(
        ("what", "answer"),
        [("make an unnamed file", "ENOSYS"), ("make a secret file", "ENOSYS"), ("map shared memory", "EPERM")],
    )
    def test_there_is_none(
        self, what: str, answer: str, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, what, None) == answer
        assert error(free, work, what, None) in ("", "ENOSYS")  # not every kernel has secret memory

    @needs_landlock
    def test_nor_that_of_a_device(self, isolated: PipelineRunner, free: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "write", "/dev/zero") == "EACCES"
        assert error(isolated, work, "write", "/dev/null") == ""
        assert error(free, work, "map zeros", None) == ""


@needs_seccomp
class TestOtherProcesses:
    def test_no_other_process_is_limited_to_no_time(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, "limit", os.getpid()) == "EPERM"
        assert error(isolated, work, "limit", 0) == ""
        assert error(free, work, "limit", os.getpid()) == ""

    def test_no_other_process_is_slowed_down(self, isolated: PipelineRunner, free: PipelineRunner, work: Path) -> None:
        as_it_is = [os.getpid(), os.nice(0)]
        assert error(isolated, work, "set a priority", as_it_is) == "EPERM"
        assert error(free, work, "set a priority", as_it_is) == ""

    def test_no_other_process_is_kept_on_one_core(self, isolated: PipelineRunner, work: Path) -> None:
        cores = os.sched_getaffinity(0)
        assert error(isolated, work, "choose a core", os.getpid()) == ""
        assert os.sched_getaffinity(0) == cores
        assert error(isolated, work, "choose a core", 0) == ""

    def test_no_namespace_is_entered_in_which_it_would_have_all_capabilities(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, "enter a namespace", CLONE_NEWUSER) == "EPERM"
        assert error(free, work, "enter a namespace", CLONE_NEWUSER) == "EINVAL"  # for it has threads
        assert error(isolated, work, "change the root", "/absent") == "EPERM"

    @pytest.mark.parametrize("what", ["open shared memory", "open semaphores", "open a queue"])
    def test_nothing_is_shared_with_others_of_the_same_user(
        self, what: str, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, what, ABSENT_KEY) == "EPERM"
        assert error(free, work, what, ABSENT_KEY) == "ENOENT"

    def test_no_key_of_the_user_is_read(self, isolated: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "read a key", None) == "EPERM"

    def test_nothing_is_typed_into_the_terminal_of_the_worker(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, "share the terminal", None) == "ENOTTY"
        assert error(free, work, "share the terminal", None) == ""

    def test_the_log_of_the_worker_is_added_to_and_not_changed(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        for descriptor in (1, 2):
            assert error(isolated, work, "empty the log", descriptor) == "EINVAL"
            assert error(isolated, work, "overwrite the log", descriptor) == "ESPIPE"
        assert error(free, work, "overwrite the log", 2) == ""

    def test_what_it_prints_reaches_the_log_as_its_own_and_nothing_else(
        self,
        isolated: PipelineRunner,
        work: Path,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        forged = "\x1b[2J CRITICAL all jobs are lost\u202e"
        with caplog.at_level("ERROR"):
            assert error(isolated, work, "print", f"one\n{forged}\n") == ""
            eventually(lambda: len(caplog.records) > 1, "the lines")
        found = [(record.levelname, record.getMessage(), vars(record)["line"]) for record in caplog.records]
        assert found == [("ERROR", "printed by the child process", line) for line in ("one", forged)]
        assert forged not in capfd.readouterr().err

    def test_what_it_prints_without_end_is_left_out_of_the_log_which_says_so_at_the_end_of_the_job(
        self, isolated: PipelineRunner, work: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("ERROR"):
            assert error(isolated, work, "print", f"{'x' * 1000}\n" * 500) == ""
            eventually(lambda: any(hasattr(record, "left_out_bytes") for record in caplog.records), "the record")

    def test_what_is_typed_to_the_worker_is_not_read(self, make_runner: MakeRunner, work: Path) -> None:
        with ExitStack() as stack:
            stack.callback(os.dup2, stack.enter_context(os.fdopen(os.dup(0))).fileno(), 0)
            typed, keyboard = os.pipe()
            os.dup2(typed, 0)
            os.close(typed)
            stack.callback(os.close, keyboard)
            os.write(keyboard, b"typed")
            assert error(make_runner(), work, "read what is typed", None) == "ENODATA"
            assert error(make_runner(isolation="off"), work, "read what is typed", None) == ""

    def test_no_request_is_sent_to_what_frees_shared_memory(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, "find a second pipe", None) == "EBADF"
        assert error(free, work, "find a second pipe", None) == ""

    @pytest.mark.parametrize("what", ["watch", "watch all", "be notified"])
    def test_the_use_of_files_is_not_watched(
        self, what: str, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        assert error(isolated, work, what, str(work)) == "EPERM"
        assert error(free, work, what, str(work)) == ""

    def test_the_modes_of_files_stay_as_they_are(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.touch(0o640)
        assert error(isolated, work, "change the mode", str(file)) == ""
        assert file.stat().st_mode & 0o777 == 0o640
        assert error(free, work, "change the mode", str(file)) == ""
        assert file.stat().st_mode & 0o777 == 0

    @pytest.mark.parametrize("what", ["change the flags", "change the version", "change the attributes", "get a lease"])
    def test_a_file_that_is_open_for_reading_keeps_its_flags(
        self, what: str, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        file = work / "flagged"
        file.touch()
        assert error(isolated, work, what, str(file)) == "EPERM"
        assert error(free, work, what, str(file)) != "EPERM"  # not every file system and kernel has them


@needs_landlock
class TestFiles:
    def test_files_of_the_home_cannot_be_read(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path, home: Path
    ) -> None:
        for path in (home / "secret.txt", home):
            assert error(isolated, work, "read", str(path)) == "EACCES"
            assert error(free, work, "read", str(path)) == ""

    def test_private_keys_of_this_host_cannot_be_read_and_certificates_can(
        self, isolated: PipelineRunner, work: Path
    ) -> None:
        for path in ("/etc/ssl", "/etc/ssl/private"):
            assert error(isolated, work, "read", path) in ("EACCES", "ENOENT")
        for path in ("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf"):
            assert error(isolated, work, "read", path) in ("", "ENOENT")

    def test_nothing_outside_the_work_folder_is_changed(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path, home: Path
    ) -> None:
        (home / "file").write_text("content")
        ways = {"write": "new", "make a folder": "folder", "link": "link", "truncate": "file", "delete": "file"}
        for what, name in ways.items():
            assert error(isolated, work, what, str(home / name)) == "EACCES"
            assert error(free, work, what, str(home / name)) == ""

    def test_nor_what_may_be_read(self, isolated: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "read", __file__) == ""
        assert error(isolated, work, "write", __file__) == "EACCES"

    def test_among_temporary_files_are_files_and_folders_alone(self, isolated: PipelineRunner, work: Path) -> None:
        temporary = work / "temporary"
        assert error(isolated, work, "write", str(temporary / "file")) == ""
        assert error(isolated, work, "make a folder", str(temporary / "folder")) == ""
        assert error(isolated, work, "move", [str(temporary / "file"), str(temporary / "folder" / "file")]) == ""
        assert error(isolated, work, "delete", str(temporary / "folder" / "file")) == ""
        # The worker itself would follow a link, and wait at a pipe.
        assert error(isolated, work, "link", str(temporary / "link")) == "EACCES"
        assert error(isolated, work, "make a pipe", str(temporary / "pipe")) == "EACCES"

    def test_the_files_and_folders_of_jobs_are_not_moved_deleted_or_joined_by_others(
        self, isolated: PipelineRunner, free: PipelineRunner, work: Path
    ) -> None:
        (job := work / "job").mkdir()
        (video := job / "video.mp4").write_text("content")
        attempts: list[tuple[str, object]] = [
            ("write", str(job / "new")),
            ("make a folder", str(job / "folder")),
            ("make a folder", str(work / "folder")),
            ("move", [str(video), str(job / "moved")]),
            ("move", [str(job), str(work / "moved")]),
            ("delete", str(work / "moved" / "moved")),
        ]
        assert {error(isolated, work, *attempt) for attempt in attempts[:-1]} == {"EACCES"}
        assert error(isolated, work, "move", [str(job), str(work / "temporary" / "job")]) == "EACCES"
        assert error(isolated, work, "delete", str(video)) == "EACCES"
        assert {error(free, work, *attempt) for attempt in attempts} == {""}

    def test_the_worker_cannot_be_looked_into(self, isolated: PipelineRunner, free: PipelineRunner, work: Path) -> None:
        for name in ("environ", "mem", "maps"):
            assert error(isolated, work, "read", f"/proc/{os.getpid()}/{name}") == "EACCES"
        assert error(free, work, "read", f"/proc/{os.getpid()}/environ") == ""

    def test_no_other_process_gets_a_signal(self, isolated: PipelineRunner, free: PipelineRunner, work: Path) -> None:
        assert error(isolated, work, "signal", os.getpid()) == "EPERM"
        assert error(free, work, "signal", os.getpid()) == ""

    @pytest.mark.parametrize(
        ("device", "written"), [("nvidia0", "True"), ("dxg", "True"), ("dri", "False"), ("kfd", "False")]
    )
    def test_shared_memory_is_changed_only_where_cuda_may_need_it(
        self, device: str, written: str, work: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "shm").mkdir()
        (tmp_path / device).touch()
        program = f"""
import os
from pathlib import Path
from job_worker.isolation.isolation import Isolation
Isolation(Path({str(work)!r}), device_folder=Path({str(tmp_path)!r})).apply()
try:
    os.open({str(tmp_path / "shm" / "file")!r}, os.O_CREAT | os.O_WRONLY)
    print(True)
except PermissionError:
    print(False)
"""
        found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        assert found.strip() == written

    def test_temporary_files_are_made_in_a_folder_of_their_own(self, work: Path) -> None:
        program = f"""
from pathlib import Path
import tempfile
from job_worker.isolation.isolation import Isolation
Isolation(Path({str(work)!r}), (Path({sys.prefix!r}), Path({sys.base_prefix!r}))).apply()
print(tempfile.mkdtemp())
"""
        made = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        assert Path(made.strip()).parent == work / "temporary"


@needs_landlock
class TestLoading:
    def test_models_that_are_not_in_the_cache_yet_are_loaded_once_without_isolation(
        self, make_runner: MakeRunner, work: Path, home: Path, tmp_path: Path
    ) -> None:
        cache = tmp_path / "cache"
        runner = make_runner(ModelsToDownload(cache), cache_dir=cache)
        assert (cache / "model").exists()
        assert error(runner, work, "read", str(cache / "model")) == ""
        assert error(runner, work, "write", str(cache / "model")) == "EACCES"
        assert error(runner, work, "read", str(home / "secret.txt")) == "EACCES"

    def test_what_cannot_be_read_is_named_with_the_settings(self, make_runner: MakeRunner, home: Path) -> None:
        elsewhere = ModelsElsewhere(home / "secret.txt")
        with pytest.raises(ModelLoadError, match=r"Permission denied\. .*--readable-paths.*--isolation off"):
            make_runner(elsewhere)
        make_runner(elsewhere, readable_paths=str(home / "secret.txt"))
        make_runner(elsewhere, isolation="off")

    def test_models_that_do_not_load_without_isolation_either_are_no_matter_of_it(
        self, make_runner: MakeRunner, home: Path
    ) -> None:
        with pytest.raises(ModelLoadError, match=r"No such file or directory\.$"):
            make_runner(ModelsElsewhere(home / "absent"))

    def test_a_process_that_cannot_be_isolated_does_not_start(self, tmp_path: Path) -> None:
        runner = ProcessRunner(Escapes(), RunLimits(60, 1 << 40), Isolation(tmp_path / "absent"))
        both = r"cannot be isolated .*absent.*; see --isolation\. Without .*--isolation off"
        with pytest.raises(ModelLoadError, match=both):
            runner.start(lambda: False)


def test_the_worker_unpickles_nothing_that_the_child_sends(free: PipelineRunner, work: Path, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    with pytest.raises(JobCannotBeDone, match="makes no sense"):
        error(free, work, "send to the parent", Planted(planted).as_message())
    assert not planted.exists()


def test_the_worker_looks_itself_whether_there_is_space(free: PipelineRunner, work: Path) -> None:
    message = f"no_space{SEPARATOR}free space".encode()
    with pytest.raises(UnconfirmedLackOfSpace, match="there is room"):
        error(free, work, "send to the parent", (struct.pack("!i", len(message)) + message).hex())


def test_the_temporary_files_of_a_process_are_deleted_when_it_ends(make_runner: MakeRunner, work: Path) -> None:
    runner = make_runner()
    assert error(runner, work, "write", str(work / "temporary" / "left")) == ""
    runner.close()
    assert list((work / "temporary").iterdir()) == []
    assert error(runner, work, "start a thread", None) == ""


def test_a_message_that_would_fill_the_memory_of_the_worker_fails_the_job(free: PipelineRunner, work: Path) -> None:
    with pytest.raises(JobCannotBeDone, match="makes no sense"):
        error(free, work, "send to the parent", (1 << 30).to_bytes(4, "big").hex())


def test_a_message_that_does_not_come_to_its_end_fails_the_job(work: Path) -> None:
    runner = ProcessRunner(Escapes(), RunLimits(60, 1 << 40), message_seconds=0.2)
    with closing(runner), pytest.raises(JobCannotBeDone, match="cut off"):
        error(runner, work, "send to the parent", (100).to_bytes(4, "big").hex())


def test_the_process_has_one_thread_and_few_modules_when_it_is_isolated() -> None:
    program = """
import os, sys
import job_worker.worker_runner, job_worker.runtime.isolated_child
print(len(os.listdir("/proc/self/task")), *sys.modules.keys() & {"numpy", "cv2", "av", "grpc", "psutil"})
"""
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["1"]


@needs_landlock
def test_threads_that_were_there_before_are_reported(work: Path) -> None:
    program = f"""
from pathlib import Path
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
from job_worker.isolation.isolation import Isolation
Isolation(Path({str(work)!r})).apply()
"""
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "1 threads were started too early" in found.stderr


def test_no_core_is_dumped_and_files_are_bounded(work: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from job_worker.isolation.isolation import Isolation
Isolation(Path({str(work)!r})).apply()
limits = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
print(*(resource.getrlimit(limit)[1] for limit in limits))
"""
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    core, file, files = map(int, found.stdout.split())
    assert core == 0
    assert 0 < file != resource.RLIM_INFINITY
    assert files <= MAX_OPEN_FILES


def test_the_log_says_what_the_kernel_supports(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        log_support()
    [record] = caplog.records
    is_whole = landlock.version() >= landlock.VERSION_WITH_SCOPES and seccomp.is_supported()
    assert record.getMessage().startswith("videos are decoded in isolation")
    assert record.levelname == ("INFO" if is_whole else "WARNING")
    assert "core dumps" in vars(record)["protected"]


def test_that_it_is_off_is_logged(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    make_runner(isolation="off")
    assert "without isolation" in caplog.text


class TestReadablePaths:
    def test_python_the_project_and_the_cache_are_among_them(self, tmp_path: Path) -> None:
        paths = readable_paths(WorkerSettings.of(cache_dir=tmp_path / "cache"))
        assert {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), tmp_path / "cache"} <= set(paths)
        assert any(Path(build_runner.__code__.co_filename).is_relative_to(path) for path in paths)

    def test_the_models_that_ship_are_although_the_checkout_is_not_on_the_path(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry).resolve() != ROOT])
        models = BUNDLED_NETWORK.resolve()
        assert any(models.is_relative_to(path) for path in readable_paths(WorkerSettings.of()))

    def test_models_are_with_what_lies_beside_them_under_their_name(self, tmp_path: Path) -> None:
        for name in ("signs.xml", "signs.bin", "other.txt"):
            (tmp_path / name).touch()
        paths = readable_paths(WorkerSettings.of(yolo_weights=str(tmp_path / "signs.xml")))
        assert {path.name for path in paths if path.parent == tmp_path} == {"signs.xml", "signs.bin"}

    def test_what_the_options_of_a_plugin_name_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = "class Reader:\n    description = 'Reads.'\n    def __init__(self, model=''):\n        pass\n"
        site = make_package(tmp_path / "site", "a_reader", "foregsyte.pipelines", {"reader": "a_reader:Reader"}, source)
        monkeypatch.syspath_prepend(str(site))
        table = {"kind": "reader", "options": {"model": str(tmp_path / "model")}}
        settings = WorkerSettings.of(pipeline_tables={"mine": table}, pipelines="mine")
        assert tmp_path / "model" in readable_paths(settings)

    def test_the_home_is_not_although_a_program_was_started_there(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(str(home))
        monkeypatch.syspath_prepend(str(home.parent))
        assert not [path for path in readable_paths(WorkerSettings.of()) if home.is_relative_to(path)]

    def test_what_the_settings_name_is(self, home: Path) -> None:
        assert home in readable_paths(WorkerSettings.of(readable_paths=f"/a:{home}"))
