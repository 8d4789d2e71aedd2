"""Turns a training run's checkpoint into the files that are shipped: `python -m training.export RUN/weights/best.pt`.

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

import yaml

from job_worker.settings import BUNDLED_IMAGE_SIZE
from training.scenes.patch import CLASSES

__all__ = ["LICENSE", "NAME", "export", "hashes"]

NAME = "text_carriers"
LICENSE = "AGPL-3.0-or-later"

TOLD = ("stride", "task", "batch", "imgsz", "names", "channels")
"""What of Ultralytics' description of an export is kept."""


def export(checkpoint: Path, folder: Path) -> None:
    """Writes both forms of a checkpoint into a folder.

    Args:
        checkpoint: What training left.
        folder: Where the files go; those of before are replaced.
    """
    import torch
    from ultralytics import YOLO, __version__

    folder.mkdir(parents=True, exist_ok=True)
    network = YOLO(str(checkpoint)).model.float().eval()
    network.names = dict(enumerate(CLASSES))
    network.args = {"task": "detect", "imgsz": BUNDLED_IMAGE_SIZE}
    network.yaml.pop("yaml_file", None)
    for name in ("pt_path", "criterion", "yaml_file"):
        if hasattr(network, name):
            delattr(network, name)
    for parameter in network.parameters():
        parameter.requires_grad = False
    shipped = folder / f"{NAME}.pt"
    torch.save(
        {
            "epoch": -1,
            "model": network.half(),
            "train_args": {"task": "detect", "imgsz": BUNDLED_IMAGE_SIZE, "model": NAME, "data": NAME},
            "version": __version__,
            "license": LICENSE,
        },
        shipped,
    )
    with tempfile.TemporaryDirectory() as temporary:
        copy = shutil.copy(shipped, temporary)
        made = Path(
            YOLO(copy).export(format="openvino", dynamic=True, half=True, imgsz=BUNDLED_IMAGE_SIZE, verbose=False)
        )
        target = folder / f"{NAME}_openvino_model"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for part in (f"{NAME}.xml", f"{NAME}.bin"):
            shutil.copyfile(made / part, target / part)
        told = yaml.safe_load((made / "metadata.yaml").read_text(encoding="utf-8"))
        kept = {"description": "Finds things that carry text or code", "license": LICENSE}
        kept |= {key: told[key] for key in TOLD if key in told}
        (target / "metadata.yaml").write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of the model, by its path within the folder."""
    files = [folder / f"{NAME}.pt", *sorted((folder / f"{NAME}_openvino_model").iterdir())]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--to", type=Path, default=Path("data/models"))
    given = parser.parse_args()
    export(given.checkpoint, given.to)
    for name, value in hashes(given.to).items():
        print(value, name)


if __name__ == "__main__":
    main()
