"""Set the precision and the threads of the runtimes under Ultralytics, which has no settings for them."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from functools import partial
from pathlib import Path
from typing import Any

from job_worker.inference.openvino_models import cpu_properties, openvino_core
from shared.pipelines.profiles import Precision


def pin_backend(model: Any, path: Path, threads: int) -> None:
    """Make a model's runtime compute in 32-bit floats with a number of threads, if it is OpenVINO or ONNX Runtime.

    Args:
        model: The `AutoBackend` of a predictor of Ultralytics.
        path: The model's file or folder.
        threads: CPU threads for one image.
    """
    if model.format == "openvino":
        _pin_openvino(model.backend, path, threads)
    elif model.format == "onnx" and model.backend.device.type == "cpu":
        _pin_onnxruntime(model.backend, path, threads)


def _pin_openvino(backend: Any, path: Path, threads: int) -> None:
    # Ultralytics leaves the precision to OpenVINO, which takes bf16 on CPUs that have it. It compiles, and compiles
    # again for other input sizes, through this one attribute of its backend.
    core = openvino_core()
    config = cpu_properties(Precision.f32, threads) | {"PERFORMANCE_HINT": "LATENCY"}
    backend.compile_model = partial(core.compile_model, device_name="CPU", config=config)
    backend.ov_compiled_model = backend.compile_model(core.read_model(next(path.glob("*.xml"), path)))


def _pin_onnxruntime(backend: Any, path: Path, threads: int) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    backend.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
