"""How long a worker waits that releases jobs: not at all until one comes again, then longer each time."""

import pytest

from job_worker.runtime.declined_jobs import FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, MAX_WITHOUT_PAUSE, DeclinedJobs

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def test_behind_a_job_that_is_new_others_are_taken_at_once() -> None:
    declined = DeclinedJobs()
    assert [declined.pause_after(job) for job in "abc"] == [0, 0, 0]


def test_the_pause_grows_each_time_the_jobs_come_again() -> None:
    declined = DeclinedJobs()
    pauses = [declined.pause_after(job) for job in "ab" * 7]
    assert pauses == [0, 0, 1, 0, 2, 0, 4, 0, 8, 0, 10, 0, 10, 0]
    assert (FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS) == (1, 10)


def test_a_job_that_was_done_ends_the_growing() -> None:
    declined = DeclinedJobs()
    for job in "aaaa":
        declined.pause_after(job)
    declined.note_done()
    assert declined.pause_after("a") == FIRST_PAUSE_SECONDS


def test_a_long_queue_of_others_is_not_gone_through_without_a_pause() -> None:
    declined = DeclinedJobs()
    pauses = [declined.pause_after(str(number)) for number in range(3 * MAX_WITHOUT_PAUSE)]
    assert [number for number, pause in enumerate(pauses) if pause] == [MAX_WITHOUT_PAUSE, 2 * MAX_WITHOUT_PAUSE]
