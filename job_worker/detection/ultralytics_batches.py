"""Batches in Ultralytics in which the result of an image does not depend on the other images.

Libraries choose other algorithms for a batch than for a single image, which changes the last bits of the results. So
every batch is full: missing images are replaced by black ones. The choice of algorithms then depends on the size of the
images alone, and not on their number.
"""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from collections.abc import Callable
from functools import partial
from typing import Any


def use_full_batches(predictor: Any, batch_size: int) -> None:
    """Make a predictor of Ultralytics compute full batches, with the same algorithms every time.

    Args:
        predictor: A predictor with its network loaded; a detection network if `batch_size` is above 1.
        batch_size: Number of images of every batch, and so the most that may be passed at once.
    """
    predictor.inference = partial(_in_full_batch, predictor.inference, batch_size)
    if batch_size > 1:
        predictor.postprocess = partial(_one_by_one, predictor.postprocess)


def _in_full_batch(infer: Callable[..., Any], batch_size: int, images: Any, *arguments: Any, **named: Any) -> Any:
    """Return the network's output for the images, followed by that for the black ones.

    Args:
        infer: Runs the network.
        batch_size: Number of images of the batch.
        images: `(N, 3, H, W)` tensor of floats, N at most `batch_size`.
        arguments: Passed on.
        named: Passed on.
    """
    import torch

    missing = batch_size - len(images)
    full = torch.cat((images, images.new_zeros(missing, *images.shape[1:]))) if missing else images
    # No benchmark between algorithms, whose winner can differ from run to run; and full 32-bit floats.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return infer(full, *arguments, **named)


def _one_by_one(postprocess: Callable[..., list[Any]], found: Any, images: Any, originals: list[Any]) -> list[Any]:
    """Return the results of the original images.

    Given several at once, Ultralytics drops those that it has not processed after a few seconds.
    """
    rows = found[0] if isinstance(found, list | tuple) else found
    results = (postprocess(rows[n : n + 1], images, [original]) for n, original in enumerate(originals))
    return [result for (result,) in results]
