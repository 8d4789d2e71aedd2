"""Train the detector with Ultralytics, from nothing or from an earlier checkpoint.

Example: `python -m training.train --data build/dataset/data.yaml --to build/runs --epochs 60`. On a CPU that computes
in bfloat16 the network does so, over channels-last memory, which makes an epoch half as long as Ultralytics' defaults.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch.utils._pytree import tree_map
from ultralytics.data.dataset import YOLODataset
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer

from shared.process.cores import usable_cores
from training.boxes import NUMBERED
from training.loss import KnownLoss
from training.photographs import TRAINED_SIZE

ARCHITECTURE = "yolo11n.yaml"
SEED = 0

RECIPE: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("recipe.yaml").read_text(encoding="utf-8"))
"""Ultralytics' settings that are not its defaults."""


def train(data: Path, folder: Path, device: str, start: str, **settings: object) -> Path:
    """Train and return the checkpoint of the epoch that did best on the dataset's `val` part.

    Args:
        data: The dataset's `data.yaml`.
        folder: Where the run's files go.
        device: `cpu` or the number of a GPU.
        start: A checkpoint to go on from, or the name of an architecture.
        settings: More of Ultralytics' settings, such as `epochs`, `time` (hours), `imgsz`, `batch`.

    Returns:
        The path of `best.pt`.
    """
    model: Any = YOLO(start)
    model.add_callback("on_train_start", _leave_out_unknown)
    on_cpu = device == "cpu"
    if on_cpu:
        model.add_callback("on_train_start", _quicken)
    model.train(
        data=str(data),
        project=str(folder.resolve()),
        name="train",
        exist_ok=True,
        device=device,
        amp=not on_cpu,
        pretrained=start.endswith(".pt"),
        rect=True,
        trainer=_Trainer,
        seed=SEED,
        plots=False,
        **{**RECIPE, **settings},
    )
    return Path(model.trainer.best)


class _Trainer(DetectionTrainer):
    """Trains on rectangles: frames of one shape are batched, so that nothing is computed for empty borders."""

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> YOLODataset:
        known = self.data
        self.data = {**known, "names": dict(enumerate(NUMBERED))}
        try:
            dataset: YOLODataset = super().build_dataset(img_path, mode, batch)
        finally:
            self.data = known
        if mode == "train" and batch:
            _mix(dataset, batch)
        return dataset


def _leave_out_unknown(trainer: BaseTrainer) -> None:
    network: Any = trainer.model
    network.criterion = KnownLoss(network)


def _mix(dataset: YOLODataset, size: int) -> None:
    """Mix frames of one shape, and put the batches into a random order: Ultralytics sorts a dataset by shape."""
    whole = len(dataset.labels) // size
    rng = np.random.default_rng(SEED)
    batches = np.arange(whole * size).reshape(whole, size)
    for shape in np.unique(dataset.batch_shapes[:whole], axis=0):
        alike = (dataset.batch_shapes[:whole] == shape).all(axis=1)
        batches[alike] = rng.permutation(batches[alike].flatten()).reshape(-1, size)
    mixed = rng.permutation(whole)
    order = [*batches[mixed].flatten(), *range(whole * size, len(dataset.labels))]
    for name in ("im_files", "npy_files", "labels"):
        setattr(dataset, name, [getattr(dataset, name)[i] for i in order])
    dataset.batch_shapes[:whole] = dataset.batch_shapes[mixed]


def _quicken(trainer: BaseTrainer) -> None:
    """Make the network, not its loss, compute in bfloat16 over channels-last memory, as Ultralytics does on GPUs.

    And on all cores: Ultralytics leaves one out, which is half of two. A CPU without bfloat16 emulates it, eight times
    slower than it computes in float32, which it does then.
    """
    torch.set_num_threads(usable_cores())
    if not torch.cpu._is_avx512_bf16_supported():
        return
    network: Any = trainer.model
    network.to(memory_format=torch.channels_last)
    plain = network._predict_once

    def predict(*arguments: object, **options: object) -> object:
        with torch.autocast("cpu", torch.bfloat16):
            found = plain(*arguments, **options)
        return tree_map(lambda value: value.float() if torch.is_tensor(value) else value, found)

    network._predict_once = predict


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the dataset's data.yaml")
    parser.add_argument("--to", type=Path, required=True, dest="folder", help="the folder of the run")
    parser.add_argument("--device", default="0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--hours", type=float, dest="time", help="train for so long instead of a number of epochs")
    parser.add_argument("--imgsz", type=int, default=TRAINED_SIZE, help="the longer side of the images")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr0", type=float, default=RECIPE["lr0"], help="the learning rate to begin with")
    warmup = RECIPE["warmup_epochs"]
    parser.add_argument("--warmup", type=float, default=warmup, dest="warmup_epochs", help="epochs until it is reached")
    parser.add_argument("--freeze", type=int, default=0, help="so many of the first layers stay as they are")
    parser.add_argument("--start", default=ARCHITECTURE, help="a checkpoint to go on from")
    settings = vars(parser.parse_args())
    print(train(**settings, nbs=settings["batch"], workers=4))  # a step after every batch


if __name__ == "__main__":
    main()
