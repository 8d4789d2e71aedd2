"""Fixtures that every level of tests shares."""

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import grpc
import hypothesis
import pytest

from job_api.bootstrap import Services, build_server, build_services
from job_api.settings import ApiSettings
from job_client import JobClient
from job_worker.errors import JobCannotBeDone
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from tests.support.clock import FakeClock
from tests.support.found import FAILURE, RESULTS
from tests.support.samples import results_document
from tests.support.worker_fakes import FakeRunner, raising
from tests.support.working import free_port, working

pytest_plugins = ["job_api.testing"]

# How long an example takes says nothing while other tests run beside it.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.register_profile("fast", deadline=None, max_examples=10)
hypothesis.settings.load_profile("tests")

ROOT = Path(__file__).parent.parent
TINY_MP4 = ROOT / "tests" / "fixtures" / "tiny.mp4"


NEED_TORCH = "test_torch_*.py"
"""The modules that import torch, which takes seconds: the Makefile leaves them out where none of their tests is run."""
OPTIONAL = "optional:"
"""How the reason of a skip begins that no run forbids, because nobody must have what it needs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="A skipped test fails the run: for CI.")


def pytest_configure(config: pytest.Config) -> None:
    # Whatever the tests submit by the command is noted in a folder of theirs, and not in the user's history.
    folder = tempfile.mkdtemp(prefix="foregsyte-tests-")
    os.environ["XDG_STATE_HOME"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    # A shell that starts the tests in the background has SIGINT ignored, and so would every process that they start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A make that a test starts is nobody's child: run by make itself, it would print which folder it enters.
    for name in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS"):
        os.environ.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what loads torch, and what migrates a database: most of the time of a unit test of the server."""
    for item in items:
        if item.path.match(NEED_TORCH):
            item.add_marker(pytest.mark.models)
        if {"make_services", "database"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.thorough)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop a run that leaves out what imports torch, and has imported it all the same: seconds in each process."""
    if "torch" in sys.modules and f"*/{NEED_TORCH}" in (session.config.getoption("ignore_glob") or ()):
        session.shouldfail = f"a module that is no {NEED_TORCH} imports torch when it is collected"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = _forbidden(terminalreporter)
    if skipped and config.getoption("--fail-on-skip"):
        terminalreporter.write_line(f"{len(skipped)} tests were skipped, and --fail-on-skip allows none", red=True)


def _forbidden(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    """Return the skips that --fail-on-skip does not allow."""
    skipped = reporter.stats.get("skipped", [])
    return [report for report in skipped if OPTIONAL not in str(report.longrepr)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and _forbidden(reporter) and session.config.getoption("--fail-on-skip"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _outside(variable: str, default: str) -> Path:
    """Return a folder that is not part of the project; skip the test, by name, where it is absent."""
    path = Path(os.environ.get(variable, ROOT.parent / "shared" / default))
    if not path.exists():
        pytest.skip(f"{path} is absent; set {variable} to run this test")
    return path


@pytest.fixture(autouse=True)
def _log_of_the_test_run() -> Iterator[None]:
    """Put the log back where it was: what a test starts in this process sends it to that test's standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _history_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note what a test submits apart from other tests: the system gives their servers the same ports again."""
    monkeypatch.setenv("XDG_STATE_HOME", f"{os.environ['XDG_STATE_HOME']}/{uuid4().hex}")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real and awkward videos."""
    return _outside("FOREGSYTE_TEST_VIDEOS", "videos")


@pytest.fixture(scope="session")
def yolo_weights() -> Path:
    """Weights of a YOLO trained on COCO."""
    return _outside("FOREGSYTE_TEST_WEIGHTS", "models/yolo11n_int8_openvino_model")


@pytest.fixture(scope="session")
def tiny_mp4() -> bytes:
    """A whole, small MP4: 12 frames of 320x240."""
    return TINY_MP4.read_bytes()


@pytest.fixture
def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom nothing says where the home is, as in a container with a bare user id."""

    pwd = pytest.importorskip("pwd", reason="optional: on Windows a user's folders follow from variables alone")

    def unknown(_: int) -> NoReturn:
        raise KeyError("no such user")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves on request."""
    return FakeClock()


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., ApiSettings]:
    """Make settings of a server on a free port, with files in a temporary folder and a database in memory.

    It has a quarter of the threads that are the default: to start those takes longer than most tests.
    """

    def make(**values: object) -> ApiSettings:
        defaults: dict[str, object] = {
            "address": "127.0.0.1:0",
            "data_dir": tmp_path / "data",
            "database_url": f"duckdb:///:memory:{uuid4().hex}",
            "min_free_bytes": 0,
            "max_waiting_workers": 64,
            "max_concurrent_calls": 16,
        }
        return ApiSettings.of(**(defaults | values))

    return make


@pytest.fixture
def settings_on_disk(make_settings: Callable[..., ApiSettings], tmp_path: Path) -> ApiSettings:
    """Settings of a server that can be started again, at the same address on the same files."""
    database_url = f"duckdb:///{tmp_path / 'data' / 'jobs.duckdb'}"
    return make_settings(address=f"127.0.0.1:{free_port()}", database_url=database_url)


@pytest.fixture
def make_services(make_settings: Callable[..., ApiSettings], clock: FakeClock) -> Iterator[Callable[..., Services]]:
    """Build services on a fake clock; close them at the end. Adapters can be passed."""
    with ExitStack() as stack:

        def make(settings: ApiSettings | None = None, **adapters: object) -> Services:
            services = build_services(settings or make_settings(), **({"clock": clock} | adapters))  # type: ignore[arg-type]
            stack.callback(services.close)
            return services

        yield make


@pytest.fixture
def start_server(make_settings: Callable[..., ApiSettings]) -> Iterator[Callable[..., str]]:
    """Start a real server on a free port and return its address; stop it at the end."""
    with ExitStack() as stack:

        def start(settings: ApiSettings | None = None, **adapters: object) -> str:
            settings = settings or make_settings()
            services = build_services(settings, **adapters)  # type: ignore[arg-type]
            stack.callback(services.close)
            server = build_server(settings, services)
            stack.callback(server.stop)
            return server.start()[0]

        yield start


@pytest.fixture
def address(start_server: Callable[..., str]) -> str:
    """The address of a server with default settings."""
    return start_server()


@pytest.fixture
def client(address: str) -> Iterator[JobClient]:
    """The Python client of that server."""
    with JobClient(address) as client:
        yield client


@pytest.fixture
def worker(address: str) -> Iterator[None]:
    """A worker of that server that finds RESULTS in every video."""
    with working(address, FakeRunner(lambda *_: results_document(RESULTS))):
        yield


@pytest.fixture
def failing_worker(address: str) -> Iterator[None]:
    """A worker of that server that can do no job."""
    with working(address, FakeRunner(raising(JobCannotBeDone(FAILURE)))):
        yield


@pytest.fixture
def connect() -> Iterator[Callable[[str], grpc.Channel]]:
    """Open channels; close them at the end."""
    with ExitStack() as stack:

        def open_channel(address: str) -> grpc.Channel:
            channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
            stack.callback(channel.close)
            return channel

        yield open_channel


@pytest.fixture
def channel(address: str, connect: Callable[[str], grpc.Channel]) -> grpc.Channel:
    """A channel to that server."""
    return connect(address)


@pytest.fixture
def jobs(channel: grpc.Channel) -> JobServiceStub:
    """The clients' stub of that server."""
    return JobServiceStub(channel)


@pytest.fixture
def workers(channel: grpc.Channel) -> WorkerServiceStub:
    """The workers' stub of that server."""
    return WorkerServiceStub(channel)
