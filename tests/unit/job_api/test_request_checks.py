"""Checks of the ids that requests carry."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_api.errors import InvalidJobId, InvalidWorkerId
from job_api.services.request_ids import checked_worker_id, parse_job_id

pytestmark = pytest.mark.unit


@given(st.uuids())
def test_a_canonical_uuid_in_either_case_is_a_job_id(job_id: UUID) -> None:
    assert parse_job_id(str(job_id)) == parse_job_id(str(job_id).upper()) == job_id


@given(st.text())
def test_any_other_text_is_no_job_id(text: str) -> None:
    with pytest.raises(InvalidJobId):
        parse_job_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6b1ddc2e3cbc4b4c9d4d0a4e1d2c7f55",
        "{6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55}",
        "urn:uuid:6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55",
        "6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55 ",
        "6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f5g",
        "６b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55",  # noqa: RUF001 (a full-width digit is meant)
    ],
)
def test_what_a_uuid_parser_would_forgive_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobId):
        parse_job_id(text)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidJobId) as raised:
        parse_job_id("x" * 100_000)
    assert len(raised.value.message) < 300


@pytest.mark.parametrize("length", [1, 256])
def test_a_worker_id_may_have_up_to_256_characters(length: int) -> None:
    assert checked_worker_id("ж" * length) == "ж" * length


@pytest.mark.parametrize("length", [0, 257])
def test_a_worker_id_must_not_be_empty_or_longer(length: int) -> None:
    with pytest.raises(InvalidWorkerId, match="1 to 256"):
        checked_worker_id("w" * length)
