"""Build a dataset in the form that Ultralytics trains on: images, label files, `data.yaml`.

Rendered frames are its parts `train`, `val` and `test`. With `--real` labelled photographs join them: variants of some
are trained on as well, and the others are the parts `calibrate` and `validate`. The folder `ignored` holds, in the
form of label files, what is in the images and cannot be recognised, or may be there without a label.

Example: `python -m training.build_dataset --materials build/materials --to build/dataset`. The same seed and materials
give the same images, whatever the number of processes.
"""

import argparse
import multiprocessing
import sys
from functools import cache, partial
from pathlib import Path

import cv2
import yaml

from shared.process.cores import usable_cores
from training.arguments import folder_with
from training.boxes import CLASSES, label_lines
from training.labelled import PHOTOGRAPH_PARTS
from training.materials import RULES, find_materials
from training.photographs import SOURCES, VARIANT, in_turn, photographs, unknown, varied
from training.scenes.compose import Painter, RenderedFrame
from training.scenes.cutouts import Cutouts

SEEDS = {"train": 1, "val": 2, "test": 3}
"""The rendered parts of a dataset and what their frames are drawn with."""

JPEG_QUALITY = 95


class _Worker:
    """What one process makes frames with."""

    def __init__(self, materials: Path | None, real: Path | None) -> None:
        labelled = list(photographs(real, "train")) if real else []
        self._photographs = in_turn(labelled)
        self._cutouts = Cutouts((frame.image[..., ::-1], frame.boxes) for frame in labelled)
        found = find_materials(materials)
        self._painter = Painter(found)
        self._with_cutouts = Painter(found, self._cutouts if self._photographs else None)

    def frame(self, part: str, number: int) -> RenderedFrame:
        """Make a frame of a part of the dataset."""
        if part == "real":
            frame = self._photographs[number % len(self._photographs)]
            return varied(number, frame, self._painter, self._cutouts)
        painter = self._with_cutouts if part == "train" else self._painter
        return painter.frame(SEEDS[part], number)


@cache
def _worker(materials: Path | None, real: Path | None) -> _Worker:
    # Not as the pool's initializer: where that raises, the pool starts processes without end.
    cv2.setNumThreads(1)
    return _Worker(materials, real)


def build_dataset(
    folder: Path, materials: Path | None, parts: dict[str, range], processes: int, real: Path | None = None
) -> None:
    """Make so many frames of each part; frames that are there already are left as they are.

    Args:
        folder: Where the dataset goes.
        materials: The folder that `training.materials` filled, or None for drawn scenes alone.
        parts: The numbers of the frames of each part of `SEEDS`, and of `real`: variants of photographs to train on. A
            detector that goes on learns more from new frames, and is judged better by such as nobody has looked at.
        processes: How many frames are made at a time.
        real: The folder of labelled photographs; None for rendered frames alone.
    """
    jobs = [(part, number) for part, numbers in parts.items() for number in numbers]
    for part in (*SEEDS, *PHOTOGRAPH_PARTS):
        for kind in ("images", "labels", "ignored"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
    images = {part: f"images/{part}" for part in SEEDS}
    description = {"path": str(folder.resolve()), **images, "names": dict(enumerate(CLASSES))}
    (folder / "data.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    for part in PHOTOGRAPH_PARTS:
        for still in photographs(real, part) if real else ():
            _save(folder, part, still.name, RenderedFrame(still.image[..., ::-1], still.boxes, list(still.ignored)))
    context = multiprocessing.get_context("spawn")  # OpenCV's threads do not survive a fork
    make = partial(_make, folder, materials, real)
    with context.Pool(processes) as pool:
        for done, _ in enumerate(pool.imap_unordered(make, jobs, chunksize=16), start=1):
            if done % 1000 == 0 or done == len(jobs):
                print(f"{done} of {len(jobs)} frames", flush=True)


def _make(folder: Path, materials: Path | None, real: Path | None, job: tuple[str, int]) -> None:
    part, number = job
    folder_of, name = ("train", f"{VARIANT}{number:06}") if part == "real" else (part, f"{number:06}")
    if not (folder / "labels" / folder_of / f"{name}.txt").exists():
        _save(folder, folder_of, name, _worker(materials, real).frame(part, number))


def _save(folder: Path, part: str, name: str, frame: RenderedFrame) -> None:
    pixels = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "images" / part / f"{name}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    height, width = frame.pixels.shape[:2]
    (folder / "ignored" / part / f"{name}.txt").write_text(label_lines(frame.ignored, width, height))
    learned = [*frame.boxes, *map(unknown, frame.ignored)] if part == "train" else frame.boxes
    (folder / "labels" / part / f"{name}.txt").write_text(label_lines(learned, width, height))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="the dataset's folder")
    materials = folder_with(*(f"{kind}/**/*" for kind in RULES["kinds"]))
    parser.add_argument("--materials", type=materials, help="the folder of training.materials; default: none")
    parser.add_argument("--train", type=int, default=20_000, help="rendered frames to train on")
    parser.add_argument("--first", type=int, default=0, help="the number of the first frame to train on")
    parser.add_argument("--first-test", type=int, default=0, help="the number of the first frame to evaluate on")
    parser.add_argument("--val", type=int, default=600, help="frames to choose the best epoch by")
    parser.add_argument("--test", type=int, default=1_000, help="frames to evaluate on, seen by nothing else")
    real = folder_with(*(f"{source}/*.webp" for source in SOURCES))
    parser.add_argument("--real", type=real, help="a folder of labelled photographs, see training.photographs")
    parser.add_argument("--variants", type=int, default=0, help="variants of photographs to train on, of all together")
    parser.add_argument("--processes", type=int, default=usable_cores())
    given = parser.parse_args()
    if given.variants and not given.real:
        parser.error("--variants needs photographs: --real is required")
    train = range(given.first, given.first + given.train)
    test = range(given.first_test, given.first_test + given.test)
    parts = {"real": range(given.variants), "train": train, "val": range(given.val), "test": test}
    try:
        build_dataset(given.to, given.materials, parts, given.processes, given.real)
    except OSError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
