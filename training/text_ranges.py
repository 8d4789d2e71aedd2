"""Measures what enters the text recogniser's largest layers, so that they can compute in 8-bit integers.

Example: `python -m training.text_ranges --materials build/materials`. It reads rendered lines of text with the network
in 32-bit floats and writes the ranges to the bundled models; `job_worker.ocr.quantised` says what they are for. With
`--compare` it reads other lines in each precision and prints how many are right.
"""

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import yaml

from job_worker.inference.openvino_models import Precision, compile_model, read_model
from job_worker.ocr.bundled_models import bundled_text_models
from job_worker.ocr.quantised import RANGES_FILE, is_worth_quantising
from job_worker.ocr.text_recogniser import (
    LINE_HEIGHT,
    SCALED_FROM_WIDTH,
    LineResize,
    TextRecogniser,
    network_input,
)
from shared.video.frame import Image
from training.materials import Materials, find_materials
from training.scenes.backgrounds import Backgrounds
from training.scenes.camera import compressed
from training.scenes.chance import a_contrast, choose, log_uniform
from training.scenes.drawing import paste
from training.scenes.text import Fonts, a_clock, a_number, a_sentence, a_word, text_image

SEED, COMPARED_SEED = 1, 2
SHAPE = LineResize(160, width_step=32)


class Lines:
    """Renders lines of text as they are cut out of frames, with the same number always the same."""

    def __init__(self, materials: Materials) -> None:
        self._fonts = Fonts(materials.fonts)
        self._backgrounds = Backgrounds(materials.photos, materials.textures)

    def line(self, seed: int, number: int) -> tuple[Image, str]:
        """Return a line, BGR, and the text it shows."""
        rng = np.random.default_rng([seed, number])
        script = self._fonts.script(rng)
        sentences = a_sentence(rng, script, 8), a_sentence(rng, script, 3)
        text = choose(rng, (*sentences, a_word(rng, script), a_clock(rng), a_number(rng)))
        size = int(log_uniform(rng, 9, 80))
        ink, ground = a_contrast(rng)
        edge = (ground, max(1, size // 12)) if rng.random() < 0.3 else (None, 0)
        letters = text_image(text, self._fonts.font(rng, script), size, ink, *edge)
        height, width = int(letters.shape[0] * rng.uniform(1.1, 1.5)) + 2, letters.shape[1] + size // 2 + 2
        line = np.full((height, width, 3), ground, np.uint8)
        if rng.random() < 0.4:
            line = self._backgrounds.photo(rng, width, height) // 2 + line // 2
        paste(line, letters, (width - letters.shape[1]) // 2, (height - letters.shape[0]) // 2)
        if rng.random() < 0.5:
            line = cv2.GaussianBlur(line, (0, 0), rng.uniform(0.3, 1.2))
        line, _ = compressed(rng, line)
        return np.ascontiguousarray(line[..., ::-1]), text


def measured_ranges(model: Path, lines: list[Image]) -> dict[str, tuple[float, float]]:
    """Return what range enters each layer to be quantised: the means of the lines' least and largest values."""
    network = read_model(model)
    layers = [node for node in network.get_ordered_ops() if is_worth_quantising(node)]
    network.add_outputs([layer.input_value(0) for layer in layers])
    compiled = compile_model(network, Precision.f32)
    extremes = []
    for line in lines:
        with compiled.inferred(network_input(line, SHAPE)) as output:
            entering = [output(number) for number in range(1, len(layers) + 1)]
            extremes.append([(float(values.min()), float(values.max())) for values in entering])
    middle = np.mean(extremes, axis=0)
    return {
        layer.get_friendly_name(): (float(f"{low:.4g}"), float(f"{high:.4g}"))
        for layer, (low, high) in zip(layers, middle, strict=True)
    }


def lines_right(precision: Precision, lines: list[tuple[Image, str]]) -> int:
    """Return how many lines are read letter by letter, blanks not counted: some fonts hardly show them."""
    recogniser = TextRecogniser(bundled_text_models().recognition, precision, SHAPE)
    return sum(recogniser.read(line).text.replace(" ", "") == text.replace(" ", "") for line, text in lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--materials", type=Path, help="the folder of training.materials")
    parser.add_argument("--lines", type=int, default=300, help="how many lines are read")
    parser.add_argument("--out", type=Path, default=RANGES_FILE)
    parser.add_argument("--compare", type=int, help="measure nothing, and read so many lines in each precision")
    given = parser.parse_args()
    renderer = Lines(find_materials(given.materials))
    if given.compare:
        lines = [renderer.line(COMPARED_SEED, number) for number in range(given.compare)]
        long = [(line, text) for line, text in lines if line.shape[1] / line.shape[0] > SCALED_FROM_WIDTH / LINE_HEIGHT]
        for precision in Precision:
            print(f"{precision}: {lines_right(precision, long)} of {len(long)} long lines are right")
        return
    model = bundled_text_models().recognition / "inference.onnx"
    ranges = measured_ranges(model, [renderer.line(SEED, number)[0] for number in range(given.lines)])
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    content = {"sha256": digest, "ranges": {name: list(pair) for name, pair in ranges.items()}}
    given.out.write_text(yaml.safe_dump(content, sort_keys=False, default_flow_style=None), encoding="utf-8")
    print(f"{len(ranges)} layers of {model}: {given.out}")


if __name__ == "__main__":
    main()
