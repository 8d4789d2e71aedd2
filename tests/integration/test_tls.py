"""TLS on the server, its worker and its client, and the two services on an address each."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from job_api.listener import CertificateUnusable
from job_api.settings import ApiSettings
from job_client import JobClient, ServiceError
from job_worker.bootstrap import build_worker
from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.stop_signal import StopSignal
from job_worker.settings import WorkerSettings
from shared.contract.channel import open_channel
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from shared.contract.job_status import JobStatus
from shared.process.exit_codes import ExitCode
from shared.process.settings import InvalidSettings, load_settings
from tests.support.certificates import make_certificate
from tests.support.errors import refusal_of
from tests.support.processes import environment
from tests.support.running import running_server
from tests.support.samples import DOCUMENT, UNKNOWN_JOB, VIDEO
from tests.support.waiting import in_thread
from tests.support.worker_fakes import FakeRunner, report_results

pytestmark = pytest.mark.integration

MakeSettings = Callable[..., ApiSettings]
JOB_SERVICE, WORKER_SERVICE = "foregsyte.jobs.v1.JobService", "foregsyte.jobs.v1.WorkerService"
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The server's certificate and its key."""
    return make_certificate(tmp_path_factory.mktemp("own"), "server")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for the same host that somebody else made, and its key."""
    return make_certificate(tmp_path_factory.mktemp("other"), "server")


@contextmanager
def addresses_with_tls(
    make_settings: MakeSettings, tls_files: tuple[Path, Path], **values: object
) -> Iterator[list[str]]:
    settings = make_settings(tls_cert_file=tls_files[0], tls_key_file=tls_files[1], **values)
    with running_server(settings) as server:
        yield server.addresses


class TestConnecting:
    def test_client_and_worker_that_trust_the_certificate_take_a_job_through_its_life(
        self, make_settings: MakeSettings, own: tuple[Path, Path], tmp_path: Path
    ) -> None:
        with (
            addresses_with_tls(make_settings, own) as [address],
            JobClient(address, tls_ca_file=own[0]) as client,
            WorkerApi(partial(open_channel, address, own[0]), "w", StopSignal(drain_seconds=0)) as worker,
        ):
            job_id = client.submit(VIDEO, "ocr").job_id
            assert worker.dequeue(5) == job_id
            worker.download(job_id, tmp_path / "video.mp4", 1000, lambda: False)
            assert (tmp_path / "video.mp4").read_bytes() == VIDEO
            report_results(worker, job_id, DOCUMENT)
            assert client.job(job_id).status().status is JobStatus.completed
            assert client.job(job_id).results_as_dicts()[0]["result"] == {"text": "one"}

    def test_a_worker_whose_file_of_certificates_is_gone_stops_as_always(
        self, make_settings: MakeSettings, own: tuple[Path, Path], tmp_path: Path
    ) -> None:
        trusted, stop = Path(shutil.copy(own[0], tmp_path)), StopSignal(drain_seconds=0)
        with (
            addresses_with_tls(make_settings, own) as [address],
            JobClient(address, tls_ca_file=own[0]) as client,
            build_worker(WorkerSettings.of(address=address, tls_ca_file=trusted), FakeRunner(), stop) as worker,
        ):
            working = in_thread(worker.run_forever)
            assert client.submit(VIDEO, "ocr").wait(20).status is JobStatus.completed
            with pytest.raises(TimeoutError):
                working.result(0.3)
            trusted.unlink()
            stop.request()
            working.result(5)

    def test_a_caller_without_tls_or_with_another_authority_is_refused(
        self, make_settings: MakeSettings, own: tuple[Path, Path], other: tuple[Path, Path]
    ) -> None:
        with addresses_with_tls(make_settings, own) as [address]:
            for trusted in (None, other[0]):
                with open_channel(address, trusted) as channel:
                    asking = JobServiceStub(channel).ListPipelines
                    refusal = refusal_of(lambda asking=asking: asking(pb.ListPipelinesRequest(), timeout=30))  # type: ignore[misc]
                    assert refusal.code is grpc.StatusCode.UNAVAILABLE
            with JobClient(address, tls_ca_file=own[0]) as client, pytest.raises(ServiceError, match="JOB_NOT_FOUND"):
                client.job(UNKNOWN_JOB).status()

    def test_a_caller_with_tls_is_refused_by_a_server_without(
        self, make_settings: MakeSettings, own: tuple[Path, Path]
    ) -> None:
        with running_server(make_settings()) as server, open_channel(server.addresses[0], own[0]) as channel:
            asking = JobServiceStub(channel).ListPipelines
            refusal = refusal_of(lambda: asking(pb.ListPipelinesRequest(), timeout=30))
            assert refusal.code is grpc.StatusCode.UNAVAILABLE

    @pytest.mark.parametrize("of_certificate", [False, True])
    def test_a_file_without_certificates_is_refused_before_anything_is_called(
        self, own: tuple[Path, Path], tmp_path: Path, *, of_certificate: bool
    ) -> None:
        file = own[1] if of_certificate else empty(own, own, tmp_path)
        with pytest.raises(ValueError, match="must be a file of certificates"):
            JobClient("127.0.0.1:1", tls_ca_file=file)


class TestSettings:
    @pytest.mark.parametrize("given", ["--tls-cert-file", "--tls-key-file"])
    def test_one_of_the_two_alone_is_a_mistake_that_names_both(self, own: tuple[Path, Path], given: str) -> None:
        with pytest.raises(InvalidSettings) as raised:
            load_settings(ApiSettings, [given, str(own[0])], "foregsyte-api")
        assert str(raised.value) == "--tls-cert-file and --tls-key-file must be given together"

    @pytest.mark.parametrize("name", ["--tls-cert-file", "--tls-key-file"])
    def test_a_file_that_is_not_there_is_a_mistake_that_names_it(self, own: tuple[Path, Path], name: str) -> None:
        flags = {"--tls-cert-file": str(own[0]), "--tls-key-file": str(own[1])} | {name: "nowhere.pem"}
        with pytest.raises(InvalidSettings, match=rf"^{name} .*nowhere\.pem"):
            load_settings(ApiSettings, [part for flag in flags.items() for part in flag], "foregsyte-api")


def garbage(_own: tuple[Path, Path], _other: tuple[Path, Path], folder: Path) -> Path:
    (folder / "garbage.pem").write_bytes(b"\x00no PEM\xff" * 100)
    return folder / "garbage.pem"


def empty(_own: tuple[Path, Path], _other: tuple[Path, Path], folder: Path) -> Path:
    (folder / "empty.pem").touch()
    return folder / "empty.pem"


def of_another(_own: tuple[Path, Path], other: tuple[Path, Path], _folder: Path) -> Path:
    return other[1]


def a_certificate(own: tuple[Path, Path], _other: tuple[Path, Path], _folder: Path) -> Path:
    return own[0]


def locked(own: tuple[Path, Path], _other: tuple[Path, Path], folder: Path) -> Path:
    key = serialization.load_pem_private_key(own[1].read_bytes(), None)
    (folder / "locked.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return folder / "locked.pem"


KEYS = [garbage, empty, of_another, a_certificate, locked]


class TestUnusableCertificates:
    @pytest.mark.parametrize("make_key", KEYS, ids=lambda make_key: make_key.__name__)
    def test_a_key_that_is_not_the_certificates_is_said_to_be_that(
        self,
        make_settings: MakeSettings,
        own: tuple[Path, Path],
        other: tuple[Path, Path],
        tmp_path: Path,
        make_key: Callable[..., Path],
    ) -> None:
        key = make_key(own, other, tmp_path)
        with pytest.raises(CertificateUnusable) as raised, addresses_with_tls(make_settings, (own[0], key)):
            pass
        assert f"--tls-cert-file {own[0]} and --tls-key-file {key} cannot be used" in str(raised.value)

    def test_a_certificate_that_is_none_is_said_to_be_that(
        self, make_settings: MakeSettings, own: tuple[Path, Path], tmp_path: Path
    ) -> None:
        certificate = garbage(own, own, tmp_path)
        with pytest.raises(CertificateUnusable), addresses_with_tls(make_settings, (certificate, own[1])):
            pass

    def test_a_key_that_may_not_be_read_is_said_to_be_that(
        self, make_settings: MakeSettings, own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(CertificateUnusable, match="Permission denied"), addresses_with_tls(make_settings, own):
            pass

    def test_the_process_ends_with_one_message_and_the_code_of_wrong_settings(
        self, own: tuple[Path, Path], tmp_path: Path
    ) -> None:
        key = garbage(own, own, tmp_path)
        flags = ("--address", "127.0.0.1:0", "--tls-cert-file", str(own[0]), "--tls-key-file", str(key))
        ended = subprocess.run(
            [sys.executable, "-m", "job_api", *flags],
            check=False,
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (ended.returncode, ended.stdout) == (ExitCode.USAGE, "")
        assert ended.stderr.splitlines()[-1].startswith("foregsyte-api: --tls-cert-file")
        assert str(key) in ended.stderr
        assert "Traceback" not in ended.stderr


class TestAnAddressForEachService:
    @pytest.mark.parametrize("with_tls", [False, True], ids=["without TLS", "with TLS"])
    def test_each_serves_its_own_service_with_health_and_reflection_and_not_the_other(
        self, make_settings: MakeSettings, own: tuple[Path, Path], with_tls: bool
    ) -> None:
        tls = {"tls_cert_file": own[0], "tls_key_file": own[1]} if with_tls else {}
        with running_server(make_settings(worker_address="127.0.0.1:0", **tls)) as server:
            of_clients, of_workers = server.addresses
            assert of_clients != of_workers
            trusted = own[0] if with_tls else None
            with open_channel(of_clients, trusted) as clients, open_channel(of_workers, trusted) as workers:
                assert JobServiceStub(clients).ListPipelines(pb.ListPipelinesRequest()).pipelines
                assert not WorkerServiceStub(workers).Dequeue(pb.DequeueRequest(worker_id="w")).job_id
                for channel, service, foreign in (
                    (clients, JOB_SERVICE, WORKER_SERVICE),
                    (workers, WORKER_SERVICE, JOB_SERVICE),
                ):
                    listed = set(ProtoReflectionDescriptorDatabase(channel).get_services())
                    assert service in listed
                    assert foreign not in listed
                    health = health_pb2_grpc.HealthStub(channel)
                    assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING
                    assert health.Check(health_pb2.HealthCheckRequest()).status == SERVING
                wrong_way = (
                    lambda: JobServiceStub(workers).ListPipelines(pb.ListPipelinesRequest()),
                    lambda: WorkerServiceStub(clients).Dequeue(pb.DequeueRequest(worker_id="w")),
                )
                for call in wrong_way:
                    assert refusal_of(call).code is grpc.StatusCode.UNIMPLEMENTED

    def test_a_job_submitted_at_one_address_is_dequeued_at_the_other(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings(worker_address="127.0.0.1:0")) as server:
            of_clients, of_workers = server.addresses
            with JobClient(of_clients) as client:
                job_id = client.submit(VIDEO, "ocr").job_id
                with WorkerApi(partial(open_channel, of_workers), "w", StopSignal(drain_seconds=0)) as worker:
                    assert worker.dequeue(5) == job_id
                    worker.fail(job_id, "why")
                assert client.job(job_id).status().error_message == "why"
