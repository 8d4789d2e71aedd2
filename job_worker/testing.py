"""What every pipeline must hold, as a test class that any package can run over its own: see PipelineConformance.

A pytest plugin: `pytest_plugins = ["job_worker.testing"]` in the outermost `conftest.py` lets failures in it show
their values. It needs the extra `contracts`.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from job_worker.analysis.pipeline import Analysis, AnyPipeline, BatchPipeline
from job_worker.analysis.plugin_pipeline import checked
from shared.pipelines.catalogue import MakePipeline, description_of
from shared.process.plugins import unfit_options
from shared.video.frame import Image

__all__ = ["PipelineConformance"]

SIZES = [(1, 1), (2, 640), (240, 320), (361, 203)]
"""Heights and widths of the pictures: videos come in all of them, odd ones too."""


class PipelineConformance:
    """Pictures in, dicts out that can be stored: the same for the same picture, whatever came before it.

    A class derived from it has a fixture `make` that returns what the package registers, and, where that takes any, a
    fixture `options` that returns the options to make it with.
    """

    @pytest.fixture
    def make(self) -> MakePipeline:
        """What the package registers."""
        raise NotImplementedError("a class derived from PipelineConformance has a fixture `make`: what is registered")

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """What it is told."""
        return {}

    @pytest.fixture
    def pipeline(self, make: MakePipeline, options: Mapping[str, Any]) -> AnyPipeline:
        """One that was made anew."""
        return checked("mine", make(**options))

    def test_it_says_what_it_finds(self, make: MakePipeline) -> None:
        assert description_of(make)

    def test_it_takes_its_options(self, make: MakePipeline, options: Mapping[str, Any]) -> None:
        assert unfit_options(make, options) == ""

    def test_an_option_that_it_does_not_know_is_refused(self, make: MakePipeline, options: Mapping[str, Any]) -> None:
        assert unfit_options(make, {**options, "no_such_option": 1})

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_every_picture_gives_a_result_that_can_be_stored(
        self, pipeline: AnyPipeline, size: tuple[int, int]
    ) -> None:
        for picture in _pictures(*size):
            [result] = _results(pipeline, [picture])
            assert json.loads(json.dumps(result, allow_nan=False)) == result

    def test_the_same_picture_gives_the_same_result_whatever_came_before(self, pipeline: AnyPipeline) -> None:
        pictures = _pictures(240, 320)
        alone = [_results(pipeline, [picture])[0] for picture in pictures]
        again = [_results(pipeline, [picture])[0] for picture in reversed(pictures)]
        assert again == alone[::-1]

    def test_another_one_that_is_made_gives_the_same(
        self, pipeline: AnyPipeline, make: MakePipeline, options: Mapping[str, Any]
    ) -> None:
        pictures = _pictures(240, 320)
        assert _results(checked("mine", make(**options)), pictures) == _results(pipeline, pictures)

    def test_the_other_pictures_of_a_batch_have_no_say(self, pipeline: AnyPipeline) -> None:
        pictures = _pictures(240, 320)
        assert _results(pipeline, pictures) == [_results(pipeline, [picture])[0] for picture in pictures]

    def test_a_picture_is_left_as_it_is(self, pipeline: AnyPipeline) -> None:
        pictures = _pictures(240, 320)
        before = [picture.copy() for picture in pictures]
        _results(pipeline, pictures)
        assert all(np.array_equal(*pair) for pair in zip(pictures, before, strict=True))


def _pictures(height: int, width: int) -> list[Image]:
    """Returns a black picture, a white one, and some of noise that is the same in every run."""
    noise = np.random.default_rng(0)
    plain = [np.full((height, width, 3), value, np.uint8) for value in (0, 255)]
    return [*plain, *(noise.integers(0, 256, (height, width, 3), np.uint8) for _ in range(3))]


def _results(pipeline: AnyPipeline, pictures: list[Image]) -> list[Analysis]:
    if not isinstance(pipeline, BatchPipeline):
        return [pipeline.analyse(picture) for picture in pictures]
    size = pipeline.batch_size
    batches = [pictures[start : start + size] for start in range(0, len(pictures), size)]
    return [result for batch in batches for result in pipeline.analyse_batch(batch)]
