"""The API on a disk that fills up: it reports that, loses nothing, and continues as soon as there is space."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import grpc
import pytest

from job_api.core.write_ahead_log import CHECKPOINT_BYTES
from shared.contract.errors import reason_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.reasons import Reason
from tests.support.errors import refusal_of
from tests.support.samples import VIDEO, submit_request
from tests.support.serving import Served, serving, stored
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DISK_BYTES = 12 << 20
FLOOR_BYTES = 4 << 20
LARGE_VIDEO = VIDEO + bytes(300_000)
LARGE_DOCUMENT = b'{"results": [{"frame_index": 0, "result": {"text": "%s"}}]}' % (b"x" * 300_000)
FILL_BYTES = 4096
LONG_MESSAGE_BYTES = 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; skip the test, by name, where it cannot be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here, which needs root: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


class Filling:
    """A file that takes what is left of the disk."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "filling"

    def take(self, leaving: int = 0) -> None:
        """Fill the disk up to so many bytes, or to its last."""
        with self._file.open("ab", buffering=0) as file:
            try:
                while self.free() > leaving:
                    file.write(bytes(min(FILL_BYTES, self.free() - leaving)))
            except OSError:
                if leaving:
                    raise

    def give_back(self) -> None:
        self._file.unlink()

    def free(self) -> int:
        usage = os.statvfs(self._file.parent)
        return usage.f_bavail * usage.f_bsize


@pytest.fixture
def filling(disk: Path) -> Filling:
    return Filling(disk)


def submit(server: Served, video: bytes = LARGE_VIDEO, request_id: str = "") -> str:
    return server.jobs.SubmitJob(submit_request(video, request_id=request_id)).job_id


def take(server: Served, worker_id: str = "w") -> str:
    job_id = server.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id)).job_id
    assert job_id
    return job_id


def completion(job_id: str, worker_id: str = "w", document: bytes = LARGE_DOCUMENT) -> pb.CompleteJobRequest:
    return pb.CompleteJobRequest(job_id=job_id, worker_id=worker_id, results_json=document)


def must_say_that_the_disk_is_low(call: Callable[[], object]) -> None:
    refusal = refusal_of(call)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW)
    assert "RetryInfo" in refusal.details


class TestSubmitting:
    def test_below_the_minimum_of_free_space_no_video_is_accepted_and_all_else_works(
        self, disk: Path, filling: Filling
    ) -> None:
        data = disk / "data"
        with serving(data, "--min-free-bytes", str(FLOOR_BYTES)) as server:
            accepted = submit(server)
            filling.take(leaving=FLOOR_BYTES)
            before = set(stored(data))
            must_say_that_the_disk_is_low(lambda: submit(server, request_id="r"))
            assert set(stored(data)) == before
            assert set(server.listed()) == {accepted}

            assert server.status(accepted).status == pb.JOB_STATUS_PENDING
            assert take(server) == accepted
            assert server.video(accepted, "w") == LARGE_VIDEO
            server.workers.CompleteJob(completion(accepted))

            filling.give_back()
            job_id = submit(server, request_id="r")
            assert stored(data)[f"{job_id}.mp4"].read_bytes() == LARGE_VIDEO

    def test_on_a_full_disk_a_video_is_taken_whole_or_not_at_all(self, disk: Path, filling: Filling) -> None:
        """Without a floor the space ends in the middle of a file, or of the database's log."""
        data = disk / "data"
        with serving(data) as server:
            accepted = {submit(server): LARGE_VIDEO}
            filling.take()
            must_say_that_the_disk_is_low(lambda: submit(server))
            assert set(stored(data)) == {f"{job_id}.mp4" for job_id in accepted}
            assert set(server.listed()) == set(accepted)
            filling.give_back()
            accepted[submit(server)] = LARGE_VIDEO
        with serving(data) as server:
            assert set(server.listed()) == set(accepted)
            assert set(stored(data)) == {f"{job_id}.mp4" for job_id in accepted}


class TestCompleting:
    def test_without_space_for_results_the_job_stays_the_workers_until_there_is_some(
        self, disk: Path, filling: Filling
    ) -> None:
        data = disk / "data"
        with serving(data) as server:
            job_id = submit(server)
            assert take(server) == job_id
            filling.take()
            before = set(stored(data))
            must_say_that_the_disk_is_low(lambda: server.workers.CompleteJob(completion(job_id)))
            assert set(stored(data)) == before
            assert server.status(job_id).status == pb.JOB_STATUS_RUNNING
            server.workers.RenewLease(pb.RenewLeaseRequest(job_id=job_id, worker_id="w"))
            other = refusal_of(lambda: server.workers.CompleteJob(completion(job_id, "w2")))
            assert other.reason == Reason.LEASE_LOST

            filling.give_back()
            server.workers.CompleteJob(completion(job_id))
            assert stored(data)[f"{job_id}_results.json"].read_bytes() == LARGE_DOCUMENT
            assert server.status(job_id).status == pb.JOB_STATUS_COMPLETED


def again_and_again(change: Callable[[], object]) -> None:
    """Make a change until the database's log cannot take it: its last block has room for some more."""
    for _ in range(300):
        change()
    raise AssertionError("the disk is never full")


class TestTheDatabase:
    @pytest.fixture
    def on_disk(self, disk: Path) -> tuple[str, str]:
        """Flags that leave the videos on a large disk and the database on the small one."""
        return "--database-url", f"duckdb:///{disk / 'jobs.duckdb'}"

    def test_a_row_that_cannot_be_committed_is_refused_with_a_message_and_its_video_is_not_kept(
        self, on_disk: tuple[str, str], filling: Filling, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        with serving(data, *on_disk) as server:
            accepted = {submit(server, VIDEO) for _ in range(3)}
            filling.take()
            refused = 0
            for _ in range(80):  # the log's last block still has room for some
                try:
                    accepted.add(submit(server, VIDEO))
                except grpc.RpcError as error:
                    assert reason_of(error) == Reason.DISK_LOW, error  # noqa: PT017
                    refused += 1
                assert set(server.listed()) == accepted
            assert refused > 20
            assert set(stored(data)) == {f"{job_id}.mp4" for job_id in accepted}
            filling.give_back()
            accepted.add(submit(server, VIDEO))
        with serving(data, *on_disk) as server:
            assert set(server.listed()) == accepted
            assert set(stored(data)) == {f"{job_id}.mp4" for job_id in accepted}

    def test_every_change_of_a_row_is_refused_with_a_message_and_can_be_repeated(
        self, on_disk: tuple[str, str], filling: Filling, tmp_path: Path
    ) -> None:
        with serving(tmp_path / "data", *on_disk) as server:
            to_complete, to_fail, to_release, to_delete, *spare = (submit(server, VIDEO) for _ in range(10))
            for job_id in (to_complete, to_fail, to_release, to_delete, *spare):
                assert take(server, job_id) == job_id
                server.workers.RenewLease(pb.RenewLeaseRequest(job_id=job_id, worker_id=job_id))
            for job_id in (to_delete, *spare):
                server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id=job_id, error_message="why"))

            def take_and_release() -> None:
                server.workers.ReleaseJob(pb.ReleaseJobRequest(job_id=take(server), worker_id="w"))

            two_that_wait = [submit(server, VIDEO) for _ in range(2)]
            filling.take()
            must_say_that_the_disk_is_low(lambda: again_and_again(lambda: submit(server, VIDEO)))
            must_say_that_the_disk_is_low(lambda: again_and_again(take_and_release))
            must_say_that_the_disk_is_low(
                lambda: again_and_again(lambda: server.jobs.DeleteJob(pb.DeleteJobRequest(job_id=spare.pop())))
            )
            changes = [
                lambda: server.workers.CompleteJob(completion(to_complete, to_complete)),
                lambda: server.workers.FailJob(
                    pb.FailJobRequest(job_id=to_fail, worker_id=to_fail, error_message="x" * 10_000)
                ),
                lambda: server.workers.ReleaseJob(pb.ReleaseJobRequest(job_id=to_release, worker_id=to_release)),
                lambda: server.jobs.DeleteJob(pb.DeleteJobRequest(job_id=to_delete)),
                lambda: take(server, "w9"),
            ]
            before = {job_id: job.status for job_id, job in server.listed().items()}
            for change in changes:
                must_say_that_the_disk_is_low(change)
            assert {job_id: job.status for job_id, job in server.listed().items()} == before

            filling.give_back()
            for change in changes:
                change()
            after = server.listed()
            assert to_delete not in after
            assert [after[job_id].status for job_id in (to_complete, to_fail, to_release)] == [
                pb.JOB_STATUS_COMPLETED,
                pb.JOB_STATUS_FAILED,
                pb.JOB_STATUS_PENDING,
            ]
            assert pb.JOB_STATUS_RUNNING in {after[job_id].status for job_id in two_that_wait}

    def test_a_worker_that_was_lost_while_the_disk_was_full_counts_once(
        self, on_disk: tuple[str, str], filling: Filling, tmp_path: Path
    ) -> None:
        """The housekeeper tries again every tenth of a second: were each try a loss, the job would be failed.

        It takes three seconds, for the lease must not end before the disk is full.
        """
        with serving(tmp_path / "data", *on_disk, "--lease-seconds", "3") as server:
            job_id = submit(server, VIDEO)
            assert take(server) == job_id
            filling.take()
            must_say_that_the_disk_is_low(lambda: again_and_again(lambda: submit(server, VIDEO)))
            log = server.process

            def tried_often() -> bool:
                return log.text.count("leases not ended") > 5

            eventually(tried_often, "the housekeeper to try again")
            assert "worker lost" not in log.text
            assert "Traceback" not in log.text
            filling.give_back()
            eventually(lambda: server.status(job_id).status == pb.JOB_STATUS_PENDING, "the job to wait again")
            eventually(lambda: "worker lost" in log.text, "the log to say so")

    def test_a_log_that_the_disk_has_no_room_to_merge_grows_and_is_merged_once_there_is_room(
        self, on_disk: tuple[str, str], disk: Path, filling: Filling, tmp_path: Path
    ) -> None:
        data, log = tmp_path / "data", disk / "jobs.duckdb.wal"

        def fail_one(server: Served) -> None:
            job_id = submit(server, VIDEO)
            assert take(server, job_id) == job_id
            why = token_hex(LONG_MESSAGE_BYTES // 2)  # no two are equal, so that they do not become smaller
            server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id=job_id, error_message=why))

        with serving(data, *on_disk) as server:
            filling.take(leaving=2 * CHECKPOINT_BYTES)
            must_say_that_the_disk_is_low(lambda: again_and_again(lambda: fail_one(server)))
            assert log.stat().st_size > 1.5 * CHECKPOINT_BYTES
            jobs = server.listed()
            server.process.popen.kill()
            server.process.exit_code()
        for _ in range(2):  # a stop does not need the room either
            with serving(data, *on_disk) as server:
                must_say_that_the_disk_is_low(lambda: fail_one(server))
                jobs |= (listed := server.listed())
                assert listed == jobs
        with serving(data, *on_disk) as server:
            filling.give_back()
            submit(server, VIDEO)
            eventually(lambda: not log.exists() or log.stat().st_size < CHECKPOINT_BYTES, "the log to be merged")
            assert set(jobs) < set(server.listed())

    def test_a_server_that_starts_on_a_full_disk_serves_what_is_there(
        self, on_disk: tuple[str, str], filling: Filling, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        with serving(data, *on_disk) as server:
            accepted = {submit(server, VIDEO) for _ in range(3)}
            server.process.popen.kill()
            server.process.exit_code()
        filling.take()
        with serving(data, *on_disk) as server:
            assert set(server.listed()) == accepted
            must_say_that_the_disk_is_low(lambda: again_and_again(lambda: submit(server, VIDEO)))
            accepted = set(server.listed())
            filling.give_back()
            accepted.add(submit(server, VIDEO))
            assert set(server.listed()) == accepted
