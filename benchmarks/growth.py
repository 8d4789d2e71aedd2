"""Shows how cost grows: `python -m benchmarks.growth`.

Against the number of frames in the results, of rows in the database, of clients and workers at work, and of workers
that wait. Writes the numbers as JSON and a plot of them (matplotlib, which comes with the worker's environment).
`--quick` makes all of it small.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.api_measures import latency_table, lifecycle_table, results_table
from benchmarks.measuring import Rows, save, show_table
from benchmarks.row_costs import row_table
from benchmarks.small_videos import ROOT

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How far each number grows."""

    frames: tuple[int, ...] = (100, 1000, 3000, 9000, 18_000, 36_000)
    rows: tuple[int, ...] = (0, 1000, 10_000, 100_000, 300_000, 1_000_000)
    row_calls: int = 100
    pairs: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    seconds: float = 3.0
    waiting: tuple[int, ...] = (1, 4, 16, 64, 256)
    calls: int = 100


QUICK = Plan((5, 50), (0, 1000), 5, (1, 2), 0.3, (1, 4), 5)


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of the plot: what is drawn of a table, and by which column."""

    title: str
    against: str
    drawn: tuple[str, ...]
    split_by: str = ""


PANELS = {
    "frames": Panel("Results of a job: the server's CPU, ms", "frames", ("server's CPU ms",), "format"),
    "rows": Panel("One call on the table, ms", "rows", ("insert ms", "get ms", "newest 50 ms")),
    "pairs": Panel("Whole lives of jobs a second", "clients and workers", ("jobs/s",)),
    "waiting": Panel("A client beside waiting workers, ms", "waiting workers", ("submit p50 ms", "status p50 ms")),
}


def measure(plan: Plan, rounds: int, folder: Path) -> dict[str, Rows]:
    """Returns one table for each panel."""
    return {
        "frames": results_table(folder, plan.frames, rounds),
        "rows": row_table(folder, plan.rows, plan.row_calls, rounds),
        "pairs": lifecycle_table(folder, plan.pairs, plan.seconds, rounds),
        "waiting": latency_table(folder, plan.waiting, plan.calls, rounds),
    }


def draw(tables: dict[str, Rows], file: Path) -> None:
    """Draws every table: medians as lines, the extremes of the rounds as bands."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for axis, (name, panel) in zip(axes.flat, PANELS.items(), strict=True):
        for label, rows in _lines(panel, tables[name]):
            _draw_line(axis, label, rows)
        axis.set(title=panel.title, xlabel=panel.against, xscale="symlog", ylim=(0, None))
        axis.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    pyplot.close(figure)
    print(f"drawn in {file}")


def _lines(panel: Panel, rows: Rows) -> list[tuple[str, list[tuple[float, dict[str, float]]]]]:
    groups = dict.fromkeys(row.get(panel.split_by, "") for row in rows)
    return [
        (f"{column} {group}".strip(),
         [(row[panel.against], row[column]) for row in rows if row.get(panel.split_by, "") == group])
        for column in panel.drawn for group in groups
    ]  # fmt: skip


def _draw_line(axis: Any, label: str, points: list[tuple[float, dict[str, float]]]) -> None:
    places = [place for place, _ in points]
    [line] = axis.plot(places, [value["median"] for _, value in points], marker="o", label=label)
    low, high = ([value[name] for _, value in points] for name in ("min", "max"))
    axis.fill_between(places, low, high, color=line.get_color(), alpha=0.2)


def _choose(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="a few seconds in all")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "growth.json", help="where the numbers are saved")
    parser.add_argument("--plot", type=Path, default=ROOT / "build" / "growth.svg", help="where the plot is saved")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    chosen = _choose(arguments)
    plan, rounds = (QUICK, 1) if chosen.quick else (Plan(), chosen.rounds)
    with tempfile.TemporaryDirectory(prefix="foregsyte-growth-") as folder:
        tables = measure(plan, rounds, Path(folder))
    for name, rows in tables.items():
        show_table(PANELS[name].title, rows)
    save(chosen.json, "growth", tables)
    draw(tables, chosen.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
