"""Text reading with PaddleOCR's networks on torch: the fast engine on a GPU.

Images and lines of several threads share batches of fixed shapes. In 16-bit floats a line has one of about a hundred
widths, so each width is captured once; in 32-bit floats it keeps its own width and is read alone.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from job_worker.inference.full_batches import FullBatches
from job_worker.inference.openvino_models import read_model
from job_worker.inference.torch_calls import TorchModel
from job_worker.inference.torch_network import TorchNetwork
from job_worker.ocr.bundled_models import TextModelFolders
from job_worker.ocr.line_reader import LineReader, model_errors_translated
from job_worker.ocr.network_rewrites import with_less_to_compute
from job_worker.ocr.text_boxes import Logits
from job_worker.ocr.text_detector import DEVIATION, MAX_LONG_SIDE, MEAN, SIDE_STEP, TextDetector
from job_worker.ocr.text_recogniser import (
    LINE_HEIGHT,
    MAX_WIDTH,
    SCALED_FROM_WIDTH,
    MostLikely,
    PreparedLine,
    TextRecogniser,
)
from shared.pipelines.profiles import Precision, ProfileNumbers
from shared.video.image import Image

READERS_A_THREAD = 2
"""Images being read for each thread of the CPU, because a half of them waits for the GPU."""


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """How much a batch takes. The defaults suit a GPU, where more is hardly faster and takes more memory.

    Attributes:
        pixels: Pixels of the images in which lines are found: eight images of `balanced`, two of 1080p in `exact`.
        lines: Lines that are read, where they have few widths: about what a few images give at a time.
        tries_largest: Whether the largest image and line run at start, so that memory does not run out in a job.
    """

    pixels: int = 8 * 960 * 544
    lines: int = 16
    tries_largest: bool = True

    def images(self, shape: tuple[int, ...]) -> int:
        """Return how many images of a shape are in a batch."""
        height, width, _ = shape
        return max(1, self.pixels // (height * width))


ONE_AT_A_TIME = BatchSizes(pixels=1, lines=1, tries_largest=False)
"""What suits a CPU."""


class TorchTextReader(LineReader):
    """Reads text with a PaddleOCR detection and recognition network. Thread-safe.

    Args:
        models: The two networks.
        numbers: Precision, in what sizes of an image text is looked for, and how lines are resized. On a GPU `bf16`
            becomes 16-bit floats with the precision of 11 bits; on a CPU all is computed in 32-bit floats.
        threads: CPU threads, at least 1.
        device: `"cpu"`, `"cuda:0"` and so on.
        sizes: The sizes of batches.

    Raises:
        ModelLoadError: A network cannot be loaded or does not run.
    """

    def __init__(
        self, models: TextModelFolders, numbers: ProfileNumbers, threads: int, device: str, sizes: BatchSizes
    ) -> None:
        with model_errors_translated(models):
            where = torch.device(device)
            in_half = where.type == "cuda" and numbers.precision is Precision.bf16
            number_type = torch.float16 if in_half else torch.float32
            _compute_exactly()
            executor = ThreadPoolExecutor(1, "text-networks")
            executor.submit(_use, where).result()  # its one thread stays
            detection = TorchModel(HeatMap(models.detection).to(number_type), where)
            has_few_widths = numbers.line_width_step > 1
            recognition = TorchModel(Characters(models.recognition).to(number_type), where, is_captured=has_few_widths)
            images = FullBatches(detection, sizes.images, executor)
            lines = FullBatches(recognition, lambda _: sizes.lines if has_few_widths else 1, executor)

            def heat_map(image: Image) -> Logits:
                return images(image)[0]

            def most_likely(line: PreparedLine) -> MostLikely:
                characters, probabilities = lines(line[0])
                return characters, probabilities

            heat_map(np.zeros((SIDE_STEP, SIDE_STEP, 3), np.uint8))  # both are known to run before the first job
            most_likely(np.zeros((1, 3, LINE_HEIGHT, SCALED_FROM_WIDTH), np.float32))
            if sizes.tries_largest:
                side = _largest_side(numbers)
                with _enough_memory(device, f"an image of {side}x{side} pixels"):
                    heat_map(np.zeros((side, side, 3), np.uint8))
                    most_likely(np.zeros((1, 3, LINE_HEIGHT, MAX_WIDTH), np.float32))
            recogniser = TextRecogniser(most_likely, models.recognition, numbers)
        super().__init__(
            TextDetector(heat_map, numbers.text_short_side), recogniser, numbers, READERS_A_THREAD * threads
        )


class HeatMap(nn.Module):
    """The network that finds lines: takes images, returns their heat maps.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`.
    """

    _mean: Tensor
    _deviation: Tensor

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._network = TorchNetwork(with_less_to_compute(read_model(folder / "inference.onnx")))
        self.register_buffer("_mean", 255 * torch.tensor(MEAN))
        self.register_buffer("_deviation", 255 * torch.tensor(DEVIATION))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return the heat maps `(N, H, W)` float32 of `(N, H, W, 3)` uint8 BGR, before the sigmoid."""
        count, height, width, _ = images.shape
        values = (images.to(self._mean.dtype) - self._mean) / self._deviation
        places = self._network(values.permute(0, 3, 1, 2).contiguous()).float()
        # The 16 channels are those of `without_upsampling`: row and column, twice.
        places = places.reshape(count, 2, 2, 2, 2, height // 4, width // 4).permute(0, 5, 1, 3, 6, 2, 4)
        return (places.reshape(count, height, width),)


class Characters(nn.Module):
    """The network that reads lines: takes prepared lines, returns what each time step most likely is.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._network = TorchNetwork(_without_probabilities(read_model(folder / "inference.onnx")))

    def forward(self, lines: Tensor) -> tuple[Tensor, Tensor]:
        """Return the most likely characters `(N, T)` int32, and their probabilities, of `(N, 3, 48, W)` float32."""
        scores = self._network(lines.to(next(self.buffers()).dtype)).float()
        most, characters = scores.max(dim=-1)
        return characters.int(), (most - scores.logsumexp(dim=-1)).exp()


def _without_probabilities(network: Any) -> Any:
    """Return a network up to the input of the softmax with which it ends."""
    import openvino  # noqa: PLC0415 - loaded after the variables that it reads at import are set
    from openvino import opset13  # noqa: PLC0415

    scores = network.output(0).get_node().input_value(0)
    while scores.get_node().get_type_name() != "Softmax":
        scores = scores.get_node().input_value(0)
    result = opset13.result(scores.get_node().input_value(0))
    return openvino.Model([result], network.get_parameters(), "scores")


def _largest_side(numbers: ProfileNumbers) -> int:
    """Return the longest side that the network that finds lines may get, in pixels."""
    longest = max(*numbers.text_long_sides, int(numbers.small_type_scale * MAX_LONG_SIDE))
    return -(-longest // SIDE_STEP) * SIDE_STEP


@contextmanager
def _enough_memory(device: str, what: str) -> Iterator[None]:
    """Say what helps where a GPU has too little memory."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise RuntimeError(
            f"{device} has too little memory for {what} and its lines; choose --device cpu, or a faster --profile"
        ) from error


def _use(device: torch.device) -> None:
    """Make a GPU the one of the calling thread, on whose streams it captures."""
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)


def _compute_exactly() -> None:
    """Have a GPU compute 32-bit floats in full, and choose the same kernels in every run."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
