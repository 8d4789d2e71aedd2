"""WorkerService: what workers call."""

from collections.abc import Iterable

import grpc

from job_api.servicers.conversions import duration_of_seconds, seconds_of_wait
from job_api.services.dispatch import DispatchService
from job_api.services.job_queue import Waiter
from job_api.services.validation import checked_worker_id, parse_job_id
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2_grpc

__all__ = ["WorkerServicer"]


class WorkerServicer(jobs_pb2_grpc.WorkerServiceServicer):
    """Converts requests and answers; the service does the rest and raises what is wrong."""

    def __init__(self, dispatch: DispatchService, pipeline_ids: Iterable[str]) -> None:
        self._dispatch = dispatch
        self._pipeline_ids = tuple(pipeline_ids)

    def Dequeue(self, request: pb.DequeueRequest, context: grpc.ServicerContext) -> pb.DequeueResponse:
        """See the contract. A caller that goes away wakes its waiter, so that no job is given to nobody."""
        waiter = Waiter()
        if not context.add_callback(lambda: waiter.leave(is_answered=not _is_cancelled(context))):
            return pb.DequeueResponse()
        worker_id, wait_seconds = checked_worker_id(request.worker_id), seconds_of_wait(request.wait)
        job_id = self._dispatch.dequeue(worker_id, wait_seconds, waiter)
        return pb.DequeueResponse(job_id=str(job_id) if job_id else "")

    def GetJobInput(self, request: pb.GetJobInputRequest, context: grpc.ServicerContext) -> pb.GetJobInputResponse:
        """See the contract."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        piece = self._dispatch.read_input(job_id, worker_id, request.offset, request.length)
        return pb.GetJobInputResponse(pipeline_id=piece.pipeline_id, size_bytes=piece.size_bytes, data=piece.data)

    def RenewLease(self, request: pb.RenewLeaseRequest, context: grpc.ServicerContext) -> pb.RenewLeaseResponse:
        """See the contract."""
        seconds = self._dispatch.renew(parse_job_id(request.job_id), checked_worker_id(request.worker_id))
        return pb.RenewLeaseResponse(lease=duration_of_seconds(seconds))

    def CompleteJob(self, request: pb.CompleteJobRequest, context: grpc.ServicerContext) -> pb.CompleteJobResponse:
        """See the contract."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        self._dispatch.complete(job_id, worker_id, request.results_json)
        return pb.CompleteJobResponse()

    def FailJob(self, request: pb.FailJobRequest, context: grpc.ServicerContext) -> pb.FailJobResponse:
        """See the contract."""
        job_id, worker_id = parse_job_id(request.job_id), checked_worker_id(request.worker_id)
        self._dispatch.fail(job_id, worker_id, request.error_message)
        return pb.FailJobResponse()

    def ReleaseJob(self, request: pb.ReleaseJobRequest, context: grpc.ServicerContext) -> pb.ReleaseJobResponse:
        """See the contract."""
        self._dispatch.release(parse_job_id(request.job_id), checked_worker_id(request.worker_id))
        return pb.ReleaseJobResponse()

    def ListOfferedPipelines(
        self, request: pb.ListOfferedPipelinesRequest, context: grpc.ServicerContext
    ) -> pb.ListOfferedPipelinesResponse:
        """See the contract."""
        return pb.ListOfferedPipelinesResponse(pipeline_ids=self._pipeline_ids)


def _is_cancelled(context: grpc.ServicerContext) -> bool:
    """Whether a call that has ended was cut off before its answer was sent.

    gRPC knows but has no public word for it. Where it does not say, the answer counts as sent: a job goes back with its
    lease then, and is never taken from a worker that heard of it.
    """
    return getattr(getattr(context, "_state", None), "client", None) == "cancelled"
