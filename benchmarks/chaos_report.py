"""What a storm came to: counts, recovery times, violations."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.chaos_processes import FaultKind, Incident

__all__ = ["Event", "duplicated", "read_events", "recoveries", "show", "spread"]

DEQUEUED = "job dequeued"
TAKEN_BACK = {"worker lost", "answer lost", "job released"}


@dataclass(frozen=True, slots=True)
class Event:
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


def read_events(log: Path) -> list[Event]:
    """Reads the server's JSON log; a line that a kill cut off is passed over."""
    return [event for line in log.read_text(encoding="utf-8").splitlines() if (event := _event(line))]


def _event(line: str) -> Event | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if "job_id" not in entry:
        return None
    at = datetime.fromisoformat(entry["time"]).timestamp()
    return Event(at, entry["action"], entry["job_id"], entry.get("worker_id", ""))


def duplicated(events: Iterable[Event]) -> dict[str, int]:
    """Counts the work that was begun more than once."""
    dequeues = Counter(event.job_id for event in events if event.action == DEQUEUED)
    again = [count - 1 for count in dequeues.values() if count > 1]
    return {
        "dequeued more than once": len(again),
        "dequeued again in all": sum(again),
        "most often for one job": max(again, default=0),
    }


def recoveries(events: Iterable[Event], incidents: Iterable[Incident]) -> dict[str, list[float]]:
    """Measures, for each worker that was hurt with a job in hand, how long the job was nobody's.

    Returns:
        Seconds from the incident until the server took the job back, and until another worker had it.
    """
    by_job: defaultdict[str, list[Event]] = defaultdict(list)
    by_worker: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_job[event.job_id].append(event)
        if event.action == DEQUEUED:
            by_worker[event.worker_id].append(event)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for incident in incidents:
        held = [event for event in by_worker[incident.process] if event.at <= incident.at][-1:]
        for taken in held:
            after = by_job[taken.job_id][by_job[taken.job_id].index(taken) + 1 :]
            _measure(incident, after, found)
    return dict(found)


def _measure(incident: Incident, after: list[Event], found: Mapping[str, list[float]]) -> None:
    """Adds the times of one job, of which `after` is all that happened once the worker had it."""
    if not after or after[0].at < incident.at or after[0].action not in TAKEN_BACK:
        return  # it had ended, or the worker finished it all the same
    what = {FaultKind.kill: "worker killed", FaultKind.term: "worker terminated", FaultKind.stop: "worker stopped"}
    found[f"{what[incident.kind]}: job taken back"].append(after[0].at - incident.at)
    again = next((event for event in after if event.action == DEQUEUED), None)
    if again:
        found[f"{what[incident.kind]}: job with a worker again"].append(again.at - incident.at)


def spread(seconds: list[float]) -> dict[str, float]:
    """Returns how many there are, their median, 95th percentile (nearest rank) and largest."""
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "median": round(median(ordered), 3),
        "p95": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 3),
        "max": round(ordered[-1], 3),
    }


def show(report: Mapping[str, Any]) -> None:
    """Prints the report as a table."""
    for title, content in report.items():
        if isinstance(content, Mapping):
            print(title)
            for name, value in content.items():
                print(f"  {name:50} {_text(value)}")
        elif isinstance(content, list):
            print(f"{title}: {len(content) or 'none'}", *content, sep="\n  ")
        else:
            print(f"{title:52} {content}")


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "  ".join(f"{name} {number:g}" for name, number in value.items())
    return str(value)
