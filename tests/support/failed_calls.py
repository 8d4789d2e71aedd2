"""Failed calls as a stub raises them, without a server that made them fail."""

import grpc
from google.rpc import error_details_pb2, status_pb2

from shared.contract.reasons import ERROR_DOMAIN, Reason

__all__ = ["failed_call"]


class _FailedCall(grpc.RpcError):
    def __init__(self, status: status_pb2.Status, code: grpc.StatusCode) -> None:
        super().__init__(status.message)
        self._status = status
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._status.message

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return (("grpc-status-details-bin", self._status.SerializeToString()),)


def failed_call(
    code: grpc.StatusCode,
    reason: Reason | None = None,
    retry_after_seconds: float | None = None,
    message: str = "no",
) -> grpc.RpcError:
    """Return the error of a call, with the details that the server sends for this reason and this RetryInfo."""
    status = status_pb2.Status(code=code.value[0], message=message)
    if reason:
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN))
    if retry_after_seconds is not None:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(int(retry_after_seconds * 1000))
        status.details.add().Pack(info)
    return _FailedCall(status, code)
