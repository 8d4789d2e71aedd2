"""The text models that come with the project's dependencies, so that text is read without a download.

The `rapidocr` wheel carries PP-OCRv6 small as two ONNX files; PaddleOCR needs each model as a folder with
`inference.onnx` and `inference.yml`. The folders are built once and cached. The settings in them are those of the
`inference.yml` that PaddlePaddle publishes with these models; the alphabet is in the recogniser's own metadata.
"""

import hashlib
import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from job_worker.errors import ModelLoadError
from job_worker.inference.build_cache import cached_build
from job_worker.inference.openvino_models import read_model
from job_worker.inference.vendor_libraries import prepare_vendor_libraries, user_cache_folder
from job_worker.ocr.text_detector import DEVIATION, MEAN
from job_worker.ocr.text_recogniser import LINE_HEIGHT, SCALED_FROM_WIDTH

_LAYOUT_VERSION = 1
"""Incremented when the files beside the model change, so that folders of older versions are not used."""

_DECODE = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}

_DETECTION_CONFIG = {
    "Global": {"model_name": "PP-OCRv6_small_det"},
    "PreProcess": {
        "transform_ops": [
            _DECODE,
            {"DetResizeForTest": None},
            {
                "NormalizeImage": {
                    "mean": [*MEAN],
                    "std": [*DEVIATION],
                    "scale": "1./255.",
                    "order": "hwc",
                }
            },
            {"ToCHWImage": None},
        ]
    },
    # PaddleOCR's pipeline passes thresholds of its own, which count for every engine: those in `text_boxes`.
    "PostProcess": {
        "name": "DBPostProcess",
        "thresh": 0.2,
        "box_thresh": 0.45,
        "unclip_ratio": 1.4,
        "max_candidates": 3000,
    },
}


@dataclass(frozen=True, slots=True)
class TextModelFolders:
    """The two text models, each as a folder that PaddleOCR loads.

    Attributes:
        detection: Finds the lines.
        recognition: Reads a line.
    """

    detection: Path
    recognition: Path


def wheel_file(name: str) -> Path:
    """Return the path of a model file in the `rapidocr` wheel.

    Raises:
        ModelLoadError: It is not installed.
    """
    package = importlib.util.find_spec("rapidocr")
    path = Path(package.origin).parent / "models" / name if package and package.origin else None
    if path is None or not path.is_file():
        raise ModelLoadError(
            f"The bundled text model {name} is not installed: install the worker's dependencies again, or name the "
            "folders of two text models."
        )
    return path


def alphabet_of(model: Path) -> list[str]:
    """Return the characters that a recognition model knows, from its metadata."""
    # Not splitlines(): it would split at some characters of the alphabet.
    return str(read_model(model).get_rt_info(["framework", "character"]).astype(str)).split("\n")


def bundled_text_models(
    cache_folder: Path | None = None,
    find_model: Callable[[str], Path] = wheel_file,
    alphabet: Callable[[Path], list[str]] = alphabet_of,
) -> TextModelFolders:
    """Return the bundled text models as folders, built at the first call.

    Several processes may call it at once.

    Args:
        cache_folder: Folder of the two folders; None for `user_cache_folder`.
        find_model: Returns the path of a model file by its name.
        alphabet: Returns the characters of a recognition model.

    Raises:
        ModelLoadError: The model files are not installed, or the folders cannot be written.
    """
    prepare_vendor_libraries(cache_folder)
    parent = (cache_folder or user_cache_folder()) / "text_models"
    try:
        return TextModelFolders(
            detection=_model_folder(parent, find_model("PP-OCRv6_det_small.onnx"), lambda _: _DETECTION_CONFIG),
            recognition=_model_folder(
                parent, find_model("PP-OCRv6_rec_small.onnx"), lambda model: _recognition_config(alphabet(model))
            ),
        )
    except OSError as error:
        raise ModelLoadError(
            f"The text models cannot be written to the cache folder {parent} ({error.strerror}): make it writable, "
            "name another cache folder, or name the folders of two text models."
        ) from error


def _model_folder(parent: Path, model: Path, config_of: Callable[[Path], dict[str, Any]]) -> Path:
    content_hash = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
    folder = parent / f"{model.stem}-{content_hash}-{_LAYOUT_VERSION}"
    return cached_build(folder, lambda working: _build(working / "model", model, config_of(model)))


def _build(folder: Path, model: Path, config: dict[str, Any]) -> Path:
    folder.mkdir()
    shutil.copyfile(model, folder / "inference.onnx")
    (folder / "inference.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return folder


def _recognition_config(alphabet: list[str]) -> dict[str, Any]:
    return {
        "Global": {"model_name": "PP-OCRv6_small_rec"},
        "PreProcess": {
            "transform_ops": [_DECODE, {"RecResizeImg": {"image_shape": [3, LINE_HEIGHT, SCALED_FROM_WIDTH]}}]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": alphabet},
    }
