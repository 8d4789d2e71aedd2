"""The keys under which a job's files are stored."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_api.storage.base import checked_key
from job_api.storage.keys import JOBS_FOLDER, input_key, job_of_key, results_key

pytestmark = pytest.mark.unit

JOB = UUID("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55")


def test_the_keys_are_those_that_were_agreed() -> None:
    assert input_key(JOB) == "video_jobs/6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55.mp4"
    assert results_key(JOB) == "video_jobs/6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55_results.json"


@given(st.uuids())
def test_a_key_leads_back_to_its_job_and_stays_in_the_folder(job_id: UUID) -> None:
    for key in (input_key(job_id), results_key(job_id)):
        assert job_of_key(key) == job_id
        assert checked_key(key) == key
        assert key.startswith(f"{JOBS_FOLDER}/")


@given(st.one_of(st.text(), st.from_regex(r"video_jobs/[0-9a-f-]{30,40}(\.mp4|_results\.json)\n?")))
def test_a_key_has_a_job_only_if_this_service_writes_it(key: str) -> None:
    job_id = job_of_key(key)
    assert job_id is None or key in (input_key(job_id), results_key(job_id))


@pytest.mark.parametrize(
    "key",
    [
        "video_jobs/holiday.mp4",
        f"video_jobs/{JOB}",
        f"video_jobs/{JOB}.mov",
        f"video_jobs/{JOB}.mp4.bak",
        f"video_jobs/{JOB}_results.json\n",
        f"video_jobs/{str(JOB).upper()}.mp4",
        f"video_jobs/{JOB.hex}----.mp4",
        f"video_jobs/{'-' * 36}.mp4",
        f"video_jobs/copy/{JOB}.mp4",
        f"other/{JOB}.mp4",
    ],
)
def test_a_key_of_another_form_has_no_job(key: str) -> None:
    assert job_of_key(key) is None
