"""Weights for tests that need a network and not what it has learned."""

from pathlib import Path

__all__ = ["write_checkpoint"]


def write_checkpoint(path: Path) -> Path:
    """Write a torch checkpoint of an untrained network, with large class scores, and return its path.

    Its boxes mean nothing, but there are some, with confidences of 0.5 and more.
    """
    import torch
    from ultralytics.models.yolo import YOLO

    torch.manual_seed(0)
    model = YOLO("yolo11n.yaml")
    for branch in model.model.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight, std=15000.0)
        torch.nn.init.zeros_(branch[-1].bias)
    model.save(path)
    return path
