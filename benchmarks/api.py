"""Measures the server: `python -m benchmarks.api`.

Five tables: whole lives of jobs a second; what waiting workers cost a client; large uploads and the server's memory;
long results in both formats; rows of the database. Servers are processes of their own, with their data in a temporary
folder; clients and workers run beside them on the same cores. Each number is the median of some rounds, with the
smallest and the largest.

`--only` takes some of the tables, `--quick` makes all of them small: it shows that the measurements work, and no more.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api_measures import latency_table, lifecycle_table, results_table, upload_table
from benchmarks.measuring import Rows, save, show_table
from benchmarks.row_costs import row_table
from benchmarks.small_videos import ROOT

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    pairs: tuple[int, ...] = (1, 4, 16)
    seconds: float = 5.0
    waiting: tuple[int, ...] = (1, 16, 64, 256)
    calls: int = 200
    uploads_mib: tuple[int, ...] = (64, 256, 512)
    frames: tuple[int, ...] = (18_000,)
    rows: tuple[int, ...] = (0, 10_000, 100_000, 1_000_000)
    row_calls: int = 100


QUICK = Plan((2,), 0.3, (1, 4), 5, (4,), (50,), (0, 1000), 5)


def tables(plan: Plan, rounds: int, folder: Path) -> dict[str, tuple[str, Callable[[], Rows]]]:
    """Returns each table's title and what makes it, by its name."""
    few = min(rounds, 3)
    return {
        "lives": (
            "Whole lives of jobs: submit 20 kB, dequeue, complete, status asked every 50 ms",
            lambda: lifecycle_table(folder, plan.pairs, plan.seconds, rounds),
        ),
        "waiting": (
            "One active client beside workers that wait",
            lambda: latency_table(folder, plan.waiting, plan.calls, rounds),
        ),
        "uploads": ("Uploads", lambda: upload_table(folder, plan.uploads_mib, few)),
        "results": ("Results with 20 detections a frame", lambda: results_table(folder, plan.frames, few)),
        "rows": ("Rows", lambda: row_table(folder, plan.rows, plan.row_calls, rounds)),
    }


def _choose(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("lives", "waiting", "uploads", "results", "rows")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="the tables to make")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="a few seconds in all")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "api.json", help="where the numbers are saved")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    chosen = _choose(arguments)
    plan, rounds = (QUICK, 1) if chosen.quick else (Plan(), chosen.rounds)
    made = {}
    with tempfile.TemporaryDirectory(prefix="foregsyte-api-") as folder:
        for name, (title, measure) in tables(plan, rounds, Path(folder)).items():
            if name in chosen.only:
                made[name] = measure()
                show_table(title, made[name])
    save(chosen.json, "api", made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
