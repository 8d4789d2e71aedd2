"""Models that OpenVINO compiles for each size of image."""

import numpy as np
import openvino
import pytest
from openvino import opset13

from job_worker.inference.openvino_models import PerShapeModel
from shared.pipelines.profiles import Precision

pytestmark = [pytest.mark.unit, pytest.mark.worker]

LANDSCAPE = [(16, 32), (32, 64), (64, 96)]
"""As many sizes as text is looked for in on a screen above 1080p."""


def test_a_model_stays_compiled_for_the_sizes_of_landscape_and_portrait_images_by_turns() -> None:
    compiled: list[tuple[int, int]] = []

    def for_size(height: int, width: int) -> openvino.Model:
        compiled.append((height, width))
        image = opset13.parameter([1, height, width, 3], openvino.Type.u8)
        return openvino.Model([opset13.result(opset13.convert(image, "f32"))], [image], "floats")

    model, sizes = PerShapeModel(for_size, Precision.f32), LANDSCAPE + [size[::-1] for size in LANDSCAPE]
    for size in 2 * sizes:
        with model.inferred(np.ones((*size, 3), np.uint8)) as output:
            assert output().shape == (1, *size, 3)
    assert compiled == sizes
