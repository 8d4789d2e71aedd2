"""Renders a dataset in the form that Ultralytics trains on: images, label files, `data.yaml`.

The folder `ignored` holds, in the form of label files, what is in the images and cannot be recognised.

Example: `python -m training.build_dataset --materials build/materials --to build/dataset`. The same seed and materials
give the same images, whatever the number of processes.
"""

import argparse
import multiprocessing
from functools import partial
from pathlib import Path

import cv2
import yaml

from shared.process.cores import usable_cores
from training.boxes import CLASSES, label_lines
from training.materials import find_materials
from training.scenes.compose import Painter

SEEDS = {"train": 1, "val": 2, "test": 3}
"""The parts of a dataset and what their frames are drawn with."""

JPEG_QUALITY = 95

_painter: Painter


def build_dataset(folder: Path, materials: Path | None, parts: dict[str, range], processes: int) -> None:
    """Render so many frames of each part; frames that are there already are left as they are.

    Args:
        folder: Where the dataset goes.
        materials: The folder that `training.materials` filled, or None for drawn scenes alone.
        parts: The numbers of the frames of each part of `SEEDS`. A detector that goes on learns more from new frames,
            and is judged better by such as nobody has looked at.
        processes: How many frames are rendered at a time.
    """
    jobs = [(part, number) for part, numbers in parts.items() for number in numbers]
    for part in parts:
        for kind in ("images", "labels", "ignored"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
    images = {part: f"images/{part}" for part in parts}
    description = {"path": str(folder.resolve()), **images, "names": dict(enumerate(CLASSES))}
    (folder / "data.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    context = multiprocessing.get_context("spawn")  # OpenCV's threads do not survive a fork
    with context.Pool(processes, initializer=_start, initargs=(materials,)) as pool:
        for done, _ in enumerate(pool.imap_unordered(partial(_render, folder), jobs, chunksize=16), start=1):
            if done % 1000 == 0 or done == len(jobs):
                print(f"{done} of {len(jobs)} frames", flush=True)


def _start(materials: Path | None) -> None:
    global _painter  # noqa: PLW0603 (one painter a process)
    cv2.setNumThreads(1)
    _painter = Painter(find_materials(materials))


def _render(folder: Path, job: tuple[str, int]) -> None:
    part, number = job
    image = folder / "images" / part / f"{number:06}.jpg"
    labels, ignored = (folder / kind / part / f"{number:06}.txt" for kind in ("labels", "ignored"))
    if image.exists() and labels.exists():
        return
    frame = _painter.frame(SEEDS[part], number)
    cv2.imwrite(str(image), cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    height, width = frame.pixels.shape[:2]
    ignored.write_text(label_lines(frame.ignored, width, height))
    labels.write_text(label_lines(frame.boxes, width, height))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="the dataset's folder")
    parser.add_argument("--materials", type=Path, help="the folder of training.materials; default: none")
    parser.add_argument("--train", type=int, default=20_000, help="frames to train on")
    parser.add_argument("--first", type=int, default=0, help="the number of the first frame to train on")
    parser.add_argument("--first-test", type=int, default=0, help="the number of the first frame to evaluate on")
    parser.add_argument("--val", type=int, default=600, help="frames to choose the best epoch by")
    parser.add_argument("--test", type=int, default=1_000, help="frames to evaluate on, seen by nothing else")
    parser.add_argument("--processes", type=int, default=usable_cores())
    given = parser.parse_args()
    train = range(given.first, given.first + given.train)
    test = range(given.first_test, given.first_test + given.test)
    parts = {"train": train, "val": range(given.val), "test": test}
    build_dataset(given.to, given.materials, parts, given.processes)


if __name__ == "__main__":
    main()
