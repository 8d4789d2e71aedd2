"""What all measurements share: times, their spread, the machine they were made on, tables, files, the command line."""

import argparse
import json
import math
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.small_videos import ROOT
from shared.process.cores import usable_cores
from shared.process.settings import GIB

Rows = list[dict[str, Any]]
"""A table: one dictionary a row, by the names of the columns."""

LIBRARIES = {"duckdb", "grpcio", "msgspec", "protobuf", "sqlalchemy"}
LIBRARIES |= {"openvino", "onnxruntime", "torch", "ultralytics", "paddleocr"}
"""The libraries whose versions matter, as far as they are installed."""


def command_line(doc: str | None, name: str = "") -> argparse.ArgumentParser:
    """Return a parser whose help is a module's docstring; with a name it has `--json`, the file of the numbers."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if name:
        usual = ROOT / "build" / f"{name}.json"
        parser.add_argument("--json", type=Path, default=usual, help="where the numbers are saved")
    return parser


def machine() -> dict[str, Any]:
    """Return what the numbers depend on, with no name of this machine."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    installed = {package.name: package.version for package in metadata.distributions() if package.name in LIBRARIES}
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": usable_cores(),
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "load before": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **dict(sorted(installed.items())),
    }


def timed_ms(call: Callable[[], object]) -> float:
    """Return how long the call took, in milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that so large a share of them does not exceed (nearest rank)."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def peak_bytes(process: int | str = "self") -> int:
    """Return the most memory that was resident in a process so far (Linux: proc_pid_status(5))."""
    # Not getrusage: its maximum is that of the process that started this one, if that was larger.
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def spread(samples: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Return the median of the rounds, the smallest and the largest."""
    of_all = {"median": median(samples), "min": min(samples), "max": max(samples)}
    return {name: round(value, digits) for name, value in of_all.items()}


def show_table(title: str, rows: Rows) -> None:
    """Print the rows as a table in Markdown: a median with its extremes behind it, an empty cell for None."""
    columns = list(rows[0]) if rows else []
    print(f"\n### {title}\n")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(_text(row[column]) for column in columns)} |", flush=True)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{value['median']:g} ({value['min']:g}-{value['max']:g})"
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def save(file: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON, and say where it is."""
    write_report(file, report)
    print(f"\nsaved in {file}")


def write_report(file: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
