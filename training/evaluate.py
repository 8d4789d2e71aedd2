"""Measures a detector on rendered frames and on labelled frames of real videos: `python -m training.evaluate`.

Average precision is Ultralytics' own (101 points, IoU 0.5). Precision, recall, confusion and false alarms are those of
the confidence at which a worker runs the detector.
"""

# ruff: noqa: PLC0415 - what only looks at labels loads no model library

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from job_worker.settings import BUNDLED_CONFIDENCE, BUNDLED_IMAGE_SIZE
from training.labelled import LabelledFrame, real_frames, rendered_frames
from training.scenes.patch import CLASSES, Box

__all__ = ["evaluate", "overlap_of_union"]

CONFIDENCE = BUNDLED_CONFIDENCE

LEAST_CONFIDENCE = 0.001
IOU = 0.5
NOTHING = "nothing"

Found = tuple[Box, float]
"""A box and its confidence."""


def overlap_of_union(one: Box, other: Box) -> float:
    """The area that both boxes cover over the area that either covers."""
    shared = one.overlap(other)
    return shared / (one.area + other.area - shared) if shared else 0.0


def evaluate(find: "Finder", frames: Iterable[LabelledFrame]) -> dict[str, Any]:
    """Runs the detector on the frames and compares.

    Returns:
        The number of frames, `map50`, for every class that is there `ap50`, `precision`, `recall` and `labelled`, the
        `confusion` as counts by "truth > found", and `false_alarms` on frames that show none of the classes.
    """
    hits: list[bool] = []
    confidences: list[float] = []
    predicted: list[int] = []
    labelled: list[int] = []
    confusion: Counter[str] = Counter()
    count = empty_frames = alarms = 0
    for frame in frames:
        count += 1
        found = [(box, sure) for box, sure in find(frame) if not _is_ignored(box, frame)]
        labelled += [CLASSES.index(box.label) for box in frame.boxes]
        matched = _matched(found, frame.boxes)
        hits += matched
        confidences += [sure for _, sure in found]
        predicted += [CLASSES.index(box.label) for box, _ in found]
        sure_ones = [box for box, sure in found if sure >= CONFIDENCE]
        confusion.update(_confusions(sure_ones, frame.boxes))
        if frame.is_empty:
            empty_frames += 1
            alarms += len(sure_ones)
    classes: dict[str, dict[str, float]] = {}
    if hits:
        from ultralytics.utils.metrics import ap_per_class

        result = ap_per_class(np.array(hits)[:, None], np.array(confidences), np.array(predicted), np.array(labelled))
        for number, ap in zip(result[6].tolist(), result[5][:, 0].tolist(), strict=True):
            classes[CLASSES[number]] = {"ap50": round(ap, 3)}
    for number in sorted(set(labelled)):
        name = CLASSES[number]
        right = confusion[f"{name} > {name}"]
        told = sum(times for pair, times in confusion.items() if pair.endswith(f"> {name}"))
        classes.setdefault(name, {"ap50": 0.0}).update(
            precision=round(right / told, 3) if told else 0.0,
            recall=round(right / labelled.count(number), 3),
            labelled=labelled.count(number),
        )
    return {
        "frames": count,
        "map50": round(float(np.mean([entry["ap50"] for entry in classes.values()])), 3) if classes else 0.0,
        "classes": classes,
        "confusion": dict(sorted(confusion.items())),
        "false_alarms": {"frames": empty_frames, "per_frame": round(alarms / empty_frames, 3) if empty_frames else 0.0},
    }


class Finder:
    """Runs weights by way of Ultralytics."""

    def __init__(self, weights: Path, image_size: int, device: str) -> None:
        from ultralytics import YOLO

        self._model = YOLO(str(weights), task="detect")
        self._settings = {"imgsz": image_size, "device": device, "conf": LEAST_CONFIDENCE, "iou": 0.7, "verbose": False}

    def __call__(self, frame: LabelledFrame) -> list[Found]:
        """What is found, the surest first."""
        (result,) = self._model.predict(frame.image, **self._settings)
        rows = result.boxes.data.cpu().numpy().tolist()
        return sorted(((Box(CLASSES[int(row[5])], *row[:4]), row[4]) for row in rows), key=lambda found: -found[1])


def _is_ignored(box: Box, frame: LabelledFrame) -> bool:
    return any(box.overlap(area) > 0.5 * box.area for area in frame.ignored)


def _matched(found: list[Found], truth: list[Box]) -> list[bool]:
    """Whether each of what was found, the surest first, is one of the truth that nothing surer is."""
    free = list(truth)
    hits = []
    for box, _ in found:
        best = max(
            (other for other in free if other.label == box.label),
            key=lambda other: overlap_of_union(box, other),
            default=None,
        )
        hit = best is not None and overlap_of_union(box, best) >= IOU
        if hit and best is not None:
            free.remove(best)
        hits.append(hit)
    return hits


def _confusions(found: list[Box], truth: list[Box]) -> list[str]:
    """Pairs of what is there and what was found: each box of the truth with the best box at its place, of any class."""
    pairs = []
    free = list(found)
    for box in truth:
        best = max(
            free,
            key=lambda other: (
                overlap_of_union(box, other) >= IOU,
                other.label == box.label,
                overlap_of_union(box, other),
            ),
            default=None,
        )
        if best is not None and overlap_of_union(box, best) >= IOU:
            free.remove(best)
            pairs.append(f"{box.label} > {best.label}")
        else:
            pairs.append(f"{box.label} > {NOTHING}")
    return pairs + [f"{NOTHING} > {box.label}" for box in free]


def show(title: str, report: dict[str, Any]) -> None:
    """Prints one report as a table."""
    table = Table(title=f"{title}: {report['frames']} frames, mAP50 {report['map50']:.3f}")
    for column in ("class", "labelled", "AP50", "precision", "recall"):
        table.add_column(column, justify="left" if column == "class" else "right")
    for name, entry in report["classes"].items():
        table.add_row(name, *(str(entry.get(key, "")) for key in ("labelled", "ap50", "precision", "recall")))
    console = Console()
    console.print(table)
    alarms = report["false_alarms"]
    console.print(f"false alarms: {alarms['per_frame']} a frame on {alarms['frames']} frames that show no class")
    console.print("confusion:", report["confusion"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path("data/models/text_carriers.pt"))
    parser.add_argument("--dataset", type=Path, help="a rendered dataset; its test part is used")
    parser.add_argument("--videos", type=Path, help="the folder with the videos of labels/real_frames.json")
    parser.add_argument("--imgsz", type=int, default=BUNDLED_IMAGE_SIZE, help="the longer side of the pictures")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="save the numbers to this JSON file")
    given = parser.parse_args()
    find = Finder(given.weights, given.imgsz, given.device)
    report = {}
    if given.dataset:
        report["rendered"] = evaluate(find, rendered_frames(given.dataset))
    if given.videos:
        report["real"] = evaluate(find, real_frames(given.videos))
    for title, part in report.items():
        show(title, part)
    if given.out:
        given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
