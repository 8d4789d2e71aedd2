"""Progress bars on standard error: sending a file, waiting for a job, counting frames."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
)
from rich.text import Text

from job_client.cli.output import STATUS_STYLES, markup_of, messages, outage_lines, print_message
from job_client.client import JobClient, no_answer_of
from job_client.errors import ServiceError, Unreachable
from job_client.job import Job, JobInfo


def upload(client: JobClient, video: Path, pipeline_id: str, request_id: str | None = None) -> Job:
    """Submit a file behind a bar that shows for how long: an upload is one call, which does not say how far it is."""
    with _progress() as progress:
        task = progress.add_task(f"sending {markup_of(video.name)}", total=None)
        job = client.submit(video, pipeline_id, request_id)
        progress.update(task, description=f"sent {markup_of(video.name)}", total=1, completed=1)
    return job


def wait_for(job: Job, name: str, timeout: float | None, address: str) -> JobInfo:
    """Wait for the job's end behind a bar that shows its status and the time since the wait began.

    That the server does not answer is said once, until it answers again.

    Args:
        job: The job.
        name: What to call it.
        timeout: The longest wait in seconds; None waits for ever.
        address: The server's, for that message.
    """
    is_answering = True
    with _progress() as progress:
        task = progress.add_task(markup_of(name), total=1.0)

        def show(info: JobInfo) -> None:
            nonlocal is_answering
            is_answering = True
            style = STATUS_STYLES[info.status]
            progress.update(task, description=f"{markup_of(name)} [{style}]{info.status}", completed=info.progress)

        def report_outage(error: ServiceError) -> None:
            nonlocal is_answering
            if is_answering:
                for line in _outage_lines(error, address):
                    print_message(f"Waiting for the server: {line}")
            is_answering = False

        return job.wait(timeout, on_status=show, on_outage=report_outage)


def _outage_lines(error: ServiceError, address: str) -> list[str]:
    return outage_lines(error, no_answer_of(address)) if isinstance(error, Unreachable) else [str(error)]


@contextmanager
def counting_bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar in the block; yield what advances it by one."""
    with _progress(MofNCompleteColumn()) as progress:
        yield partial(progress.advance, progress.add_task(what, total=total))


class _Description(ProgressColumn):
    """The description of the task; Rich's `TextColumn` makes emoji of such as `:B:` in the name of a file."""

    def render(self, task: Task) -> Text:
        return Text.from_markup(task.description, emoji=False)


def _progress(*columns: ProgressColumn) -> Progress:
    return Progress(
        SpinnerColumn(),
        _Description(),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        console=messages,
        disable=not messages.is_terminal,
    )
