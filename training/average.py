"""Average a detector with the one that its training started from: `python -m training.average A.pt B.pt --to C.pt`.

What is trained on learns what is new and forgets some of what it knew. The average of both networks' weights keeps most
of either (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022); it costs nothing when it runs.
"""

# ruff: noqa: PLC0415 - what only looks at numbers loads no model library

import argparse
from pathlib import Path

from training.arguments import share


def averaged(start: Path, trained: Path, share: float, to: Path) -> None:
    """Write a checkpoint with a weighted average of the weights of two, which have the same network.

    Args:
        start: The checkpoint that training started from.
        trained: The one that it gave.
        share: How much the trained one counts, 0 to 1.
        to: The checkpoint to write; all but its weights is that of the trained one.
    """
    import torch

    before, after = (torch.load(checkpoint, weights_only=False) for checkpoint in (start, trained))
    old = before["model"].float().state_dict()
    network = (after.get("ema") or after["model"]).float()
    for name, weights in network.state_dict().items():
        if weights.is_floating_point():
            weights.lerp_(old[name], 1 - share)
    torch.save({**after, "model": network.half(), "ema": None, "optimizer": None}, to)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path, help="the checkpoint that training started from")
    parser.add_argument("trained", type=Path)
    parser.add_argument("--share", type=share, default=0.6, help="how much the trained one counts, 0 to 1")
    parser.add_argument("--to", type=Path, required=True, help="the checkpoint to write")
    given = parser.parse_args()
    averaged(given.start, given.trained, given.share, given.to)


if __name__ == "__main__":
    main()
