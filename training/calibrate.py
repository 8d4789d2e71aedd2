"""Makes the classes of a checkpoint equally careful: `python -m training.calibrate RUN/weights/best.pt --to OUT.pt`.

Some classes are easily seen where nothing is (a window is square and bright as a sign is), others hardly ever, and a
worker has one least confidence for all. So each class's scores are shifted until, at a confidence of 0.5, it raises at
most three false alarms in two hundred frames of the dataset's `val` part that show no class at all. The order of what
is found within a class, and so its average precision, stays as it is.
"""

# ruff: noqa: PLC0415 - what only looks at numbers loads no model library

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from job_worker.settings import BUNDLED_IMAGE_SIZE
from training.boxes import CLASSES
from training.evaluate import Finder, Found
from training.labelled import rendered_frames

MOST_ALARMS = 0.015
"""False alarms a frame and class."""

STEPS = np.arange(0.3, 0.96, 0.05)


def least_confidences(found: list[list[Found]]) -> dict[str, float]:
    """Return the least confidence of each class, of `STEPS`, from which on it raises few enough false alarms.

    Args:
        found: What was found in each of the frames that show nothing.
    """
    alarms = {name: [value for boxes in found for box, value in boxes if box.label == name] for name in CLASSES}
    most = MOST_ALARMS * len(found)
    return {
        name: next(float(step) for step in STEPS if sum(value >= step for value in values) <= most)
        for name, values in alarms.items()
    }


def calibrated(checkpoint: Path, least: Mapping[str, float], to: Path) -> None:
    """Write a checkpoint in which what had the least confidence of its class has 0.5."""
    import torch

    trained = torch.load(checkpoint, weights_only=False)
    network = trained["model"]
    shift = torch.tensor([-np.log(least[name] / (1 - least[name])) for name in CLASSES])
    for scores in network.model[-1].cv3:  # one for each size of grid
        scores[-1].bias.data += shift.to(scores[-1].bias.dtype)
    torch.save(trained, to)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--dataset", type=Path, required=True, help="a rendered dataset; its val part is used")
    parser.add_argument("--to", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--imgsz", type=int, default=BUNDLED_IMAGE_SIZE, help="the longer side of the images")
    given = parser.parse_args()
    find = Finder(given.checkpoint, given.imgsz, "cpu")
    found = [find(frame) for frame in rendered_frames(given.dataset, "val") if frame.is_empty]
    least = least_confidences(found)
    calibrated(given.checkpoint, least, given.to)
    print(f"{len(found)} frames without any class:", {name: round(value, 2) for name, value in least.items()})


if __name__ == "__main__":
    main()
