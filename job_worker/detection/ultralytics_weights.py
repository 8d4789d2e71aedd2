"""Where a detector's weights are."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from pathlib import Path

from job_worker.errors import ModelLoadError

__all__ = ["located"]


def located(weights: str | Path, cache_folder: Path) -> Path:
    """Returns the path of weights.

    Args:
        weights: A path, or the bare name of weights that Ultralytics publishes and downloads to where this says.
        cache_folder: Where a download goes.

    Raises:
        ModelLoadError: There is nothing at the path, and nothing of that name is published.
    """
    path = Path(weights)
    if path.exists():
        return path
    if path.name == str(weights) and _is_published(path.name):
        return cache_folder / "detection_models" / path.name
    raise ModelLoadError(
        f"The detector's weights {weights} are not there: give the path of a model file or folder, or the name of a "
        "model that Ultralytics publishes, such as yolo26n.pt."
    )


def _is_published(name: str) -> bool:
    try:
        from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES
    except ImportError:
        return False  # nothing here could download it
    return name in GITHUB_ASSETS_NAMES
