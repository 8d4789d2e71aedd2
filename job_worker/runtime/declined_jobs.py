"""The jobs that a worker hands back because it lacks their pipeline, and how long it waits before it asks again."""

__all__ = ["DeclinedJobs"]

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 10.0
"""As long as a job that this worker could do may wait for it."""
MAX_IN_TURN = 100
"""After so many the worker pauses too, for each costs the server two writes."""


class DeclinedJobs:
    """Remembers what was handed back.

    A job that is handed back goes to the end of the line. So a worker asks on at once, for behind it may stand jobs
    that it can do, and pauses only when one comes round again: longer each time, until it has done a job.
    """

    def __init__(self) -> None:
        self._this_round: set[str] = set()
        self._rounds = 0

    def pause_after(self, job_id: str) -> float:
        """Notes one more; returns how long to wait before asking for the next, in seconds."""
        if job_id not in self._this_round and len(self._this_round) < MAX_IN_TURN:
            self._this_round.add(job_id)
            return 0.0
        self._this_round = {job_id}
        self._rounds += 1
        return min(FIRST_PAUSE_SECONDS * 2.0 ** (self._rounds - 1), MAX_PAUSE_SECONDS)

    def note_done(self) -> None:
        """Notes that the worker has had a job that it runs."""
        self._rounds = 0
