"""Run models on OpenVINO: precision, a pool of inference requests, one compiled model for each image size.

OpenVINO chooses the precision by the CPU unless it is set, so the same weights give different numbers on different
hosts; here it is always set. In 32-bit floats the results of one kind of CPU are the same bytes for any number of
threads, and however often a model is compiled; kinds of CPU round differently.
"""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from job_worker.inference.vendor_libraries import prepare_vendor_libraries
from shared.pipelines.profiles import Precision
from shared.video.image import Image


class CompiledModel:
    """A compiled model with a pool of inference requests. Thread-safe: each inference runs in the calling thread.

    OpenVINO computes in the calling thread only if a model is compiled for a single thread. With more, it has threads
    of its own, and every inference wakes one of them: often on the core of the thread that now waits, while another
    core idles. So the model is compiled once for each concurrent request; most memory is taken by the intermediate
    results anyway.

    Args:
        compile_once: Compiles the model for a single thread; called from several threads at once.
    """

    def __init__(self, compile_once: Callable[[], Any]) -> None:
        self._compile_once = compile_once
        self._idle = [self._compile_once().create_infer_request()]

    @contextmanager
    def inferred(self, data: Any) -> Iterator[Any]:
        """Run the model.

        Args:
            data: The input, a contiguous array of the model's shape.

        Yields:
            A function from an output's number to its array, which is valid until the block ends.
        """
        import openvino

        with self.request() as request:
            request.set_input_tensor(openvino.Tensor(data, shared_memory=True))
            request.infer()
            yield lambda number=0: request.get_output_tensor(number).data

    @contextmanager
    def request(self) -> Iterator[Any]:
        """Yield an inference request of the pool for one or more inferences, until the block ends."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compile_once().create_infer_request()
        try:
            yield request
        finally:
            self._idle.append(request)


MAX_SHAPES = 8
"""Image sizes for which a model stays compiled: text is looked for in up to three sizes of a video's images, and
landscape and portrait often take turns."""


class PerShapeModel:
    """A model for images of any size, compiled for each size: faster than one model with dynamic shapes. Thread-safe.

    Args:
        for_size: Returns the model for a height and width; it takes `(1, H, W, 3)` uint8 BGR.
        precision: The number type that it computes in.
    """

    def __init__(self, for_size: Callable[[int, int], Any], precision: Precision) -> None:
        self._for_size = for_size
        self._precision = precision
        self._lock = threading.Lock()
        self._compiled: LRUCache[tuple[int, int], CompiledModel] = LRUCache(MAX_SHAPES)

    @contextmanager
    def inferred(self, image: Image) -> Iterator[Any]:
        """Run the model.

        Args:
            image: `(H, W, 3)` uint8 BGR.

        Yields:
            A function from an output's number to its array, which is valid until the block ends.
        """
        height, width, _ = image.shape
        with self._compiled_for(height, width).inferred(image[None]) as output:
            yield output

    def _compiled_for(self, height: int, width: int) -> CompiledModel:
        size = height, width
        with self._lock:  # also while compiling, which must not happen twice
            if size not in self._compiled:
                self._compiled[size] = compile_model(self._for_size(height, width), self._precision)
            return self._compiled[size]


def read_model(path: Path) -> Any:
    """Read a model file: OpenVINO's `.xml` (with its `.bin`) or ONNX."""
    return openvino_core().read_model(path)


def compile_model(model: Any, precision: Precision) -> CompiledModel:
    """Compile a model for the CPU."""
    config = cpu_properties(precision, threads=1) | {"NUM_STREAMS": 1}
    cloning = threading.Lock()

    def compile_once() -> Any:
        with cloning:
            own = model.clone()
        return openvino_core().compile_model(own, "CPU", config)

    return CompiledModel(compile_once)


def cpu_properties(precision: Precision, threads: int) -> dict[str, Any]:
    """Return the properties of OpenVINO for a model that computes in this precision with so many threads."""
    import openvino

    hint = openvino.properties.hint
    exact = precision is Precision.f32
    return {
        "INFERENCE_PRECISION_HINT": openvino.Type.f32 if exact else openvino.Type.bf16,
        "EXECUTION_MODE_HINT": hint.ExecutionMode.ACCURACY if exact else hint.ExecutionMode.PERFORMANCE,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # else two workers end up on the same core
    }


@cache
def openvino_core() -> Any:
    """Return the OpenVINO core, one for the process: it holds the plugins and their thread pools."""
    prepare_vendor_libraries()
    import openvino

    return openvino.Core()
