"""What all measurements share: times, their spread, the machine they were made on, tables and files."""

import json
import math
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Rows", "machine", "percentile", "save", "show_table", "spread", "timed_ms"]

Rows = list[dict[str, Any]]
"""A table: one dictionary a row, by the names of the columns."""

MEASURED_WITH = ("duckdb", "grpcio", "msgspec", "protobuf", "sqlalchemy")


def machine() -> dict[str, Any]:
    """Returns what the numbers depend on, with no name of this machine."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "load before": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in MEASURED_WITH},
    }


def timed_ms(call: Callable[[], object]) -> float:
    """Returns how long the call took, in milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def percentile(samples: Sequence[float], share: float) -> float:
    """Returns the smallest sample that so large a share of them does not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(samples: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Returns the median of the rounds, the smallest and the largest."""
    return {
        "median": round(median(samples), digits),
        "min": round(min(samples), digits),
        "max": round(max(samples), digits),
    }


def show_table(title: str, rows: Rows) -> None:
    """Prints the rows as a table in Markdown: a median with its extremes behind it."""
    columns = list(rows[0])
    print(f"\n### {title}\n")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(_text(row[column]) for column in columns)} |", flush=True)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{value['median']:g} ({value['min']:g}-{value['max']:g})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def save(file: Path, title: str, tables: Mapping[str, Iterable[Any]]) -> None:
    """Writes the tables, with the machine, as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    report = {"benchmark": title, "machine": machine(), "tables": tables}
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nsaved in {file}")
