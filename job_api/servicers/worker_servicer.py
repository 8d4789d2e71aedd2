"""WorkerService: what workers call."""

from collections.abc import Iterable

import grpc

from job_api.backpressure.message_budget import MessageBudget
from job_api.servicers.conversions import digest_of, seconds_of_wait
from job_api.services.dispatch import DispatchService
from job_api.services.job_queue import Waiter
from job_api.services.reports import ReportService
from job_api.services.request_ids import checked_worker_id, parse_job_id
from shared.contract.durations import duration_of_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2_grpc


class WorkerServicer(jobs_pb2_grpc.WorkerServiceServicer):
    """Converts requests and responses; the service does the rest and raises the errors."""

    def __init__(
        self, dispatch: DispatchService, reports: ReportService, pipeline_ids: Iterable[str], budget: MessageBudget
    ) -> None:
        self._dispatch = dispatch
        self._reports = reports
        self._budget = budget
        self._pipeline_ids = tuple(pipeline_ids)

    def Dequeue(self, request: pb.DequeueRequest, context: grpc.ServicerContext) -> pb.DequeueResponse:
        """Give the worker a job, waiting for one. The end of the call wakes its waiter, so that it is given no job."""
        waiter = Waiter()
        if not context.add_callback(lambda: waiter.end(is_cancelled=_is_cancelled(context))):
            return pb.DequeueResponse()
        worker_id, wait_seconds = checked_worker_id(request.worker_id), seconds_of_wait(request.wait)
        job_id = self._dispatch.dequeue(worker_id, wait_seconds, waiter)
        return pb.DequeueResponse(job_id=str(job_id) if job_id else "")

    def GetJobInput(self, request: pb.GetJobInputRequest, context: grpc.ServicerContext) -> pb.GetJobInputResponse:
        """Answer one chunk of the job's video."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        copies_bytes = 2 * max(self._dispatch.chunk_bytes(request.length), 0)
        with self._budget.charged(copies_bytes, context) as lower:
            chunk = self._dispatch.read_input(job_id, worker_id, request.offset, request.length)
            lower(len(chunk.data))
            return pb.GetJobInputResponse(pipeline_id=chunk.pipeline_id, size_bytes=chunk.size_bytes, data=chunk.data)

    def RenewLease(self, request: pb.RenewLeaseRequest, context: grpc.ServicerContext) -> pb.RenewLeaseResponse:
        """Start the worker's lease again and answer its length."""
        seconds = self._dispatch.renew(parse_job_id(request.job_id), checked_worker_id(request.worker_id))
        return pb.RenewLeaseResponse(lease=duration_of_seconds(seconds))

    def PutJobResults(
        self, request: pb.PutJobResultsRequest, context: grpc.ServicerContext
    ) -> pb.PutJobResultsResponse:
        """Stage one chunk of the results and answer how much of them is held."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        size_bytes = self._reports.put_results(job_id, worker_id, request.offset, request.data)
        return pb.PutJobResultsResponse(size_bytes=size_bytes)

    def CompleteJob(self, request: pb.CompleteJobRequest, context: grpc.ServicerContext) -> pb.CompleteJobResponse:
        """Store the results and end the job as completed."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        if digest := digest_of(request):
            self._reports.complete_staged(job_id, worker_id, digest)
        else:
            self._reports.complete(job_id, worker_id, request.results_json)
        return pb.CompleteJobResponse()

    def FailJob(self, request: pb.FailJobRequest, context: grpc.ServicerContext) -> pb.FailJobResponse:
        """End the job as failed, with the worker's message."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        self._reports.fail(job_id, worker_id, request.error_message)
        return pb.FailJobResponse()

    def ReleaseJob(self, request: pb.ReleaseJobRequest, context: grpc.ServicerContext) -> pb.ReleaseJobResponse:
        """Requeue a job that the worker does not finish."""
        self._dispatch.release(parse_job_id(request.job_id), checked_worker_id(request.worker_id))
        return pb.ReleaseJobResponse()

    def ListOfferedPipelines(
        self, request: pb.ListOfferedPipelinesRequest, context: grpc.ServicerContext
    ) -> pb.ListOfferedPipelinesResponse:
        """Answer the ids of the pipelines that jobs may name, and the limits of results."""
        limits = self._reports.limits
        return pb.ListOfferedPipelinesResponse(
            pipeline_ids=self._pipeline_ids,
            max_results_bytes=limits.max_results_bytes,
            max_chunk_bytes=limits.max_chunk_bytes,
        )


def _is_cancelled(context: grpc.ServicerContext) -> bool:
    """Return whether a call that has ended was cancelled before its response was sent.

    gRPC has no public name for this. Where the private one is missing, the response counts as sent: the job is then
    requeued when its lease expires, and is never taken from a worker that knows of it.
    """
    return getattr(getattr(context, "_state", None), "client", None) == "cancelled"
