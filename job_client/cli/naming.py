"""Which job and which file a person means."""

from pathlib import Path

import grpc
import typer

from job_client.client import JobClient
from job_client.errors import JobNotFound
from job_client.job import Job
from job_client.search import History
from shared.contract.reasons import Reason

ID_LENGTH = 36
"""Of a whole id, a UUID."""


def job_named(client: JobClient, text: str, min_length: int = 1) -> Job:
    """Return the job whose id this is, or the only one whose id begins so.

    Args:
        client: The connection to the server.
        text: The id, or its beginning.
        min_length: How long the beginning must be.

    Raises:
        typer.BadParameter: The beginning is too short, or the ids of several jobs begin so.
        JobNotFound: No job's id is or begins so.
        ServiceError: The server does not answer.
    """
    text = text.strip().lower()  # as the server writes ids
    if len(text) >= ID_LENGTH:
        return client.job(text)
    if len(text) < min_length:
        least = "its beginning" if min_length == 1 else f"{min_length} characters or more of it"
        raise typer.BadParameter(f"{text!r} is too short: give the id, or {least}")
    found = [job.job_id for job in client.jobs() if job.job_id.startswith(text)]
    if not found:
        message = f"no job of the server has an id that begins with {text!r}"
        raise JobNotFound(grpc.StatusCode.NOT_FOUND, message, Reason.JOB_NOT_FOUND)
    if len(found) > 1:
        raise typer.BadParameter(f"{len(found)} jobs of the server have an id that begins with {text!r}")
    return client.job(found[0])


def original_of(job: Job, address: str) -> Path | None:
    """Return the file that the job was submitted from, if it was from this host and the file is still there."""
    path = submitted_from(job, address)
    return path if path and path.is_file() else None


def submitted_from(job: Job, address: str) -> Path | None:
    """Return where the file was that the job was submitted from, if it was from this host."""
    return History(address).files().get(job.job_id)
