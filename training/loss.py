"""The loss of a detector whose frames are labelled in part."""

from pathlib import Path
from typing import Any

import torch
from torch.nn import BCEWithLogitsLoss
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.ops import xywh2xyxy
from ultralytics.utils.tal import make_anchors

from training.photographs import VARIANT

LABELS = ("cls", "bboxes", "batch_idx")
"""What a batch says of each label."""


class KnownLoss(v8DetectionLoss):
    """Ultralytics' loss, in which nothing is background for a class where that class is unknown.

    Photographs have things without a label besides: what the network is sure of there is not called background either.
    """

    def loss(self, preds: dict[str, Any], batch: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the losses of boxes, classes and distances; unknown areas have class numbers behind the classes'."""
        unknown = batch["cls"].view(-1) >= self.nc
        marked = self._unknown(preds, {name: batch[name][unknown] for name in LABELS})
        names = [Path(file).name for file in batch["im_file"]]
        is_photograph = torch.tensor([name.startswith(VARIANT) for name in names], device=self.device)[:, None, None]
        doubtful = is_photograph & (preds["scores"].detach().transpose(1, 2) > 0)  # a confidence above 0.5
        weights = 1.0 - (doubtful | (marked > 0)).float()
        plain = BCEWithLogitsLoss(reduction="none")
        self.bce = lambda scores, targets: (  # type: ignore[assignment]
            plain(scores, targets) * torch.where(targets > 0, 1.0, weights)
        )
        result: tuple[torch.Tensor, dict[str, torch.Tensor]] = super().loss(
            preds, {**batch, **{name: batch[name][~unknown] for name in LABELS}}
        )
        return result

    def _unknown(self, preds: dict[str, Any], areas: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return 1 where a class is unknown, else 0: `(B, anchors, classes)`."""
        points, strides = make_anchors(preds["feats"], self.stride, 0.5)  # type: ignore[no-untyped-call]
        stride: Any = strides[0, 0]  # of the finest grid
        height, width = (side * stride for side in preds["feats"][0].shape[2:])
        places = points * strides / torch.stack([width, height])
        marked = torch.zeros_like(preds["scores"]).transpose(1, 2)
        corners = xywh2xyxy(areas["bboxes"])  # type: ignore[no-untyped-call]
        for image, number, box in zip(areas["batch_idx"].long(), areas["cls"].view(-1).long(), corners, strict=True):
            inside = ((places >= box[:2]) & (places <= box[2:])).all(dim=1)
            marked[image, inside, number - self.nc] = 1
        return marked
