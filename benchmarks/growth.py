"""Shows how cost grows: `python -m benchmarks.growth`.

Against the number of frames in the results, of rows in the database, of clients and workers at work, and of workers
that wait. Writes the numbers as JSON and a plot of them (matplotlib, which comes with the worker's environment).
`--quick` makes all of it small.
"""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.api import QUICK, Plan, measures
from benchmarks.measuring import Rows, command_line, machine, save, show_table
from benchmarks.small_videos import ROOT

GROWING = Plan(
    numbers=(1, 2, 4, 8, 16, 32),
    seconds=3.0,
    waiting=(1, 4, 16, 64, 256),
    calls=100,
    frames=(100, 1000, 3000, 9000, 18_000, 36_000),
    rows=(0, 1000, 10_000, 100_000, 300_000, 1_000_000),
)


class Panel(NamedTuple):
    """One part of the plot: which table of the server is drawn, its columns, and by which other column."""

    table: str
    title: str
    against: str
    drawn: tuple[str, ...]
    split_by: str = ""


PANELS = {
    "frames": Panel("results", "Results of a job: the server's CPU, ms", "frames", ("server's CPU ms",), "format"),
    "rows": Panel("rows", "One call on the table, ms", "rows", ("insert ms", "get ms", "newest 50 ms")),
    "pairs": Panel("lives", "Whole lives of jobs a second", "clients and workers", ("jobs/s",)),
    "waiting": Panel(
        "waiting", "A client beside waiting workers, ms", "waiting workers", ("submit p50 ms", "status p50 ms")
    ),
}


def draw(tables: dict[str, Rows], file: Path) -> None:
    """Draw every table: medians as lines, the extremes of the rounds as bands."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    for axis, (name, panel) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        groups = dict.fromkeys(row.get(panel.split_by, "") for row in tables[name])
        for column, group in ((column, group) for column in panel.drawn for group in groups):
            rows = [row for row in tables[name] if row.get(panel.split_by, "") == group]
            places, values = [row[panel.against] for row in rows], [row[column] for row in rows]
            _draw_line(axis, f"{column} {group}".strip(), places, values)
        axis.set(title=panel.title, xlabel=panel.against, xscale="symlog", ylim=(0, None))
        axis.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    print(f"drawn in {file}")


def _draw_line(axis: Any, label: str, places: list[float], values: list[dict[str, float]]) -> None:
    middle, low, high = ([value[name] for value in values] for name in ("median", "min", "max"))
    [line] = axis.plot(places, middle, marker="o", label=label)
    axis.fill_between(places, low, high, color=line.get_color(), alpha=0.2)


def main() -> int:
    """Run the command; return its exit code."""
    parser = command_line(__doc__, "growth")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="a few seconds in all")
    parser.add_argument("--plot", type=Path, default=ROOT / "build" / "growth.svg", help="where the plot is saved")
    chosen = parser.parse_args()
    plan, rounds = (QUICK, 1) if chosen.quick else (GROWING, chosen.rounds)
    with tempfile.TemporaryDirectory(prefix="foregsyte-growth-") as folder:
        of_server = measures(plan, Path(folder))
        tables = {name: of_server[panel.table][1](rounds) for name, panel in PANELS.items()}
    for name, rows in tables.items():
        show_table(PANELS[name].title, rows)
    save(chosen.json, {"benchmark": "growth", "machine": machine(), "tables": tables})
    draw(tables, chosen.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
