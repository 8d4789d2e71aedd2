"""JobService: what clients call."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from job_api.backpressure.message_budget import Call, MessageBudget
from job_api.servicers.conversions import status_message, status_of_filter, summary_message, wants_json
from job_api.servicers.results_response import (
    memory_of_frames,
    memory_of_gzip,
    memory_of_json,
    results_as_frames,
    results_as_gzip,
    results_as_json,
)
from job_api.services.queries import QueryService
from job_api.services.request_ids import parse_job_id
from job_api.services.submission import SubmissionService
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2_grpc

SHORT_RESPONSE_BYTES = 16 * 1024
"""A response up to this size, as a status and a usual page of jobs are, is not charged and never waits: what such ones
take is bounded by the calls that a connection may have at a time."""

_Response = TypeVar("_Response", bound=Message)


class JobServicer(jobs_pb2_grpc.JobServiceServicer):
    """Converts requests and responses; the services do the rest and raise what is wrong.

    Args:
        submission: What submits a job.
        queries: What answers questions about jobs.
        pipelines: The descriptions of the pipelines offered, by id.
        budget: What large responses are charged to.
        client_call: Makes the call that responses are charged for.
    """

    def __init__(
        self,
        submission: SubmissionService,
        queries: QueryService,
        pipelines: Mapping[str, str],
        budget: MessageBudget,
        client_call: Callable[[grpc.ServicerContext], Call] = lambda context: context,
    ) -> None:
        self._submission = submission
        self._queries = queries
        self._pipelines = pipelines
        self._budget = budget
        self._client_call = client_call

    def SubmitJob(self, request: pb.SubmitJobRequest, context: grpc.ServicerContext) -> pb.SubmitJobResponse:
        """Store the video, record its job and answer the job's id."""
        job_id = self._submission.submit(request.pipeline_id, request.video, request.request_id)
        return pb.SubmitJobResponse(job_id=str(job_id))

    def GetJobStatus(self, request: pb.GetJobStatusRequest, context: grpc.ServicerContext) -> pb.GetJobStatusResponse:
        """Answer the status and the progress of a job."""
        return self._charged(status_message(self._queries.job(parse_job_id(request.job_id))), context)

    def GetJobResults(  # type: ignore[override]  # serialized as it is read, see results_response
        self, request: pb.GetJobResultsRequest, context: grpc.ServicerContext
    ) -> bytes:
        """Answer the results of a completed job, as messages or as the stored JSON text."""
        job_id = parse_job_id(request.job_id)
        if wants_json(request):
            memory = memory_of_gzip if request.gzip else memory_of_json
            with (
                self._queries.results_json(job_id) as (size_bytes, chunks),
                self._budget.charged(memory(size_bytes), self._client_call(context)) as charge,
            ):
                response = (
                    results_as_gzip(job_id, size_bytes, chunks, charge)
                    if request.gzip
                    else results_as_json(job_id, size_bytes, chunks)
                )
                charge(len(response))
                return response
        with (
            self._queries.frames(job_id) as (size_bytes, values, frames),
            self._budget.charged(memory_of_frames(size_bytes, values), self._client_call(context)) as charge,
        ):
            response = results_as_frames(job_id, frames)
            charge(len(response))
            return response

    def ListJobs(self, request: pb.ListJobsRequest, context: grpc.ServicerContext) -> pb.ListJobsResponse:
        """Answer one page of the jobs, newest first."""
        status = status_of_filter(request.status)
        jobs, next_page_token = self._queries.page(status, request.page_size, request.page_token)
        response = pb.ListJobsResponse(jobs=map(summary_message, jobs), next_page_token=next_page_token)
        return self._charged(response, context)

    def DeleteJob(self, request: pb.DeleteJobRequest, context: grpc.ServicerContext) -> pb.DeleteJobResponse:
        """Delete a finished job with its video and its results."""
        self._queries.delete(parse_job_id(request.job_id))
        return pb.DeleteJobResponse()

    def ListPipelines(
        self, request: pb.ListPipelinesRequest, context: grpc.ServicerContext
    ) -> pb.ListPipelinesResponse:
        """Answer the pipelines that a job may name, with their descriptions."""
        pipelines = [
            pb.Pipeline(pipeline_id=pipeline_id, description=description)
            for pipeline_id, description in self._pipelines.items()
        ]
        return self._charged(pb.ListPipelinesResponse(pipelines=pipelines), context)

    def _charged(self, response: _Response, context: grpc.ServicerContext) -> _Response:
        """Charge a response that is made until its caller has read it, unless it is short; return it."""
        size_bytes = response.ByteSize()
        if size_bytes > SHORT_RESPONSE_BYTES:
            with self._budget.charged(size_bytes, self._client_call(context)):
                pass
        return response
