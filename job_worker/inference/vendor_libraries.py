"""Keeps the model libraries quiet, offline and out of the user's home.

Ultralytics, PaddleOCR, OpenVINO and ONNX Runtime install packages, report usage over the network, look for updates and
write caches when they are imported. All of that is decided by environment variables read at import, so every adapter
calls `prepare_vendor_libraries` first. Values that are already set win: an operator can change each of them.
"""

import os
import sys
from pathlib import Path

__all__ = ["prepare_vendor_libraries", "reason_of", "user_cache_folder"]

_SETTINGS = {
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",  # no usage reports, no update checks
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "true",
    "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True",  # else it calls four model hosts before it needs any
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}

_FOLDERS = {
    "YOLO_CONFIG_DIR": "ultralytics",
    "PADDLE_PDX_CACHE_HOME": "paddlex",
    "MPLCONFIGDIR": "matplotlib",
}


def user_cache_folder() -> Path:
    """Say where this user's rebuildable files belong, by the XDG base directory convention.

    Returns:
        The folder, which need not exist yet.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foregsyte"


def prepare_vendor_libraries(cache_folder: Path | None = None) -> None:
    """Set what the model libraries read at import; call it before importing any of them.

    Args:
        cache_folder: Where they may write; None for `user_cache_folder`.
    """
    folder = cache_folder or user_cache_folder()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name, subfolder in _FOLDERS.items():
        os.environ.setdefault(name, str(folder / subfolder))
    # OpenVINO reports its import over the network unless this optional package is missing; None makes it so.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def reason_of(error: Exception) -> str:
    """Take from a library's error the part that an operator can use.

    Args:
        error: What the library raised; often many lines, of which some only say where in its source.

    Returns:
        The first line that says what is wrong, without its full stop, or the error's kind where none does.
    """
    lines = (line.strip().rstrip(".") for line in str(error).splitlines())
    return next((line for line in lines if line and not line.endswith(":")), type(error).__name__)
