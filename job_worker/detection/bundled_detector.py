"""The detector that ships with the worker. What it finds and how well: data/models/README.md."""

from pathlib import Path

__all__ = ["BUNDLED_CHECKPOINT", "BUNDLED_NETWORK"]

_FOLDER = Path(__file__).parent.parent / "bundled"

BUNDLED_CHECKPOINT = _FOLDER / "text_carriers.pt"
"""For Ultralytics, on any device."""

BUNDLED_NETWORK = _FOLDER / "text_carriers_openvino_model"
"""The same for OpenVINO."""
