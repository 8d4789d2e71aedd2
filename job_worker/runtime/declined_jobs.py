"""The jobs that a worker releases because it does not run their pipeline, and its pauses between them."""

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 10.0
"""As long as a job that this worker could do may wait for it."""
MAX_WITHOUT_PAUSE = 100
"""After so many the worker pauses too, for each costs the server two writes."""


class DeclinedJobs:
    """Remembers what was released.

    A released job goes to the end of the queue. So a worker takes the next at once, for behind it may be jobs that it
    runs. It pauses only when a released job comes again: longer each time, until it has done a job.

    Args:
        first_pause_seconds: The first pause; it doubles each time.
        max_pause_seconds: The longest pause.
    """

    def __init__(
        self, first_pause_seconds: float = FIRST_PAUSE_SECONDS, max_pause_seconds: float = MAX_PAUSE_SECONDS
    ) -> None:
        self._first_pause_seconds = first_pause_seconds
        self._max_pause_seconds = max_pause_seconds
        self._this_round: set[str] = set()
        self._rounds = 0

    def pause_after(self, job_id: str) -> float:
        """Note one more released job; return how long to wait before the next is taken, in seconds."""
        if job_id not in self._this_round and len(self._this_round) < MAX_WITHOUT_PAUSE:
            self._this_round.add(job_id)
            return 0.0
        self._this_round = {job_id}
        self._rounds += 1
        return min(self._first_pause_seconds * 2.0 ** (self._rounds - 1), self._max_pause_seconds)

    def note_done(self) -> None:
        """Note that the worker has done a job."""
        self._rounds = 0
