"""The subcommand `find`: in which videos, and when, a text can be read, or a code says it."""

import contextlib
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from job_client.cli.options import AddressOption, JsonOption, TimeoutOption, TlsOption
from job_client.cli.outcome import Outcome
from job_client.cli.output import (
    cell_lines,
    console,
    folded,
    is_narrow,
    markup_of,
    narrow_table,
    print_error,
    print_message,
    print_records,
    wants_tables,
    whole,
)
from job_client.cli.progress import counting_bar
from job_client.cli.summary import clock, code_cell
from job_client.client import JobClient
from job_client.errors import JobNotFound, ServerBusy, ServiceError, Unreachable
from job_client.exit_codes import exit_code_of
from job_client.search import History, IndexedLine, Match, TextIndex, matches
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.contract.job_status import JobStatus


def find(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for; what is read nearly so is found too.")],
    min_score: Annotated[float, typer.Option(min=0, max=100, help="The least score; 100 finds exact text only.")] = 85,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Find text and codes in the videos of all completed jobs.

    They are read from the server once for each job, and kept in the user's cache folder until the job is deleted.

    For example:

        foregsyte find "stop"

        foregsyte find 4006381333931

        foregsyte find 'B 123' --json | jq -r .job_id
    """
    if not text.strip():
        raise typer.BadParameter("is empty", param_hint="TEXT")
    outcome = Outcome()
    with JobClient(address, tls_ca_file, timeout) as client:
        lines_of = _indexed(client, address, outcome)
    files = History(address).files()
    found = matches(text, lines_of, min_score)
    shown = found[:limit]
    if wants_tables(as_json=as_json) and not shown:
        print_message(f"No completed job has text or a code like {text!r}; --min-score finds what is less like it.")
    elif wants_tables(as_json=as_json):
        console.print(_table(text, shown, {job_id: path.name for job_id, path in files.items()}))
    else:
        print_records(_record(match, str(files.get(match.job_id, ""))) for match in shown)
    if more := len(found) - len(shown):
        print_message(f"{more} more; --limit {len(found)} shows all")
    raise outcome.exit()


def _indexed(client: JobClient, address: str, outcome: Outcome) -> dict[str, list[IndexedLine]]:
    """Return the lines of each completed job, newest first, after the index was brought up to date."""
    index = TextIndex(address)
    files, known = History(address).files(), index.jobs()  # before the jobs are listed: more may be submitted meanwhile
    jobs = {job.job_id: job.status for job in client.jobs()}
    # Texts can be read again. From which file a job was submitted cannot, and another server may have the address now.
    is_another = files.keys().isdisjoint(jobs)
    gone = [job_id for job_id, file in files.items() if job_id not in jobs and not (is_another and file.exists())]
    with contextlib.suppress(OSError):  # a home that cannot be written to
        index.forget(known - jobs.keys())
        History(address).forget(gone)
    completed = [job_id for job_id, status in jobs.items() if status is JobStatus.completed]
    lines_of = {job_id: index.lines_of(job_id) for job_id in completed}
    missing = [job_id for job_id, lines in lines_of.items() if lines is None]
    with counting_bar("reading new results", len(missing)) as advance:
        for job_id in missing:
            lines_of[job_id] = _read(client, index, job_id, outcome)
            advance()
    return {job_id: lines for job_id, lines in lines_of.items() if lines}


def _read(client: JobClient, index: TextIndex, job_id: str, outcome: Outcome) -> list[IndexedLine]:
    try:
        timeline = client.job(job_id).timeline()
        return index.add(job_id, [*timeline.texts, *timeline.codes])
    except (Unreachable, ServerBusy):
        raise
    except JobNotFound:
        return []  # deleted since it was listed
    except ServiceError as error:
        print_error(f"job {job_id} is left out: {error}")
        outcome.add(exit_code_of(error))
        return []


def _table(text: str, found: Iterable[Match], names: dict[str, str]) -> Table:
    title = markup_of(f"{text} in completed jobs")
    return _narrow_table(title, found, names) if is_narrow() else _wide_table(title, found, names)


def _wide_table(title: str, found: Iterable[Match], names: dict[str, str]) -> Table:
    fixed = [whole("from"), whole("to"), whole("job"), folded("video"), whole("score")]
    table = Table(folded("text"), *fixed, title=title)
    for score, job_id, line in found:
        times = (clock(line.start_ms), clock(line.end_ms))
        names_of_job = (markup_of(job_id), markup_of(names.get(job_id, "")))
        table.add_row(_content(line), *times, *names_of_job, f"{score:.0f}")
    return table


def _narrow_table(title: str, found: Iterable[Match], names: dict[str, str]) -> Table:
    table = narrow_table(title)
    for score, job_id, line in found:
        when = f"{clock(line.start_ms)} to {clock(line.end_ms)}, score {score:.0f}"
        table.add_row(cell_lines(_content(line), when, markup_of(names.get(job_id, "")), markup_of(job_id)))
    return table


def _content(line: IndexedLine) -> str:
    return f"{code_cell(line.text)}\n[dim]{markup_of(line.format)}[/dim]" if line.format else markup_of(line.text)


def _record(match: Match, file: str) -> dict[str, Any]:
    line = {name: getattr(match.line, name) for name in match.line.__struct_fields__}
    kind = "code" if match.line.format else "text"
    return {"job_id": match.job_id, "file": file, "score": round(match.score, 1), "kind": kind} | line
