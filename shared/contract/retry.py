"""How long to wait before a call is repeated: what the programs that call the server have in common."""

import random

import grpc
import tenacity

from shared.contract.errors import retry_delay_seconds


class RetryPause:
    """The server's RetryInfo with jitter, else exponential backoff with jitter; a `wait` of tenacity.

    Args:
        first_seconds: The longest pause after the first failure; it doubles with each further one.
        max_seconds: The longest pause of all, but for one that the server requests.
    """

    def __init__(self, first_seconds: float, max_seconds: float) -> None:
        self._backoff = tenacity.wait_random_exponential(multiplier=first_seconds, max=max_seconds)

    def __call__(self, state: tenacity.RetryCallState) -> float:
        """Return the pause before the next try, in seconds; never shorter than what the server requests."""
        error = failure_of(state)
        requested = retry_delay_seconds(error) if error else None
        return requested * random.uniform(1, 2) if requested else self._backoff(state)  # noqa: S311 (callers spread out)


def failure_of(state: tenacity.RetryCallState) -> grpc.RpcError | None:
    """Return how the last try failed; None where it did not, or not in a call."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, grpc.RpcError) else None
