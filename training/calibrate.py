"""Make a confidence of 0.5 mean the same for all classes: `python -m training.calibrate BEST.pt --to OUT.pt`.

Some classes are easily seen where nothing is (a window is square and bright as a sign is), others hardly ever, and a
worker has one least confidence for all. Of a class that is labelled in photographs, half of what is found in the
`calibrate` part with a confidence of 0.5 is right: its scores are fitted to what is right (J. Platt, "Probabilistic
outputs for support vector machines", 1999). The scores of the other classes are shifted until, at 0.5, each raises at
most three false alarms in two hundred frames without it: the photographs, and the frames of the `val` part that show no
class at all. The order of what is found within a class, and so its average precision, stays as it is.

Photographs of roads show a sign more often than frames of videos do: `--with-empty` fits what is labelled in
photographs to these frames of `val` too, in which all that is found is wrong.
"""

# ruff: noqa: PLC0415 - what only looks at numbers loads no model library

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from job_worker.detection.bundled_detector import bundled_image_size
from training.arguments import folder_with
from training.boxes import CLASSES
from training.evaluate import Finder, Found, judge
from training.labelled import rendered_frames

MAX_ALARMS = 0.015
"""False alarms a frame and class."""

Line = tuple[float, float]
"""What log-odds are multiplied by, and what is added."""
UNCHANGED: Line = (1.0, 0.0)

NEWTON_STEPS = 50
DAMPING = 1e-3
"""How much a line is held to changing nothing: where everything is right, it would else have no end."""
FITTED_FROM = 0.02
"""What has a lower confidence would outnumber what lies near 0.5."""
MIN_SLOPE = 0.1
"""The order of what is found stays."""

STEPS = np.arange(40, 96) / 100
"""The first of them is the lowest confidence that may become 0.5: frames without a class show little of the world."""


def least_confidence(found: list[list[Found]], name: str) -> float:
    """Return the least confidence of a class, of `STEPS`, from which on it raises few enough false alarms.

    Args:
        found: What was found in each of the frames that show nothing.
        name: The class.

    Returns:
        The confidence; the highest step where the class raises too many at all of them.
    """
    alarms = [value for boxes in found for box, value in boxes if box.label == name]
    most = MAX_ALARMS * len(found)
    return next((float(step) for step in STEPS if sum(value >= step for value in alarms) <= most), float(STEPS[-1]))


def fitted(confidences: Sequence[float], hits: Sequence[bool]) -> Line:
    """Return the line over the log-odds of confidences that says best how likely what they are of is right.

    The logistic regression is solved by Newton's method, from the line that changes nothing.
    """
    odds = np.log(confidences) - np.log1p(-np.asarray(confidences))
    inputs = np.stack([odds, np.ones_like(odds)])
    line = np.array(UNCHANGED)
    for _ in range(NEWTON_STEPS):
        expected = 1 / (1 + np.exp(-line @ inputs))
        curvature = (inputs * expected * (1 - expected)) @ inputs.T + DAMPING * np.eye(2)
        line -= np.linalg.solve(curvature, inputs @ (expected - hits) + DAMPING * (line - UNCHANGED))
    return float(max(line[0], MIN_SLOPE)), float(line[1])


def shifted(least: float) -> Line:
    """Return the line by which a confidence of `least` becomes 0.5."""
    return 1.0, float(-np.log(least / (1 - least)))


def lines_of(
    empty: list[list[Found]], stills: list[list[tuple[Found, bool]]], *, with_empty: bool = False
) -> dict[str, Line]:
    """Return the line of each class; a class of which nothing has enough confidence to be fitted is left as it is.

    Args:
        empty: What was found in each of the frames that show nothing.
        stills: What was found in each of the photographs, and whether it is right.
        with_empty: Whether classes that are labelled in photographs are fitted to the frames that show nothing too.
    """
    judged = [answer for still in stills for answer in still]
    labelled = {box.label for (box, _), hit in judged if hit}
    if with_empty:
        judged += [(answer, False) for boxes in empty for answer in boxes]
    found = [*empty, *([answer for answer, _ in still] for still in stills)]
    lines = {name: shifted(least_confidence(found, name)) for name in CLASSES if name not in labelled}
    for name in labelled:
        of_class = [(value, hit) for (box, value), hit in judged if box.label == name and value >= FITTED_FROM]
        if any(hit for _, hit in of_class):
            lines[name] = fitted(*zip(*of_class, strict=True))
        else:
            print(f"{name} is left as it is: none of it is found with a confidence of {FITTED_FROM} or more")
            lines[name] = UNCHANGED
    return lines


def calibrated(checkpoint: Path, lines: Mapping[str, Line], to: Path) -> None:
    """Write a checkpoint whose scores are, for each class, those of the line over the log-odds of before."""
    import torch

    trained = torch.load(checkpoint, weights_only=False)
    network = trained["model"]
    slopes, shifts = torch.tensor([lines[name] for name in CLASSES]).T
    for scores in network.model[-1].cv3:  # one for each size of grid
        last = scores[-1]
        last.weight.data *= slopes.to(last.weight.dtype)[:, None, None, None]
        last.bias.data = (last.bias.data.float() * slopes + shifts).to(last.bias.dtype)
    torch.save(trained, to)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    dataset = folder_with("images/val/*.jpg")
    parser.add_argument("--dataset", type=dataset, required=True, help="its parts val and calibrate are used")
    parser.add_argument("--to", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--with-empty", action="store_true", help="count what is found where nothing is")
    parser.add_argument("--only", choices=CLASSES, action="append", help="the class to change, may be repeated")
    given = parser.parse_args()
    find = Finder(given.checkpoint, bundled_image_size(), "cpu")
    stills = [judge(find, frame) for frame in rendered_frames(given.dataset, "calibrate")]
    empty = [find(frame) for frame in rendered_frames(given.dataset, "val") if frame.is_empty]
    lines = lines_of(empty, stills, with_empty=given.with_empty)
    lines |= {name: UNCHANGED for name in CLASSES if given.only and name not in given.only}
    calibrated(given.checkpoint, lines, given.to)
    print(f"{len(empty)} frames without any class, {len(stills)} photographs:", lines)


if __name__ == "__main__":
    main()
