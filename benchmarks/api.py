"""Measure the server: `python -m benchmarks.api`.

Six tables: whole lives of jobs a second; what waiting workers cost a client; large uploads and the server's memory;
long results in both formats; status calls while the largest results arrive and are answered; rows of the database.
Servers are processes of their own, with their data in a temporary folder; clients and workers run beside them on the
same cores. Each number is the median of some rounds, with the smallest and the largest.

`--only` takes some of the tables, `--quick` makes all of them small: it shows that the measurements work, and no more.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.api_large import large_table
from benchmarks.api_measures import latency_table, lifecycle_table, results_table, upload_table
from benchmarks.measuring import Rows, command_line, machine, save, show_table
from benchmarks.row_costs import row_table

NAMES = ("lives", "waiting", "uploads", "results", "large", "rows")


class Plan(NamedTuple):
    """How much is measured."""

    numbers: tuple[int, ...] = (1, 4, 16)
    seconds: float = 5.0
    waiting: tuple[int, ...] = (1, 16, 64, 256)
    calls: int = 200
    uploads_mib: tuple[int, ...] = (64, 256, 512)
    frames: int = 18_000
    large_mib: int = 200
    rows: tuple[int, ...] = (0, 10_000, 100_000, 1_000_000)
    row_calls: int = 100


QUICK = Plan((1, 2), 0.3, (1, 4), 5, (4,), 50, 1, (0, 1000), 5)


def measures(plan: Plan, folder: Path) -> dict[str, tuple[str, Callable[[int], Rows]]]:
    """Return each table's title and what makes it in so many rounds, by its name."""
    lives = "Whole lives of jobs: submit 20 kB, dequeue, complete, status every 50 ms"
    waiting = "One active client beside workers that wait"
    results = f"Results of {plan.frames} frames with 20 detections each"
    return {
        "lives": (lives, lambda rounds: lifecycle_table(folder, plan.numbers, plan.seconds, rounds)),
        "waiting": (waiting, lambda rounds: latency_table(folder, plan.waiting, plan.calls, rounds)),
        "uploads": ("Uploads", lambda rounds: upload_table(folder, plan.uploads_mib, rounds)),
        "results": (results, lambda rounds: results_table(folder, plan.frames, rounds)),
        "large": ("Status calls, ms", lambda rounds: large_table(folder, plan.large_mib, rounds)),
        "rows": ("Rows", lambda rounds: row_table(folder, plan.rows, plan.row_calls, rounds)),
    }


def main() -> int:
    """Run the command; return its exit code."""
    parser = command_line(__doc__, "api")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="the tables to make")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="a few seconds in all")
    chosen = parser.parse_args()
    tables: dict[str, Rows] = {}
    with tempfile.TemporaryDirectory(prefix="foregsyte-api-") as folder:
        for name, (title, measure) in measures(QUICK if chosen.quick else Plan(), Path(folder)).items():
            if name in chosen.only:
                few = 3 if name in ("uploads", "results", "large") else chosen.rounds  # they take long and vary little
                tables[name] = measure(1 if chosen.quick else min(chosen.rounds, few))
                show_table(title, tables[name])
    save(chosen.json, {"benchmark": "api", "machine": machine(), "tables": tables})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
