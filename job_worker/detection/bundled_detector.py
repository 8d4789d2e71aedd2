"""The detector that ships with the worker; data/models/README.md says what it finds and how well."""

from pathlib import Path

from job_worker.detection.image_size import ImageSize
from shared.pipelines.profiles import PROFILES, Profile

BUNDLED_MODELS = Path(__file__).parent.parent / "bundled"
"""The folder of the detector that ships."""

BUNDLED_CHECKPOINT = BUNDLED_MODELS / "text_carriers.pt"
"""The model for Ultralytics, on any device."""

BUNDLED_NETWORK = BUNDLED_MODELS / "text_carriers_openvino_model"
"""The same model for OpenVINO."""

BUNDLED_CONFIDENCE = 0.5
"""Where it finds about as much as anywhere on rendered frames, with few false detections."""


def bundled_image_size(profile: Profile = Profile.balanced) -> ImageSize:
    """Return the size to which images are scaled for it."""
    return ImageSize(*PROFILES[profile].detection_long_sides)
