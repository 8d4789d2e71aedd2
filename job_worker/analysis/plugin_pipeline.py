"""Plugin pipelines: how they are made, and the check that their results can be stored.

A plugin is a class or function with a `description`, registered in the entry point group `foregsyte.pipelines`. It is
called once in the process that analyses, with the options of its table as keyword arguments, and returns an object with

- `analyse(image)`: `(H, W, 3)` uint8 BGR in, a dict out that JSON can hold; or, with `batch_size` above 1,
  `analyse_batch(images)`: a list of such pictures of one size in, the list of their dicts out;
- `concurrency` (1 where there is none): from how many threads `analyse` may be called.

Each picture is analysed by itself: the same picture gives the same dict, whatever came before it, and a picture that
comes again may not be asked about again. `job_worker.errors.JobFailed` fails the job with its message; any other
exception fails it too, and only the log says more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from job_worker.analysis.pipeline import AnyPipeline
from job_worker.errors import JobFailed, ModelLoadError
from shared.pipelines.catalogue import load_plugin_pipeline
from shared.process.plugins import PluginUnusable
from shared.results import plugin_result
from shared.video.frame import Image

__all__ = ["PluginBatchPipeline", "PluginPipeline", "checked", "plugin_pipeline"]


def plugin_pipeline(name: str, kind: str, options: Mapping[str, Any]) -> AnyPipeline:
    """Make the pipeline of a plugin.

    Args:
        name: What clients submit with.
        kind: The plugin's name.
        options: Its keyword arguments.

    Raises:
        ModelLoadError: It cannot be imported or made, or is no pipeline.
    """
    try:
        return checked(name, load_plugin_pipeline(kind, options)(**options))
    except ModelLoadError:
        raise
    except PluginUnusable as error:
        raise ModelLoadError(f"{error}.") from error
    except Exception as error:
        raise ModelLoadError(f"The pipeline {name!r} cannot be made: {type(error).__name__}: {error}") from error


def checked(name: str, pipeline: Any) -> AnyPipeline:
    """Return a pipeline whose results are sure to be fit for storage.

    Args:
        name: What clients submit with.
        pipeline: What the plugin made.

    Raises:
        ModelLoadError: It does not offer what a pipeline offers.
    """
    batch_size = _count(name, pipeline, "batch_size")
    method = "analyse_batch" if batch_size > 1 else "analyse"
    if not callable(getattr(pipeline, method, None)):
        raise ModelLoadError(f"The pipeline {name!r} has no method {method}.")
    if batch_size > 1:
        return PluginBatchPipeline(name, pipeline, batch_size)
    return PluginPipeline(name, pipeline, _count(name, pipeline, "concurrency"))


class PluginPipeline:
    """A plugin's pipeline that is given one image at a time; see `checked`."""

    def __init__(self, name: str, pipeline: Any, concurrency: int) -> None:
        self.concurrency = concurrency
        self._name = name
        self._pipeline = pipeline

    def analyse(self, image: Image) -> dict[str, Any]:
        """Analyse a picture by itself; see `Pipeline.analyse`.

        Raises:
            JobFailed: The result cannot be stored.
        """
        return _storable(self._name, self._pipeline.analyse(image))


class PluginBatchPipeline:
    """A plugin's pipeline that is given several images at a time; see `checked`."""

    def __init__(self, name: str, pipeline: Any, batch_size: int) -> None:
        self.batch_size = batch_size
        self._name = name
        self._pipeline = pipeline

    def analyse_batch(self, images: Sequence[Image]) -> list[dict[str, Any]]:
        """Analyse pictures, each by itself; see `BatchPipeline.analyse_batch`.

        Raises:
            JobFailed: A result cannot be stored, or is missing.
        """
        results = list(self._pipeline.analyse_batch(images))
        if len(results) != len(images):
            raise JobFailed(
                f"the pipeline {self._name!r} gave {len(results)} results for {len(images)} images: it must be fixed"
            )
        return [_storable(self._name, result) for result in results]


def _count(name: str, pipeline: Any, attribute: str) -> int:
    count = getattr(pipeline, attribute, 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ModelLoadError(
            f"The pipeline {name!r} must have a whole number from 1 as its {attribute}, not {count!r}."
        )
    return count


def _storable(name: str, result: Any) -> dict[str, Any]:
    try:
        return plugin_result(result)
    except ValueError as error:
        raise JobFailed(f"the pipeline {name!r} gave a result that {error}: it must be fixed") from error
