"""The report of a storm: the work done twice, recovery times, and how they are printed."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.chaos_processes import FaultKind, Incident
from benchmarks.measuring import percentile

DEQUEUED = "job dequeued"
TAKEN_BACK = {"worker lost", "answer lost", "job released"}
HURT = {FaultKind.kill: "worker killed", FaultKind.term: "worker terminated", FaultKind.stop: "worker stopped"}


class Event(NamedTuple):
    """One line of the server's log about a job.

    Attributes:
        at: When, in seconds since the epoch.
        action: What happened.
        job_id: The job.
        worker_id: The worker, where the line names it.
    """

    at: float
    action: str
    job_id: str
    worker_id: str


def read_events(logs: Iterable[Path]) -> Iterator[Event]:
    """Read the server's logs; lines that are no JSON, such as one that a kill cut off, are passed over."""
    for line in (line for log in logs for line in log.read_text(encoding="utf-8").splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "job_id" in entry:
            at = datetime.fromisoformat(entry["time"]).timestamp()
            yield Event(at, entry["action"], entry["job_id"], entry.get("worker_id", ""))


def duplicated(events: Iterable[Event]) -> dict[str, int]:
    """Count the work that was begun more than once."""
    dequeues = Counter(event.job_id for event in events if event.action == DEQUEUED)
    again = [count - 1 for count in dequeues.values() if count > 1]
    return {
        "dequeued more than once": len(again),
        "dequeued again in all": sum(again),
        "most often for one job": max(again, default=0),
    }


def recoveries(events: list[Event], incidents: Iterable[Incident]) -> dict[str, list[float]]:
    """Measure, for each worker that was hurt with a job in hand, how long the job was nobody's.

    Returns:
        Seconds from the incident until the server took the job back, and until another worker had it.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    for incident in incidents:
        taken = [
            number
            for number, event in enumerate(events)
            if event.action == DEQUEUED and event.worker_id == incident.process and event.at <= incident.at
        ]
        if not taken:
            continue
        held = taken[-1]
        after = [event for event in events[held + 1 :] if event.job_id == events[held].job_id]
        if not after or after[0].at < incident.at or after[0].action not in TAKEN_BACK:
            continue  # the job had ended, or the worker finished it all the same
        found[f"{HURT[incident.kind]}: job taken back"].append(after[0].at - incident.at)
        again = [event.at for event in after if event.action == DEQUEUED]
        found[f"{HURT[incident.kind]}: job with a worker again"] += [at - incident.at for at in again[:1]]
    return {name: seconds for name, seconds in found.items() if seconds}


def spread(seconds: list[float]) -> dict[str, float]:
    """Return how many there are, their median, 95th percentile and largest."""
    numbers = {"median": median(seconds), "p95": percentile(seconds, 0.95), "max": max(seconds)}
    return {"count": len(seconds)} | {name: round(number, 3) for name, number in numbers.items()}


def show(report: Mapping[str, Any]) -> None:
    """Print the report as a table."""
    for title, content in report.items():
        if isinstance(content, list):
            print(f"{title}: {len(content) or 'none'}", *content, sep="\n  ")
        elif not isinstance(content, Mapping):
            print(f"{title:52} {content}")
        else:
            print(title)
            for name, value in content.items():
                numbers = value.items() if isinstance(value, Mapping) else [("", value)]
                print(f"  {name:50}", *(f"{what} {number}".strip() for what, number in numbers), sep="  ")
