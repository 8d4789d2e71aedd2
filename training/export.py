"""Turn a training run's checkpoint into the files that are shipped: `python -m training.export RUN/weights/best.pt`.

Writes, into `data/models`, `text_carriers.pt` (16-bit weights, for Ultralytics on any device) and
`text_carriers_openvino_model` (the same for OpenVINO, which the light worker runs), and prints their hashes. What only
the training host knows, such as its paths, is left out of both.
"""

# ruff: noqa: PLC0415 - what only looks at the files loads no model library

import argparse
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT, BUNDLED_NETWORK, bundled_image_size
from training.boxes import CLASSES

NAME = BUNDLED_CHECKPOINT.stem
LICENSE = "AGPL-3.0-or-later"

KEPT_METADATA = ("stride", "task", "batch", "imgsz", "names", "channels")
"""What of Ultralytics' description of an export is kept."""

LOCAL = ("pt_path", "criterion", "yaml_file")
"""Attributes of a network that only training needs, or that name paths of the training host."""


def export(checkpoint: Path, folder: Path) -> None:
    """Write both forms of a checkpoint into a folder.

    Args:
        checkpoint: What training left.
        folder: Where the files go; those of before are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shipped = folder / f"{NAME}.pt"
    _write_checkpoint(checkpoint, shipped)
    _write_openvino(shipped, folder / BUNDLED_NETWORK.name)


def _write_checkpoint(checkpoint: Path, shipped: Path) -> None:
    import torch
    from ultralytics import __version__
    from ultralytics.models.yolo import YOLO

    network: Any = YOLO(str(checkpoint)).model
    network = network.float().eval()
    settings = {"task": "detect", "imgsz": bundled_image_size().most}
    network.names, network.args = dict(enumerate(CLASSES)), settings
    network.yaml.pop("yaml_file", None)
    for name in LOCAL:
        if hasattr(network, name):
            delattr(network, name)
    for parameter in network.parameters():
        parameter.requires_grad = False
    content = {"epoch": -1, "model": network.half(), "train_args": settings | {"model": NAME, "data": NAME}}
    torch.save(content | {"version": __version__, "license": LICENSE}, shipped)


def _write_openvino(shipped: Path, target: Path) -> None:
    from ultralytics.models.yolo import YOLO

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        network = YOLO(shutil.copy(shipped, temporary))
        exported = network.export(
            format="openvino", dynamic=True, half=True, imgsz=bundled_image_size().most, verbose=False
        )
        for name in (f"{NAME}.xml", f"{NAME}.bin"):
            shutil.copyfile(Path(exported) / name, target / name)
        metadata = yaml.safe_load((Path(exported) / "metadata.yaml").read_text(encoding="utf-8"))
    kept = {"description": "Finds things that carry text or code", "license": LICENSE}
    kept |= {key: metadata[key] for key in KEPT_METADATA if key in metadata}
    (target / "metadata.yaml").write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of the model, by its path within the folder."""
    files = [folder / f"{NAME}.pt", *sorted((folder / BUNDLED_NETWORK.name).iterdir())]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--to", type=Path, default=Path("data/models"))
    given = parser.parse_args()
    export(given.checkpoint, given.to)
    for name, value in hashes(given.to).items():
        print(value, name)


if __name__ == "__main__":
    main()
