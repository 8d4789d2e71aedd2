"""Find a detector's weights: a path, or a name that Ultralytics publishes."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import logging
from pathlib import Path

from job_worker.errors import ModelLoadError
from job_worker.inference.build_cache import cached_build
from job_worker.inference.vendor_libraries import first_line_of, prepare_vendor_libraries

logger = logging.getLogger(__name__)


def find_weights(weights: str | Path, cache_folder: Path) -> Path:
    """Return the path of weights; published weights are downloaded at the first call.

    Args:
        weights: A path, or the bare name of weights that Ultralytics publishes.
        cache_folder: Folder of the downloads.

    Raises:
        ModelLoadError: The path does not exist and no such weights are published, or the download failed.
    """
    path = Path(weights)
    if path.exists():
        return path
    if path.name == str(weights) and _is_published(path.name, cache_folder):
        return _downloaded(path, cache_folder)
    raise ModelLoadError(
        f"The detector's weights {weights} are not there: give the path of a model file or folder, or, with the full "
        "worker (the extra `worker`), the name of a model that Ultralytics publishes, such as yolo26n.pt."
    )


def _is_published(name: str, cache_folder: Path) -> bool:
    prepare_vendor_libraries(cache_folder)
    try:
        from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES
    except ImportError:
        return False  # nothing here could download it
    return name in GITHUB_ASSETS_NAMES


def _downloaded(weights: Path, cache_folder: Path) -> Path:
    folder = cache_folder / "detection_models" / f"published-{weights.stem}"

    def download(working: Path) -> Path:
        from ultralytics.utils.downloads import attempt_download_asset

        logger.info("downloading the detector's weights, once", extra={"weights": weights.name})
        file = working / weights.stem / weights.name
        attempt_download_asset(file)
        if not file.is_file():
            raise FileNotFoundError(f"the download left no file {weights.name}")
        return file.parent

    try:
        return cached_build(folder, download) / weights.name
    except Exception as error:
        raise ModelLoadError(
            f"The detector's weights {weights} are published by Ultralytics and could not be downloaded: "
            f"{first_line_of(error)}. Start once where there is a network, or download the file elsewhere and give its "
            "path; without --yolo-weights the bundled detector runs."
        ) from error
