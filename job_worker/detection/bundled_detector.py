"""The detector that ships with the worker; data/models/README.md says what it finds and how well."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "bundled"

BUNDLED_CHECKPOINT = _FOLDER / "text_carriers.pt"
"""The model for Ultralytics, on any device."""

BUNDLED_NETWORK = _FOLDER / "text_carriers_openvino_model"
"""The same model for OpenVINO."""
