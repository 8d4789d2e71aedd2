"""Read one line of text with a recognition network of PaddleOCR (CTC)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from job_worker.inference.image_cache import cached_by_image
from shared.pipelines.profiles import ProfileNumbers
from shared.video.image import Image

LINE_HEIGHT = 48
"""Height of the network's input, in pixels."""
MAX_WIDTH = 3200
SCALED_FROM_WIDTH = 320
"""Lines up to this width keep their proportions."""
CACHED_LINES = 512
"""Number of recent lines that are kept in case they repeat; a screen full of text has some hundred."""
BLANK = 0
"""The network's index for no character."""

PreparedLine = npt.NDArray[np.float32]
"""The network's input for a line: `(1, 3, 48, W)` float32 BGR from -1 to 1."""

MostLikely = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
"""The index of each time step's most likely character, and its probability, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """The text of a line.

    Attributes:
        text: The characters; empty if there are none.
        confidence: Mean of the characters' probabilities, as the network gives them.
    """

    text: str
    confidence: float


class TextRecogniser:
    """Reads lines, each at its own width: in a batch it would be padded to the widest one, which changes the text.

    As thread-safe as the network is.

    Args:
        most_likely: The network: returns what each time step of a line most likely is.
        folder: A PaddleOCR model folder: `inference.yml` with the network's alphabet.
        numbers: How lines are resized for the network's input.

    Attributes:
        read: Reads a line: `(H, W, 3)` uint8 BGR, upright. Results are cached, because on screens and slides most lines
            stay the same to the last bit.
    """

    def __init__(
        self, most_likely: Callable[[PreparedLine], MostLikely], folder: Path, numbers: ProfileNumbers
    ) -> None:
        self._most_likely = most_likely
        self._numbers = numbers
        config = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
        self._alphabet = ["", *config["PostProcess"]["character_dict"], " "]
        self.read = cached_by_image(self._read, CACHED_LINES)

    def _read(self, line: Image) -> ReadLine:
        return self._decoded(*self._most_likely(_network_input(line, self._numbers)))

    def _decoded(self, characters: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> ReadLine:
        """Decode the time steps by CTC: a character lasts until another character or a blank."""
        begins = characters != BLANK
        begins[1:] &= characters[1:] != characters[:-1]
        if not begins.any():
            return ReadLine("", 0.0)
        text = "".join(self._alphabet[number] for number in characters[begins].tolist())
        return ReadLine(text, float(probabilities[begins].mean()))


def _network_input(line: Image, numbers: ProfileNumbers) -> PreparedLine:
    ratio = line.shape[1] / line.shape[0]
    if LINE_HEIGHT * ratio > SCALED_FROM_WIDTH:
        ratio = max(ratio * numbers.line_width_scale, SCALED_FROM_WIDTH / LINE_HEIGHT)
    width = min(int(LINE_HEIGHT * max(numbers.min_line_width / LINE_HEIGHT, ratio)), MAX_WIDTH)
    scaled_width = min(math.ceil(LINE_HEIGHT * ratio), width)
    padded_width = -(-width // numbers.line_width_step) * numbers.line_width_step
    scaled = cast("Image", cv2.resize(line, (scaled_width, LINE_HEIGHT)))
    prepared = np.zeros((1, 3, LINE_HEIGHT, padded_width), np.float32)
    np.multiply(scaled.transpose(2, 0, 1), np.float32(1 / 127.5), out=prepared[0, :, :, :scaled_width])
    prepared[0, :, :, :scaled_width] -= 1
    return prepared
