"""Conformance tests for pipelines of plugins, as a test class that a plugin's tests derive from.

This module is a pytest plugin too: `pytest_plugins = ["job_worker.testing"]` in the outermost `conftest.py` makes its
failed assertions show their values. It needs the extra `testing`.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from job_worker.analysis.pipeline import Analysis, Pipeline
from job_worker.analysis.plugin_pipeline import PluginPipeline
from shared.pipelines.catalogue import MakePipeline, plugin_description
from shared.process.plugins import unfit_options
from shared.video.image import Image

SIZES = [(1, 1), (2, 640), (240, 320), (361, 203)]
"""Heights and widths of the images, in pixels: videos have any size, odd ones too."""


class PipelineConformance:
    """Checks that a pipeline returns dicts that can be stored, and always the same dict for the same image.

    A derived class has a fixture `make` that returns what the plugin registers. If that takes options, a fixture
    `options` returns those to build it with.
    """

    @pytest.fixture
    def make(self) -> MakePipeline:
        """Return the class or function that the plugin registers."""
        raise NotImplementedError("a class derived from PipelineConformance has a fixture `make`: what is registered")

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options that it is called with."""
        return {}

    @pytest.fixture
    def pipeline(self, make: MakePipeline, options: Mapping[str, Any]) -> Pipeline:
        """Return a newly built pipeline."""
        return PluginPipeline("mine", make(**options))

    def test_it_has_a_description(self, make: MakePipeline) -> None:
        assert plugin_description(make)

    def test_it_takes_its_options(self, make: MakePipeline, options: Mapping[str, Any]) -> None:
        assert unfit_options(make, options) == ""

    def test_an_unknown_option_is_refused(self, make: MakePipeline, options: Mapping[str, Any]) -> None:
        assert unfit_options(make, {**options, "no_such_option": 1})

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_every_image_gives_a_result_that_can_be_stored(self, pipeline: Pipeline, size: tuple[int, int]) -> None:
        for image in _images(*size):
            [result] = _results(pipeline, [image])
            assert json.loads(json.dumps(result, allow_nan=False)) == result

    def test_the_same_image_gives_the_same_result_whatever_came_before(self, pipeline: Pipeline) -> None:
        images = _images(240, 320)
        alone = [_results(pipeline, [image])[0] for image in images]
        again = [_results(pipeline, [image])[0] for image in reversed(images)]
        assert again == alone[::-1]

    def test_a_second_pipeline_gives_the_same_results(
        self, pipeline: Pipeline, make: MakePipeline, options: Mapping[str, Any]
    ) -> None:
        images = _images(240, 320)
        assert _results(PluginPipeline("mine", make(**options)), images) == _results(pipeline, images)

    def test_the_other_images_of_a_batch_change_nothing(self, pipeline: Pipeline) -> None:
        images = _images(240, 320)
        assert _results(pipeline, images) == [_results(pipeline, [image])[0] for image in images]

    def test_an_image_is_not_modified(self, pipeline: Pipeline) -> None:
        images = _images(240, 320)
        before = [image.copy() for image in images]
        _results(pipeline, images)
        assert all(np.array_equal(*both) for both in zip(images, before, strict=True))


def _images(height: int, width: int) -> list[Image]:
    """Return a black image, a white one, and three of noise that are the same in every run."""
    noise = np.random.default_rng(0)
    plain = [np.full((height, width, 3), value, np.uint8) for value in (0, 255)]
    return [*plain, *(noise.integers(0, 256, (height, width, 3), np.uint8) for _ in range(3))]


def _results(pipeline: Pipeline, images: list[Image]) -> list[Analysis]:
    size = pipeline.batch_size
    batches = [images[start : start + size] for start in range(0, len(images), size)]
    return [result for batch in batches for result in pipeline.analyse_batch(batch)]
