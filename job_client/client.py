"""The jobs of a Foregsyte server, from Python."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import grpc

from job_client.errors import PayloadTooLarge, Unreachable
from job_client.job import Job, JobInfo, job_info
from job_client.retry import CALL_SECONDS, call, checked_timeout, upload_seconds
from shared.contract.channel import MAX_PAYLOAD_BYTES, open_channel
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.job_status import JobStatus
from shared.contract.reasons import Reason
from shared.contract.status_numbers import number_of_status

DEFAULT_PIPELINE = "yolo_ocr"
CLIENT_KEEPALIVE_TIMEOUT_SECONDS = 180.0
"""How long the server may be silent: on a link of 256 kbit/s, 4 MiB of an upload in the network's buffers take 130."""


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """A pipeline that the server offers.

    Attributes:
        pipeline_id: What `JobClient.submit` takes.
        description: What it finds, in a sentence.
    """

    pipeline_id: str
    description: str


class JobClient:
    """A connection to JobService, safe to use from several threads.

    Every method raises `ServiceError` (see `job_client.errors`) for what the server refuses. A call that does not reach
    the server is tried again for a few seconds; a repeated submit is one job all the same.

    Args:
        address: The server, host:port.
        tls_ca_file: Certificates to trust (PEM): connect with TLS. None connects without.
        timeout_seconds: How long one try of any call may take, 0 to `job_client.retry.MAX_TIMEOUT_SECONDS`. None and 0
            leave it to the call: a minute, and the time that what it sends or receives takes at 256 kbit/s.

    Raises:
        ValueError: The timeout is no such time, or the file of certificates cannot be used.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        tls_ca_file: Path | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        self._address = address
        self._timeout = checked_timeout(timeout_seconds)
        self._channel = open_channel(address, tls_ca_file, CLIENT_KEEPALIVE_TIMEOUT_SECONDS)
        self._stub = JobServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, Unreachable):
            error.add_note(no_answer_of(self._address))

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def submit(
        self, video: str | os.PathLike[str] | bytes, pipeline_id: str = DEFAULT_PIPELINE, request_id: str | None = None
    ) -> Job:
        """Submit a video and return its job, without waiting for a worker.

        Args:
            video: An MP4: its file or its bytes.
            pipeline_id: Which pipeline to run, one of `pipelines`.
            request_id: Makes repeats safe across runs of the program; within one call they always are.

        Raises:
            InvalidRequest: The bytes are no MP4, there is no such pipeline, or the request_id stands for another video.
            PayloadTooLarge: It is above the server's limit, or above 2 GiB, which no server takes.
            ServerBusy: There is no room for another video just now.
            OSError: The file cannot be read.
        """
        _require_size(len(video) if isinstance(video, bytes) else Path(video).stat().st_size)
        request = pb.SubmitJobRequest(
            pipeline_id=pipeline_id,
            video=video if isinstance(video, bytes) else Path(video).read_bytes(),
            request_id=request_id or str(uuid4()),
        )
        return self.job(call(self._stub.SubmitJob, request, self._timeout or upload_seconds(len(request.video))).job_id)

    def job(self, job_id: str) -> Job:
        """Return the handle of a job that was submitted before; makes no call."""
        return Job(job_id, self._stub, self._timeout)

    def jobs(self, status: JobStatus | None = None) -> Iterator[JobInfo]:
        """Yield the status of each job, newest first, requesting the next page when it is needed.

        Args:
            status: Only jobs of this status; None means all.
        """
        wanted = number_of_status(status) if status else pb.JOB_STATUS_UNSPECIFIED
        token = ""
        while True:
            page = call(
                self._stub.ListJobs, pb.ListJobsRequest(page_token=token, status=wanted), self._timeout or CALL_SECONDS
            )
            yield from map(job_info, page.jobs)
            if not (token := page.next_page_token):
                return

    def pipelines(self) -> list[PipelineInfo]:
        """Return the pipelines that the server offers."""
        answer = call(self._stub.ListPipelines, pb.ListPipelinesRequest(), self._timeout or CALL_SECONDS)
        return [PipelineInfo(pipeline.pipeline_id, pipeline.description) for pipeline in answer.pipelines]


def no_answer_of(address: str) -> str:
    """Return what to say of a server that is not reached."""
    return f"the server at {address} does not answer"


def _require_size(video_bytes: int) -> None:
    if video_bytes > MAX_PAYLOAD_BYTES:
        message = (
            f"the video has {video_bytes} bytes, and no server takes more than {MAX_PAYLOAD_BYTES}; "
            "cut it into several files, or encode it at a lower bitrate"
        )
        raise PayloadTooLarge(grpc.StatusCode.RESOURCE_EXHAUSTED, message, Reason.PAYLOAD_TOO_LARGE)
