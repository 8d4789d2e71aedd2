"""Checks of the ids that requests carry."""

from uuid import UUID

from job_api.errors import InvalidJobId, InvalidWorkerId

MAX_ID_CHARACTERS = 256
"""The longest worker_id and request_id: enough for any scheme, too short to fill the memory."""


def parse_job_id(text: str) -> UUID:
    """Return the job id that the text names.

    Raises:
        InvalidJobId: It is not a UUID in its canonical form.
    """
    try:
        job_id = UUID(text)
    except ValueError:
        job_id = None
    if job_id is None or str(job_id) != text.lower():
        raise InvalidJobId(f"job_id must be a UUID such as 123e4567-e89b-12d3-a456-426614174000, not {text[:64]!r}")
    return job_id


def checked_worker_id(text: str) -> str:
    """Return the worker id.

    Raises:
        InvalidWorkerId: It is empty or too long.
    """
    if not 0 < len(text) <= MAX_ID_CHARACTERS:
        raise InvalidWorkerId(f"worker_id must have 1 to {MAX_ID_CHARACTERS} characters, not {len(text)}")
    return text
