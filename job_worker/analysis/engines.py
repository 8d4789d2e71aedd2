"""Which engine runs the models: chosen from the settings, the models' form and what this host has."""

# ruff: noqa: PLC0415 - an engine that is not chosen is not even imported

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from job_worker.detection.base import Detector
from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT, BUNDLED_NETWORK
from job_worker.errors import ModelLoadError
from job_worker.inference.openvino_models import Compute, Precision
from job_worker.ocr.base import TextReader
from job_worker.ocr.text_recogniser import LineShape
from job_worker.settings import WorkerSettings
from shared.pipelines.profiles import Profile

__all__ = ["PROFILES", "Engines", "ProfileNumbers", "load_detector", "load_text_reader"]

NVIDIA_DEVICE = Path("/dev/nvidiactl")
BATCH_IMAGE_SIZE = 640
"""The image size, in pixels, up to which a batch is as large as the settings say."""


@dataclass(frozen=True, slots=True)
class ProfileNumbers:
    """What a profile means for the OpenVINO engines.

    Attributes:
        precision: What models compute in.
        text_long_sides: The sizes at which text is looked for, in pixels, the largest first.
        line_shape: How lines are brought into the shape in which they are read.
    """

    precision: Precision
    text_long_sides: tuple[int, ...]
    line_shape: LineShape


PROFILES: Mapping[Profile, ProfileNumbers] = {
    Profile.exact: ProfileNumbers(Precision.f32, (4000,), LineShape(320)),
    Profile.balanced: ProfileNumbers(Precision.bf16, (960, 512), LineShape(160, width_step=32)),
    Profile.fast: ProfileNumbers(Precision.int8, (640,), LineShape(160, width_step=32, condensed=0.8)),
}


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of several pipelines. A network that several of them name is loaded once, whatever their limits.

    Attributes:
        load_detector: Loads the detector that settings name.
        load_text_reader: Loads the text reader that settings name.
    """

    load_detector: Callable[[WorkerSettings], Detector] = field(default_factory=lambda: load_detector)
    load_text_reader: Callable[[WorkerSettings], TextReader] = field(default_factory=lambda: load_text_reader)
    _detectors: dict[tuple[object, ...], Detector] = field(default_factory=dict)
    _text_readers: dict[tuple[object, ...], TextReader] = field(default_factory=dict)

    def detector(self, settings: WorkerSettings) -> Detector:
        """Returns the detector of one pipeline; see `WorkerSettings.of_pipeline`.

        Raises:
            ModelLoadError: It cannot be loaded.
        """
        network = settings.yolo_weights, settings.resolved_image_size, settings.profile
        if network not in self._detectors:
            self._detectors[network] = self.load_detector(settings)
        return self._detectors[network].with_limits(settings.resolved_confidence, settings.yolo_iou)

    def text_reader(self, settings: WorkerSettings) -> TextReader:
        """Returns the text reader of one pipeline; see `WorkerSettings.of_pipeline`.

        Raises:
            ModelLoadError: It cannot be loaded.
        """
        networks = settings.ocr_detection_model, settings.ocr_recognition_model, settings.profile
        if networks not in self._text_readers:
            self._text_readers[networks] = self.load_text_reader(settings)
        return self._text_readers[networks].with_confidence(settings.ocr_confidence)


def load_detector(settings: WorkerSettings) -> Detector:
    """Loads the object detector.

    Raises:
        ModelLoadError: It cannot be loaded.
    """
    if _detection_engine(settings) == "openvino":
        from job_worker.detection.openvino_detector import OpenVinoDetector
        from job_worker.detection.openvino_export import runnable_weights

        return OpenVinoDetector(
            runnable_weights(
                settings.yolo_weights or str(BUNDLED_NETWORK), settings.resolved_image_size, settings.cache_dir
            ),
            _compute(settings),
            confidence=settings.resolved_confidence,
            iou=settings.yolo_iou,
            image_size=settings.resolved_image_size,
        )
    _require("ultralytics", "--detection-engine openvino")
    from job_worker.detection.ultralytics_detector import UltralyticsDetector

    return UltralyticsDetector(
        settings.yolo_weights or str(BUNDLED_CHECKPOINT),
        device=settings.device,
        confidence=settings.resolved_confidence,
        iou=settings.yolo_iou,
        image_size=settings.resolved_image_size,
        threads=settings.resolved_threads,
        batch_size=_batch_size(settings) if _wants_detector_on_gpu(settings) else 1,
        cache_folder=settings.cache_dir,
    )


def load_text_reader(settings: WorkerSettings) -> TextReader:
    """Loads the text reader.

    Raises:
        ModelLoadError: It cannot be loaded.
    """
    if _text_engine(settings) == "openvino":
        if not _reads_with_bundled(settings):
            named = settings.ocr_detection_model or settings.ocr_recognition_model
            raise ModelLoadError(
                f"The text model {named} does not run on OpenVINO, which reads with the bundled models: choose "
                "--text-engine auto or paddleocr."
            )
        from job_worker.ocr.bundled_models import bundled_text_models
        from job_worker.ocr.openvino_text_reader import OpenVinoTextReader

        return OpenVinoTextReader(
            bundled_text_models(settings.cache_dir),
            _compute(settings),
            min_confidence=settings.ocr_confidence,
            long_sides=PROFILES[settings.profile].text_long_sides,
            line_shape=PROFILES[settings.profile].line_shape,
        )
    _require("paddleocr", "--text-engine openvino" if _reads_with_bundled(settings) else "the bundled text models")
    from job_worker.ocr.paddle_text_reader import PaddleTextReader

    return PaddleTextReader(
        settings.ocr_detection_model or None,
        settings.ocr_recognition_model or None,
        device=settings.device,
        min_confidence=settings.ocr_confidence,
        threads=settings.resolved_threads,
        cache_folder=settings.cache_dir,
    )


def _compute(settings: WorkerSettings) -> Compute:
    return Compute(PROFILES[settings.profile].precision, settings.resolved_threads)


def _detection_engine(settings: WorkerSettings) -> str:
    if settings.detection_engine != "auto":
        return settings.detection_engine
    from job_worker.detection.openvino_export import can_become_runnable

    fits = not settings.yolo_weights or can_become_runnable(settings.yolo_weights)
    return "openvino" if fits and not _wants_detector_on_gpu(settings) else "ultralytics"


def _wants_detector_on_gpu(settings: WorkerSettings) -> bool:
    from job_worker.detection.openvino_export import runs_on_openvino_alone

    if settings.device == "auto" and settings.yolo_weights and runs_on_openvino_alone(settings.yolo_weights):
        return False
    return _wants_gpu(settings, "torch")


def _batch_size(settings: WorkerSettings) -> int:
    """Returns how many pictures take no more memory than the batch of the settings at the image size 640."""
    share = min(1.0, (BATCH_IMAGE_SIZE / settings.resolved_image_size) ** 2)
    return max(1, int(settings.gpu_batch * share))


def _text_engine(settings: WorkerSettings) -> str:
    if settings.text_engine != "auto":
        return settings.text_engine
    return "openvino" if _reads_with_bundled(settings) and not _wants_gpu(settings, "paddleocr") else "paddleocr"


def _reads_with_bundled(settings: WorkerSettings) -> bool:
    return not settings.ocr_detection_model and not settings.ocr_recognition_model


def _wants_gpu(settings: WorkerSettings, library: str) -> bool:
    """Tells whether the models shall run on a GPU, which takes the other engine's library."""
    if settings.device != "auto":
        return settings.device != "cpu"
    if not NVIDIA_DEVICE.exists() or importlib.util.find_spec(library) is None:
        return False  # so that nothing heavy is imported to find that out
    return _torch_sees_gpu() if library == "torch" else _onnxruntime_sees_gpu()


def _require(library: str, instead: str) -> None:
    if importlib.util.find_spec(library) is None:
        raise ModelLoadError(
            f"{library} is not installed: install the full worker (the extra `worker`), or choose {instead}."
        )


def _torch_sees_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _onnxruntime_sees_gpu() -> bool:
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
