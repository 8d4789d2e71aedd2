"""Ending a client's call while its response is sent, with a status that says why."""

from collections.abc import Callable

import grpc

from job_api.errors import Overloaded
from job_api.interceptors.error_mapping import grpc_status


class ClientCall:
    """A call of JobService as the budget of messages sees it.

    gRPC decides on the status of a response together with the response, and ends a call that is cancelled later with
    CANCELLED. Below its public names it takes a code and a message then; details, such as a reason, it never takes.
    Where the private name is missing, the code is CANCELLED. So it is for workers, which take the other one, without a
    reason, for final.

    Args:
        context: The call.
    """

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Have a function called at the call's end; return False where it has ended already."""
        return self._context.add_callback(callback)

    def peer(self) -> str:
        """Return who calls, as gRPC names it."""
        return self._context.peer()

    def cancel(self) -> None:
        """End the call as overloaded."""
        error = Overloaded(
            "the answer was read too slowly, and others wait for its memory; try again, with gzip if possible"
        )
        status = grpc_status(error)
        if event := getattr(self._context, "_rpc_event", None):
            event.call.cancel(status.code.value[0], f"{error.reason}: {status.details}")
        else:
            self._context.cancel()
