"""Forgetting what this host knows of a job that the server no longer has."""

import contextlib
from collections.abc import Iterator

from google.rpc import error_details_pb2

from job_client.errors import JobNotFound
from job_client.search.history import History
from job_client.search.text_index import TextIndex


@contextlib.contextmanager
def forgetting_gone(address: str) -> Iterator[None]:
    """Forget what is known of a job, its file and its text, where the block learns from the server that it is gone."""
    try:
        yield
    except JobNotFound as error:
        if job := error.detail(error_details_pb2.ResourceInfo):
            for known in (History(address), TextIndex(address)):
                with contextlib.suppress(OSError):  # a home that cannot be written to
                    known.forget([job.resource_name])
        raise
