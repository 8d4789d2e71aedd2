"""What the process that decodes videos must read: Python, the project, plugins, models and caches."""

import glob
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from job_worker.detection.bundled_detector import BUNDLED_MODELS
from job_worker.inference.vendor_libraries import FOLDERS, user_cache_folder
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import pipeline_plugins

_OWN_PACKAGES = ("job_worker", "shared")


def readable_paths(settings: WorkerSettings) -> tuple[Path, ...]:
    """Return the files and folders that the settings' pipelines are loaded from, and those that the settings name.

    No folder that holds the user's home is among them unless the settings name it: the current folder is on Python's
    path, and may be one.
    """
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111 (a user without a home is no error)
    found = (path.resolve() for path in (*_python(), *_packages(), *_models(settings), *_caches(settings)))
    own = {path for path in found if not home.is_relative_to(path)}
    return tuple(sorted(own | {path.resolve() for path in settings.readable_paths}))


def _python() -> Iterator[Path]:
    yield from map(Path, (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path))
    yield from (Path(entry) for entry in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if entry)


def _packages() -> Iterator[Path]:
    """Yield where the project and the plugins are: packages that are installed in place are not on Python's path."""
    plugins = (plugin.entry_point.module for plugin in pipeline_plugins().values())
    for name in {module.partition(".")[0] for module in (*_OWN_PACKAGES, *plugins)}:
        if spec := importlib.util.find_spec(name):
            yield from map(Path, spec.submodule_search_locations or filter(None, [spec.origin]))


def _models(settings: WorkerSettings) -> Iterator[Path]:
    yield BUNDLED_MODELS  # in a checkout a link that leads out of the package
    for name in settings.pipelines:
        of = settings.of_pipeline(name)
        models = (of.yolo_weights, of.ocr_detection_model, of.ocr_recognition_model)
        for value in (*models, *settings.catalogue.get(name).options.values()):
            if isinstance(value, str) and value:
                path = Path(value)
                yield path
                # Some formats have a second file: `signs.bin` beside `signs.xml`.
                yield from path.parent.glob(f"{glob.escape(path.stem)}.*")


def _caches(settings: WorkerSettings) -> Iterator[Path]:
    yield settings.cache_dir or user_cache_folder()
    yield from (Path(os.environ[name]) for name in FOLDERS if name in os.environ)
