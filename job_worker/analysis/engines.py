"""Choose and load the engines that run the models, by the settings, the models' format and the host."""

# ruff: noqa: PLC0415 - an engine that is not chosen is not even imported

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cachetools import cached

from job_worker.codes.base import CodeReader
from job_worker.detection.base import Detector
from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT, BUNDLED_NETWORK
from job_worker.errors import ModelLoadError
from job_worker.inference.host import Host
from job_worker.ocr.base import TextReader
from job_worker.settings import WorkerSettings
from shared.pipelines.profiles import PROFILES

logger = logging.getLogger(__name__)

_Engine = TypeVar("_Engine", Detector, TextReader)

THIS_HOST = Host()

BATCH_BYTES_A_PIXEL = 1024
"""Memory of a GPU for a pixel of an image in a batch, with room for detectors far larger than the bundled one."""
BATCH_SHARE_OF_GPU = 0.5
"""The share of a GPU's memory that a batch may take; the card may be shared, and the network itself is there too."""


def load_detector(settings: WorkerSettings, host: Host = THIS_HOST) -> Detector:
    """Load the object detector.

    Raises:
        ModelLoadError: It cannot be loaded.
    """
    is_open = settings.detection_engine == settings.device == "auto" and _detects_on_gpu(settings, host)
    return _loaded("objects are found", _load_detector, settings, host, is_open=is_open)


def _loaded(
    what: str, load: Callable[[WorkerSettings, Host], _Engine], settings: WorkerSettings, host: Host, *, is_open: bool
) -> _Engine:
    """Load an engine; on the CPU where a GPU does not run it and `is_open`: no setting names that GPU or the engine."""
    try:
        return load(settings, host)
    except ModelLoadError as error:
        if not is_open:
            raise
        logger.warning("%s on the CPU, since the GPU does not run the networks", what, exc_info=error)
        return load(settings.model_copy(update={"device": "cpu"}), host)


def _load_detector(settings: WorkerSettings, host: Host) -> Detector:
    if (network := Path(settings.yolo_weights)).suffix == ".xml":
        raise ModelLoadError(
            f"The detector's weights {network} are one file of a model for OpenVINO: give its folder, {network.parent}."
        )
    _check_named_gpu(settings, host)
    image_size, engine = settings.resolved_image_size, detection_engine(settings, host)
    device = torch_device(settings, host) if engine == "ultralytics" and _detects_on_gpu(settings, host) else "cpu"
    logger.info("objects are found by %s on %s", engine, device)
    if engine == "openvino":
        from job_worker.detection.openvino_detector import OpenVinoDetector
        from job_worker.detection.openvino_export import runnable_weights

        given = settings.yolo_weights or str(BUNDLED_NETWORK)
        weights = runnable_weights(given, image_size.most, settings.cache_dir)
        precision = PROFILES[settings.profile].precision
        return OpenVinoDetector(weights, precision, settings.resolved_threads, image_size, given)
    _require(host, "ultralytics", "--detection-engine openvino")
    from job_worker.detection.ultralytics_detector import UltralyticsDetector

    return UltralyticsDetector(
        settings.yolo_weights or str(BUNDLED_CHECKPOINT),
        device="cpu" if device == "cpu" else settings.device,
        image_size=image_size,
        threads=settings.resolved_threads,
        batch_size=detection_batch_size(settings, host),
        cache_folder=settings.cache_dir,
    )


def _check_named_gpu(settings: WorkerSettings, host: Host) -> None:
    """Warn where weights that run on no GPU are to run on one that a setting names.

    Raises:
        ModelLoadError: This host does not have that GPU.
    """
    is_named = settings.device not in {"auto", "cpu"} and settings.detection_engine != "openvino"
    if not is_named or _detects_on_gpu(settings, host):
        return
    _require(host, "torch", "--device auto or cpu")
    host.gpu_memory_bytes(torch_device(settings, host))
    logger.warning("objects are found on the CPU and not on %s, which does not run these weights", settings.device)


def load_text_reader(settings: WorkerSettings, host: Host = THIS_HOST) -> TextReader:
    """Load the text reader.

    Raises:
        ModelLoadError: It cannot be loaded.
    """
    is_open = settings.text_engine == settings.device == "auto" and text_engine(settings, host) == "torch"
    return _loaded("text is read", _load_text_reader, settings, host, is_open=is_open)


def _load_text_reader(settings: WorkerSettings, host: Host) -> TextReader:
    engine = text_engine(settings, host)
    device = torch_device(settings, host) if engine == "torch" else "cpu" if engine == "openvino" else settings.device
    logger.info("text is read by %s on %s", engine, device)
    if engine != "paddleocr":
        if not _uses_bundled_text_models(settings):
            named = settings.ocr_detection_model or settings.ocr_recognition_model
            raise ModelLoadError(
                f"The text model {named} does not run on {engine}, which reads with the bundled models: choose "
                "--text-engine auto or paddleocr."
            )
        return _load_bundled_models(settings, host, engine, device)
    instead = "--text-engine openvino" if _uses_bundled_text_models(settings) else "the bundled text models"
    _require(host, "paddleocr", instead)
    from job_worker.ocr.paddle_text_reader import PaddleTextReader

    return PaddleTextReader(
        settings.ocr_detection_model or None,
        settings.ocr_recognition_model or None,
        device=settings.device,
        threads=settings.resolved_threads,
        cache_folder=settings.cache_dir,
    )


def _load_bundled_models(settings: WorkerSettings, host: Host, engine: str, device: str) -> TextReader:
    from job_worker.ocr.bundled_models import bundled_text_models

    models, numbers, threads = (
        bundled_text_models(settings.cache_dir),
        PROFILES[settings.profile],
        settings.resolved_threads,
    )
    if engine == "openvino":
        from job_worker.ocr.openvino_text_reader import OpenVinoTextReader

        return OpenVinoTextReader(models, numbers, threads)
    _require(host, "torch", "--text-engine openvino")
    from job_worker.ocr.torch_text_reader import ONE_AT_A_TIME, BatchSizes, TorchTextReader

    return TorchTextReader(models, numbers, threads, device, ONE_AT_A_TIME if device == "cpu" else BatchSizes())


def load_code_reader(settings: WorkerSettings) -> CodeReader:
    """Load the code reader."""
    from job_worker.codes.zxing_code_reader import ZxingCodeReader

    return ZxingCodeReader(settings.resolved_threads)


def detection_engine(settings: WorkerSettings, host: Host = THIS_HOST) -> str:
    """Return the engine that runs the detector: `openvino` or `ultralytics`."""
    if settings.detection_engine != "auto":
        return settings.detection_engine
    from job_worker.detection.openvino_export import can_become_runnable

    fits = not settings.yolo_weights or can_become_runnable(settings.yolo_weights)
    return "openvino" if fits and not _detects_on_gpu(settings, host) else "ultralytics"


def detection_batch_size(settings: WorkerSettings, host: Host = THIS_HOST) -> int:
    """Return how many images the detector takes at once: 1 on a CPU.

    On a GPU it is as many as the settings say, or fewer where its memory is too small for them. The size of its memory
    counts, and not what is free: cards of one kind get the same batches, and so give the same results.

    Raises:
        ModelLoadError: The settings name a GPU that this host does not have.
    """
    if not _detects_on_gpu(settings, host):
        return 1
    bytes_an_image = settings.resolved_image_size.most**2 * BATCH_BYTES_A_PIXEL
    fitting = int(host.gpu_memory_bytes(torch_device(settings, host)) * BATCH_SHARE_OF_GPU / bytes_an_image)
    return max(1, min(settings.gpu_batch, fitting))


def text_engine(settings: WorkerSettings, host: Host = THIS_HOST) -> str:
    """Return the engine that reads text: `openvino`, `torch` or `paddleocr`."""
    if settings.text_engine != "auto":
        return settings.text_engine
    if not _uses_bundled_text_models(settings):
        return "paddleocr"
    return "openvino" if torch_device(settings, host) == "cpu" else "torch"


def torch_device(settings: WorkerSettings, host: Host = THIS_HOST) -> str:
    """Return the device by its name in torch: `cpu`, `cuda:0` and so on."""
    if settings.device == "auto":
        return "cuda:0" if host.has_gpu_for_torch() else "cpu"
    return settings.device


def _detects_on_gpu(settings: WorkerSettings, host: Host) -> bool:
    if settings.device == "cpu" or (settings.device == "auto" and not host.has_gpu_for_torch()):
        return False
    return _run_on_gpu(settings.yolo_weights, settings, host)


def _run_on_gpu(weights: str, settings: WorkerSettings, host: Host) -> bool:
    """Return whether the runtime of these weights can use a GPU, judged by their file format."""
    from job_worker.detection.openvino_export import is_onnx, runs_on_openvino_alone

    if is_onnx(weights):
        return host.has_cuda_for_onnxruntime(settings.cache_dir)
    return not (weights and runs_on_openvino_alone(weights))  # none are the bundled ones


def _uses_bundled_text_models(settings: WorkerSettings) -> bool:
    return not settings.ocr_detection_model and not settings.ocr_recognition_model


class Engines:
    """The engines of several pipelines. Pipelines with the same models share one engine, whatever their limits.

    Args:
        load_detector: Loads the detector that settings name.
        load_text_reader: Loads the text reader that settings name.
        load_code_reader: Loads the code reader.

    Attributes:
        detector: Returns the detector of one pipeline by its settings, as `WorkerSettings.of_pipeline` returns them.
        text_reader: Returns the text reader of one pipeline likewise.
        code_reader: Returns the code reader.
    """

    def __init__(
        self,
        load_detector: Callable[[WorkerSettings], Detector] = load_detector,
        load_text_reader: Callable[[WorkerSettings], TextReader] = load_text_reader,
        load_code_reader: Callable[[WorkerSettings], CodeReader] = load_code_reader,
    ) -> None:
        self.detector = cached({}, lambda of: (of.yolo_weights, of.resolved_image_size, of.profile))(load_detector)
        text_models = cached({}, lambda of: (of.ocr_detection_model, of.ocr_recognition_model, of.profile))
        self.text_reader = text_models(load_text_reader)
        self.code_reader = cached({}, lambda _: ())(load_code_reader)


def _require(host: Host, library: str, instead: str) -> None:
    if not host.has_library(library):
        raise ModelLoadError(
            f"{library} is not installed: install the full worker (the extra `worker`), or choose {instead}."
        )
