"""Pipelines of plugins, with a check that their results can be stored.

A plugin registers a class or a function with a `description` in the entry point group `foregsyte.pipelines`. It is
called once in the process that analyses, with the options of its table as keyword arguments. It returns an object with

- `analyse(image)`: takes an image `(H, W, 3)` uint8 BGR and returns a dict that JSON can hold; or, with `batch_size`
  above 1, `analyse_batch(images)`: takes a list of images of one size and returns the list of their dicts;
- `concurrency` (default 1): from how many threads `analyse` may be called.

Each image is analysed by itself: the same image gives the same dict, whatever came before it, and an image that repeats
is not necessarily analysed again. `job_worker.errors.JobCannotBeDone` fails the job with its message; any other
exception fails it too, and only the log has the details.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from job_worker.analysis.pipeline import Analysis, Pipeline
from job_worker.errors import JobCannotBeDone, ModelLoadError
from shared.pipelines.catalogue import load_plugin_pipeline
from shared.process.plugins import PluginUnusable
from shared.results import plugin_result
from shared.video.image import Image


def plugin_pipeline(name: str, kind: str, options: Mapping[str, Any]) -> Pipeline:
    """Build the pipeline of a plugin.

    Args:
        name: The id that clients submit with.
        kind: The name that the plugin registers it under.
        options: The options of its table.

    Raises:
        ModelLoadError: The plugin cannot be imported, cannot be built, or is not a pipeline.
    """
    try:
        return PluginPipeline(name, load_plugin_pipeline(kind, options)(**options))
    except ModelLoadError:
        raise
    except PluginUnusable as error:
        raise ModelLoadError(f"{error}.") from error
    except (Exception, SystemExit) as error:
        raise ModelLoadError(f"The pipeline {name!r} cannot be made: {type(error).__name__}: {error}") from error


class PluginPipeline:
    """The object of a plugin as a `Pipeline` whose results can be stored.

    Args:
        name: The id that clients submit with.
        plugin: What the plugin's class or function returned; the module's docstring says what it has.

    Raises:
        ModelLoadError: The object lacks a method or has an invalid attribute.
    """

    def __init__(self, name: str, plugin: Any) -> None:
        self.batch_size = _count(name, plugin, "batch_size")
        self.concurrency = 1 if self.batch_size > 1 else _count(name, plugin, "concurrency")
        self._name = name
        self._plugin = plugin
        method = "analyse_batch" if self.batch_size > 1 else "analyse"
        if not callable(getattr(plugin, method, None)):
            raise ModelLoadError(f"The pipeline {name!r} has no method {method}.")

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        """Analyse images, each by itself.

        Args:
            images: From 1 to `batch_size` images of one size, each `(H, W, 3)` uint8 BGR.

        Returns:
            One analysis for each image, in their order.

        Raises:
            JobCannotBeDone: A result cannot be stored, or is missing.
        """
        if self.batch_size == 1:
            return [_storable(self._name, self._plugin.analyse(image)) for image in images]
        results = list(self._plugin.analyse_batch(images))
        if len(results) != len(images):
            raise JobCannotBeDone(
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
        raise JobCannotBeDone(f"the pipeline {name!r} gave a result that {error}: it must be fixed") from error
