"""Export a detector's weights to a format that the OpenVINO engine runs; each export is cached."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import hashlib
import logging
import shutil
from pathlib import Path

from job_worker.detection.openvino_detector import is_runnable
from job_worker.detection.ultralytics_weights import find_weights
from job_worker.errors import ModelLoadError
from job_worker.inference.build_cache import cached_build
from job_worker.inference.vendor_libraries import first_line_of, prepare_vendor_libraries, user_cache_folder

logger = logging.getLogger(__name__)

CHECKPOINT_SUFFIX = ".pt"
_LAYOUT_VERSION = 1
"""Incremented when the exported files change, so that exports of older versions are not used."""


def can_become_runnable(weights: str) -> bool:
    """Return whether the OpenVINO engine runs these weights, directly or exported, judged by their file format."""
    return is_runnable(Path(weights)) or Path(weights).suffix == CHECKPOINT_SUFFIX


def runs_on_openvino_alone(weights: str) -> bool:
    """Return whether these weights are in OpenVINO's own format, which no other runtime takes."""
    return Path(weights).is_dir() and is_runnable(Path(weights))


def is_onnx(weights: str) -> bool:
    """Return whether these weights are an ONNX file, which OpenVINO and ONNX Runtime take."""
    return Path(weights).suffix == ".onnx"


def runnable_weights(weights: str, image_size: int, cache_folder: Path | None = None) -> Path:
    """Return weights that the OpenVINO engine runs; a torch checkpoint is exported at the first call.

    Args:
        weights: A file or folder, or the name of weights that Ultralytics publishes.
        image_size: Long side in pixels of the network's input for which it is exported; others work too.
        cache_folder: Folder of the exports, keyed by a hash of the checkpoint; None for `user_cache_folder`.

    Raises:
        ModelLoadError: The weights are missing or cannot be exported.
    """
    cache_folder = cache_folder or user_cache_folder()
    path = find_weights(weights, cache_folder)
    if path.suffix != CHECKPOINT_SUFFIX:
        return path
    try:
        return _exported(path, image_size, cache_folder / "detection_models")
    except Exception as error:
        raise ModelLoadError(
            f"The detector's weights {weights} cannot be converted to a format that OpenVINO runs: "
            f"{first_line_of(error)}. Install the full worker (the extra `worker`), give weights that Ultralytics "
            "exported to OpenVINO, or choose --detection-engine ultralytics."
        ) from error


def _exported(checkpoint: Path, image_size: int, parent: Path) -> Path:
    content_hash = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:16]
    folder = parent / f"{checkpoint.stem}-{content_hash}-{image_size}-{_LAYOUT_VERSION}_openvino_model"
    return cached_build(folder, lambda working: _export(checkpoint, image_size, working, parent.parent))


def _export(checkpoint: Path, image_size: int, working: Path, cache_folder: Path) -> Path:
    prepare_vendor_libraries(cache_folder)
    from ultralytics.models.yolo import YOLO

    logger.info("exporting the detector's weights, once", extra={"weights": checkpoint.name})
    copy = shutil.copy(checkpoint, working / checkpoint.name)  # Ultralytics writes beside what it exports
    return Path(YOLO(copy).export(format="openvino", dynamic=True, imgsz=image_size, verbose=False))
