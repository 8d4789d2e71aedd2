"""Keep the model libraries quiet, offline and out of the user's home folder.

Ultralytics, PaddleOCR, OpenVINO and ONNX Runtime install packages, report usage over the network, look for updates and
write caches when they are imported. Environment variables that they read at import decide all of this, so every adapter
calls `prepare_vendor_libraries` first. Variables that are already set are kept: an operator can change each of them.
"""

import os
import sys
from pathlib import Path

from platformdirs import user_cache_path

from job_worker.errors import ModelLoadError
from shared.process.user_folders import user_folder

_SETTINGS = {
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",  # no usage reports, no update checks
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "true",
    "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True",  # else it calls four model hosts before it needs any
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}

FOLDERS = {
    "YOLO_CONFIG_DIR": "ultralytics",
    "PADDLE_PDX_CACHE_HOME": "paddlex",
    "MPLCONFIGDIR": "matplotlib",
}


def user_cache_folder() -> Path:
    """Return the folder for this user's rebuildable files, by the convention of the platform; it may not exist yet.

    On Linux it is `$XDG_CACHE_HOME/foregsyte`, by default `~/.cache/foregsyte`.

    Raises:
        ModelLoadError: This user has no home.
    """
    if folder := user_folder(user_cache_path):
        return folder
    raise ModelLoadError(
        "This user has no home folder: name a folder for prepared models in --cache-dir, or one for all caches in "
        "XDG_CACHE_HOME."
    )


def prepare_vendor_libraries(cache_folder: Path | None = None) -> None:
    """Set the environment variables that the model libraries read at import; call it before importing any of them.

    Args:
        cache_folder: Folder that they may write to; None for `user_cache_folder`.

    Raises:
        ModelLoadError: No folder is given, by an earlier call neither, and this user has no home.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name, subfolder in FOLDERS.items():
        if name not in os.environ:
            os.environ[name] = str((cache_folder or user_cache_folder()) / subfolder)
    # OpenVINO reports its import over the network unless this optional package is missing; None makes it so.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def first_line_of(error: Exception) -> str:
    """Return the first line of a library's error that says what is wrong, without its full stop.

    Args:
        error: A library's error; its message often has many lines, of which some only name a place in its source.

    Returns:
        The line, or the name of the error's class if there is none.
    """
    lines = (line.strip().rstrip(".") for line in str(error).splitlines())
    return next((line for line in lines if line and not line.endswith(":")), type(error).__name__)
