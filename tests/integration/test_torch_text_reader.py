"""Text on torch: the networks against ONNX Runtime, the lines against OpenVINO, and the independence of neighbours."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import psutil
import pytest
import torch

from benchmarks.text_clip import write_text_clip
from job_worker.errors import ModelLoadError
from job_worker.inference.openvino_models import read_model
from job_worker.inference.torch_calls import TorchModel
from job_worker.inference.torch_network import TorchNetwork
from job_worker.ocr.bundled_models import TextModelFolders, bundled_text_models
from job_worker.ocr.openvino_text_reader import OpenVinoTextReader
from job_worker.ocr.torch_text_reader import ONE_AT_A_TIME, BatchSizes, Characters, HeatMap, TorchTextReader
from shared.pipelines.profiles import PROFILES, Profile
from shared.results import TextLine
from shared.video.image import Image
from shared.video.reader import VideoReader

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]

CPU = torch.device("cpu")
EXACT, FAST = PROFILES[Profile.exact], PROFILES[Profile.fast]
SAMPLES = (("car_num_plate_uz.mp4", 130), ("screen_recording_mikochi.mp4", 30))
"""A street with a plate; a screen, of which a part is enough."""
PART = np.s_[:464, :848]
FRAMES_A_CLIP = {"cricket_ball_tracking.mp4": 20, "people_walking_1080p.mp4": 20, "screen_recording_mikochi.mp4": 4}
"""How many frames of a clip are compared; one of the screen takes half a minute."""
CLIP_FRAMES = 2
"""Frames of the rendered clip; all are looked at."""
SHAPES = 12
MAX_BYTES_A_SHAPE = 5 << 19
"""Torch itself keeps about a megabyte for a shape; a copy of the network would be 2.5 more."""


@pytest.fixture(scope="module")
def models() -> TextModelFolders:
    return bundled_text_models()


def frame(folder: Path, name: str, index: int) -> Image:
    return next(itertools.islice(VideoReader(folder / name), index, None)).image


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("which", "data", "most_away"),
    [
        ("detection", noise(2, 3, 64, 96), 1e-5),
        ("recognition", noise(2, 3, 48, 200), 1e-5),
        ("recognition", noise(1, 3, 48, 328), 1e-5),
        ("recognition", noise(1, 3, 48, 3199), 1e-4),
    ],
)
def test_a_network_on_torch_computes_what_onnx_runtime_does(
    which: str, data: np.ndarray, most_away: float, models: TextModelFolders
) -> None:
    file: Path = getattr(models, which) / "inference.onnx"
    session = onnxruntime.InferenceSession(file)
    [expected] = session.run(None, {session.get_inputs()[0].name: data})
    with torch.inference_mode():
        found = TorchNetwork(read_model(file))(torch.from_numpy(data)).numpy()
    assert np.abs(found - expected).max() < most_away


def test_what_is_kept_for_a_shape_is_far_less_than_the_network(models: TextModelFolders) -> None:
    network = TorchNetwork(read_model(models.recognition / "inference.onnx"))
    widths = range(320, 320 + 8 * (2 + SHAPES), 8)
    taken: list[int] = []
    with torch.inference_mode():
        for width in widths:
            network(torch.zeros(1, 3, 48, width))
            taken.append(psutil.Process().memory_info().rss)
    assert taken[-1] - taken[1] < SHAPES * MAX_BYTES_A_SHAPE


def test_an_unknown_operator_is_named(models: TextModelFolders) -> None:
    import openvino
    from openvino import opset13

    data = opset13.parameter([1, 3], openvino.Type.f32)
    network = openvino.Model([opset13.result(opset13.atanh(data))], [data], "unknown")
    with pytest.raises(ValueError, match="operators that are not known: Atanh"):
        TorchNetwork(network)


def normalisation(features: int) -> Any:
    """A network that normalises over its last axis, with the operators of PaddleOCR's."""
    import openvino
    from openvino import opset13

    data = opset13.parameter([-1, -1, features], openvino.Type.f32)
    last = opset13.constant(np.array([-1]))
    away = opset13.subtract(data, opset13.reduce_mean(data, last, True))
    squares = opset13.power(away, opset13.constant(np.float32(2)))
    variance = opset13.add(opset13.reduce_mean(squares, last, True), opset13.constant(np.float32(1e-5)))
    return openvino.Model([opset13.result(opset13.divide(away, opset13.sqrt(variance)))], [data], "normalisation")


def test_large_values_are_normalised_in_16_bits_as_in_32() -> None:
    data = torch.from_numpy(9000 * noise(1, 8, 120)).half()  # sharp edges everywhere give such values
    with torch.inference_mode():
        expected = TorchNetwork(normalisation(120))(data.float())
        found = TorchNetwork(normalisation(120)).half()(data)
    assert found.dtype == torch.float16
    assert expected.abs().max() > 1.5
    assert (found.float() - expected).abs().max() < 2e-3  # the last of the bits of numbers up to 2 is worth 1e-3


def test_features_of_a_chessboard_of_pixels_are_normalised_in_16_bits(models: TextModelFolders) -> None:
    import openvino
    from openvino import opset13

    network = read_model(models.recognition / "inference.onnx")
    quotients = (node for node in network.get_ordered_ops() if node.get_type_name() == "Divide")
    normalised = next(node for node in quotients if node.input_value(1).get_node().get_type_name() == "Sqrt")
    network = openvino.Model([opset13.result(normalised)], network.get_parameters(), "up to a normalisation")
    board = np.indices((48, 32)).sum(0) % 2 * 2.0 - 1
    with torch.inference_mode():
        found = TorchNetwork(network).half()(torch.from_numpy(np.tile(board, (1, 3, 1, 1))).half()).float()
    assert found.square().mean(-1).numpy() == pytest.approx(1, abs=0.01)


def compare(found: list[TextLine], expected: list[TextLine]) -> None:
    assert [(line.text, line.polygon) for line in found] == [(line.text, line.polygon) for line in expected]
    confidences = [line.confidence for line in expected]
    assert [line.confidence for line in found] == pytest.approx(confidences, abs=1e-3)


def test_exact_lines_are_those_of_openvino(models: TextModelFolders, corpus: Path) -> None:
    ours = TorchTextReader(models, EXACT, 1, "cpu", ONE_AT_A_TIME)
    reference = OpenVinoTextReader(models, EXACT, 1)
    for name, index in SAMPLES:
        image = frame(corpus, name, index)[PART]
        expected = reference.read(image)
        assert expected
        compare(ours.read(image), expected)


def test_exact_lines_of_a_rendered_clip_are_those_of_openvino(models: TextModelFolders, tmp_path: Path) -> None:
    clip = tmp_path / "text.mp4"
    write_text_clip(clip, CLIP_FRAMES)
    ours = TorchTextReader(models, EXACT, 1, "cpu", ONE_AT_A_TIME)
    reference = OpenVinoTextReader(models, EXACT, 1)
    for one in VideoReader(clip):
        expected = reference.read(one.image[PART])
        assert expected
        compare(ours.read(one.image[PART]), expected)


@pytest.mark.corpus
@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("clip", FRAMES_A_CLIP)
def test_exact_lines_of_whole_clips_are_those_of_openvino(clip: str, models: TextModelFolders, corpus: Path) -> None:
    ours = TorchTextReader(models, EXACT, 1, "cpu", ONE_AT_A_TIME)
    reference = OpenVinoTextReader(models, EXACT, 1)
    frames = sum(1 for _ in VideoReader(corpus / clip))
    # In the sixth frame of the screen a line is as likely as the least that is kept.
    wanted = {*np.linspace(5, frames - 1, FRAMES_A_CLIP[clip]).astype(int).tolist()}
    for one in VideoReader(corpus / clip):
        if one.index in wanted:
            compare(ours.read(one.image), reference.read(one.image))


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("neighbours", ["none", "noise"])
def test_a_result_depends_neither_on_its_place_nor_on_its_neighbours(
    place: int, neighbours: str, models: TextModelFolders
) -> None:
    random = np.random.default_rng(1)
    image, line = random.integers(0, 255, (64, 96, 3)).astype(np.uint8), noise(3, 48, 192)
    for model, data in ((HeatMap(models.detection), image), (Characters(models.recognition), line)):
        compute = TorchModel(model, CPU)
        batch = np.zeros((3, *data.shape), data.dtype)
        batch[0] = data
        expected = [output[0] for output in compute(batch)]
        if neighbours == "noise":
            batch[:] = random.integers(0, 255, batch.shape) if data.dtype == np.uint8 else noise(*batch.shape)
        else:
            batch[0] = 0
        batch[place] = data
        for found, one in zip(compute(batch), expected, strict=True):
            assert np.array_equal(found[place], one)


def test_images_that_are_read_side_by_side_and_in_another_order_have_the_lines_that_they_have_alone(
    models: TextModelFolders,
) -> None:
    texts = ("PARK 7", "closed", "14:35")
    images = [np.full((96, 256, 3), shade, np.uint8) for shade in (200, 230, 255)]
    for text, image in zip(texts, images, strict=True):
        cv2.putText(image, text, (20, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 3)
    sizes = BatchSizes(pixels=2 * images[0].size // 3, lines=3, tries_largest=False)
    one_by_one, together = (TorchTextReader(models, FAST, threads, "cpu", sizes) for threads in (1, 2))
    alone = [one_by_one.read(image) for image in images]
    assert [[line.text for line in lines] for lines in alone] == [[text] for text in texts]
    with ThreadPoolExecutor(together.concurrency) as pool:
        assert [*pool.map(together.read, images[::-1])] == alone[::-1]


def test_a_card_that_has_no_memory_for_the_largest_image_of_a_profile_is_known_at_the_start(
    models: TextModelFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = BatchSizes(lines=1)

    def with_little_memory(_: HeatMap, images: torch.Tensor) -> tuple[torch.Tensor]:
        if images[..., 0].numel() > sizes.pixels:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return (torch.zeros(images.shape[:3]),)

    monkeypatch.setattr(HeatMap, "forward", with_little_memory)
    TorchTextReader(models, FAST, 1, "cpu", sizes)
    with pytest.raises(
        ModelLoadError, match=r"cpu has too little memory for an image of 4000x4000 pixels .* --profile\.$"
    ):
        TorchTextReader(models, EXACT, 1, "cpu", sizes)
