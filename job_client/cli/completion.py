"""What a shell offers for a job or a pipeline when a person presses the tab key."""

import contextlib
import re
from collections.abc import Iterator
from itertools import islice

import typer

from job_client.client import JobClient
from job_client.errors import ServiceError
from job_client.search import History
from shared.process.escaping import terminal_text

MAX_JOBS = 50
"""More cannot be looked through."""

ANSWER_SECONDS = 2.0
"""How long a person may wait for a try of a call."""

_OF_SHELLS = re.compile(r"[!-*:-?\[-^`{-~]")
"""ASCII punctuation but `+ , - . / @ _`: Zsh evaluates what is offered, and Typer takes brackets for markup."""

Completion = tuple[str, str]
"""What may be typed, and what the shell says of it."""


def offered_jobs(context: typer.Context, incomplete: str) -> Iterator[Completion]:
    """Yield the newest jobs whose ids begin so, with file and status; without a server those of the history.

    Capitals that were typed stay, as shells take only what begins as it was typed.
    """
    if not _has_address(context):
        return
    files, beginning = History(context.params["address"]).files(), incomplete.lower()  # as the server writes ids
    try:
        with _client(context) as client:
            matching = (job for job in client.jobs() if job.job_id.startswith(beginning))
            for job in islice(matching, MAX_JOBS):
                name = files[job.job_id].name if job.job_id in files else job.pipeline_id
                yield from _completions(incomplete + job.job_id[len(incomplete) :], f"{name} {job.status}")
    except (ServiceError, OSError):
        matching_ids = [job_id for job_id in reversed(files) if job_id.startswith(beginning)]
        for job_id in matching_ids[:MAX_JOBS]:
            yield from _completions(incomplete + job_id[len(incomplete) :], files[job_id].name)


def offered_pipelines(context: typer.Context, incomplete: str) -> Iterator[Completion]:
    """Yield the server's pipelines whose names begin so, each with its description."""
    if not _has_address(context):
        return
    with contextlib.suppress(ServiceError, OSError), _client(context) as client:
        for pipeline in client.pipelines():
            if pipeline.pipeline_id.startswith(incomplete):
                yield from _completions(pipeline.pipeline_id, pipeline.description)


def _completions(word: str, description: str) -> Iterator[Completion]:
    """Yield the completion, `_` for what a shell could interpret in the description; none if it could in the word."""
    if not _OF_SHELLS.search(terminal_text(word)):
        yield word, _OF_SHELLS.sub("_", terminal_text(description))


def _has_address(context: typer.Context) -> bool:
    """Return whether the address is one: a value that is refused is none here, and the shell has no use for a word."""
    return bool(context.params["address"])


def _client(context: typer.Context) -> JobClient:
    return JobClient(context.params["address"], context.params["tls_ca_file"], ANSWER_SECONDS)
