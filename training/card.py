"""Fills in the model card what can be computed: `python -m training.card`, after an export or an evaluation."""

import json
import re
from pathlib import Path
from typing import Any

from training.boxes import CLASSES
from training.export import hashes

CARD = Path(__file__).parent.parent / "data" / "models" / "README.md"
METRICS = CARD.with_name("metrics.json")


def filled(card: str, folder: Path = CARD.parent, metrics: Path = METRICS) -> str:
    """Return the card with the hashes of the model's files and the numbers of the last evaluation in their places."""
    numbers = json.loads(metrics.read_text(encoding="utf-8"))
    card = _put(card, "files", _files(folder))
    return _put(card, "metrics", _metrics(numbers["rendered"], numbers["real"]))


def _put(card: str, place: str, content: str) -> str:
    pattern = re.compile(f"(<!-- {place} -->\n).*?(<!-- /{place} -->)", re.DOTALL)
    if not pattern.search(card):
        raise ValueError(f"the card has no place for {place}")
    return pattern.sub(lambda found: f"{found[1]}{content}{found[2]}", card)


def _files(folder: Path) -> str:
    rows = [
        f"| `{name}` | {(folder / name).stat().st_size:,} | `{value}` |\n" for name, value in hashes(folder).items()
    ]
    return f"| file | bytes | SHA-256 |\n|---|---:|---|\n{''.join(rows)}"


def _metrics(rendered: dict[str, Any], real: dict[str, Any]) -> str:
    parts = (rendered, real)
    rows = [f"| `{name}` | {' | '.join(_cells(part['classes'].get(name)) for part in parts)} |\n" for name in CLASSES]
    totals = "| ".join(f"{part['frames']} frames | **{part['map50']:.3f}** | | " for part in parts).rstrip()
    alarms = [part["false_alarms"] for part in parts]
    return (
        "| | rendered: labelled | AP50 | precision | recall | real: labelled | AP50 | precision | recall |\n"
        f"|---|---:|---:|---:|---:|---:|---:|---:|---:|\n{''.join(rows)}| all | {totals} |\n"
        f"\nFalse alarms a frame: {alarms[0]['per_frame']} on {alarms[0]['frames']} rendered frames without any "
        f"class, {alarms[1]['per_frame']} on {alarms[1]['frames']} real ones. Mistaken for another class, at the same "
        f"place: {_mistaken(rendered)} rendered, {_mistaken(real)} real.\n"
    )


def _cells(entry: dict[str, float] | None) -> str:
    if entry is None:
        return "0 | | | "
    return f"{entry['labelled']} | {entry['ap50']:.3f} | {entry['precision']:.3f} | {entry['recall']:.3f}"


def _mistaken(part: dict[str, Any]) -> int:
    pairs = ((*pair.split(" > "), times) for pair, times in part["confusion"].items())
    return sum(times for there, found, times in pairs if there in CLASSES and found in CLASSES and there != found)


if __name__ == "__main__":
    CARD.write_text(filled(CARD.read_text(encoding="utf-8")), encoding="utf-8")
