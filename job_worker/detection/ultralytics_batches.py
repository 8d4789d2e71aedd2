"""Batches in Ultralytics in which no picture has a say in what is found in another.

A network that computes several pictures at once takes other paths through the libraries than for one, and the last bits
come out otherwise. So it is always given as many: what is missing is filled up with black ones. Which paths are taken
then depends on the size of the pictures alone, and not on how many there happen to be.
"""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["keep_pictures_apart"]


def keep_pictures_apart(predictor: Any, batch_size: int) -> None:
    """Makes a predictor of Ultralytics compute full batches, in the same way every time.

    Args:
        predictor: Has its network loaded; for detection where `batch_size` is above 1.
        batch_size: How many pictures the network is given each time, and so the most that may be asked about at once.
    """
    predictor.inference = partial(_in_full_batch, predictor.inference, batch_size)
    if batch_size > 1:
        predictor.postprocess = partial(_one_by_one, predictor.postprocess)


def _in_full_batch(infer: Callable[..., Any], batch_size: int, pictures: Any, *arguments: Any, **named: Any) -> Any:
    """Returns what the network says of the pictures, and after them of the black ones.

    Args:
        infer: Runs the network.
        batch_size: How many pictures it is given.
        pictures: `(N, 3, H, W)` tensor of floats, N at most `batch_size`.
        arguments: Passed on.
        named: Passed on.
    """
    import torch

    missing = batch_size - len(pictures)
    full = torch.cat((pictures, pictures.new_zeros(missing, *pictures.shape[1:]))) if missing else pictures
    # Not the fastest algorithm by a race between them, which may end otherwise next time; and all 32 bits of a float.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return infer(full, *arguments, **named)


def _one_by_one(postprocess: Callable[..., list[Any]], found: Any, pictures: Any, originals: list[Any]) -> list[Any]:
    """Returns the results of the original pictures.

    Asked about several at once, Ultralytics leaves out those that it has not come to after some seconds.
    """
    rows = found[0] if isinstance(found, list | tuple) else found
    results = (postprocess(rows[n : n + 1], pictures, [original]) for n, original in enumerate(originals))
    return [result for (result,) in results]
