"""The keys under which a job's files are stored."""

import re
from uuid import UUID

JOBS_FOLDER = "video_jobs"
SET_ASIDE_FOLDER = "unknown_jobs"

_KEY = re.compile(rf"{JOBS_FOLDER}/([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?:\.mp4|_results\.json)")


def input_key(job_id: UUID) -> str:
    """Return the key of the job's video."""
    return f"{JOBS_FOLDER}/{job_id}.mp4"


def results_key(job_id: UUID) -> str:
    """Return the key of the job's results."""
    return f"{JOBS_FOLDER}/{job_id}_results.json"


def job_of_key(key: str) -> UUID | None:
    """Return the job a key belongs to, or None for a key that this service does not write."""
    match = _KEY.fullmatch(key)
    return UUID(match[1]) if match else None
