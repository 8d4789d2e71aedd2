"""Chooses and loads the engines that run the models, by the settings, the models' format and the host."""

# ruff: noqa: PLC0415 - an engine that is not chosen is not even imported

from collections.abc import Callable
from dataclasses import dataclass, field

from job_worker.detection.base import Detector
from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT, BUNDLED_NETWORK
from job_worker.errors import ModelLoadError
from job_worker.inference.host import Host
from job_worker.inference.openvino_models import InferenceConfig, Precision
from job_worker.ocr.base import TextReader
from job_worker.ocr.text_recogniser import LineResize
from job_worker.settings import WorkerSettings
from shared.pipelines.profiles import PROFILES, Profile

__all__ = [
    "Engines",
    "detection_batch_size",
    "detection_engine",
    "line_resize",
    "load_detector",
    "load_text_reader",
    "text_engine",
]

THIS_HOST = Host()

FULL_BATCH_IMAGE_SIZE = 640
"""The largest image size, in pixels, at which a batch is as large as the settings say."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of several pipelines. Pipelines with the same models share one engine, whatever their limits.

    Attributes:
        load_detector: Loads the detector that settings name.
        load_text_reader: Loads the text reader that settings name.
    """

    load_detector: Callable[[WorkerSettings], Detector] = field(default_factory=lambda: load_detector)
    load_text_reader: Callable[[WorkerSettings], TextReader] = field(default_factory=lambda: load_text_reader)
    _detectors: dict[tuple[object, ...], Detector] = field(default_factory=dict)
    _text_readers: dict[tuple[object, ...], TextReader] = field(default_factory=dict)

    def detector(self, settings: WorkerSettings) -> Detector:
        """Return the detector of one pipeline, loaded at the first request for its model.

        Args:
            settings: The pipeline's, as `WorkerSettings.of_pipeline` returns them.

        Raises:
            ModelLoadError: It cannot be loaded.
        """
        key = settings.yolo_weights, settings.resolved_image_size, settings.profile
        if key not in self._detectors:
            self._detectors[key] = self.load_detector(settings)
        return self._detectors[key]

    def text_reader(self, settings: WorkerSettings) -> TextReader:
        """Return the text reader of one pipeline, loaded at the first request for its models.

        Args:
            settings: The pipeline's, as `WorkerSettings.of_pipeline` returns them.

        Raises:
            ModelLoadError: It cannot be loaded.
        """
        key = settings.ocr_detection_model, settings.ocr_recognition_model, settings.profile
        if key not in self._text_readers:
            self._text_readers[key] = self.load_text_reader(settings)
        return self._text_readers[key]


def load_detector(settings: WorkerSettings, host: Host = THIS_HOST) -> Detector:
    """Load the object detector.

    Raises:
        ModelLoadError: It cannot be loaded.
    """
    image_size = settings.resolved_image_size
    if detection_engine(settings, host) == "openvino":
        from job_worker.detection.openvino_detector import OpenVinoDetector
        from job_worker.detection.openvino_export import runnable_weights

        weights = runnable_weights(settings.yolo_weights or str(BUNDLED_NETWORK), image_size, settings.cache_dir)
        return OpenVinoDetector(weights, _inference_config(settings), image_size=image_size)
    _require(host, "ultralytics", "--detection-engine openvino")
    from job_worker.detection.ultralytics_detector import UltralyticsDetector

    return UltralyticsDetector(
        settings.yolo_weights or str(BUNDLED_CHECKPOINT),
        device=settings.device,
        image_size=image_size,
        threads=settings.resolved_threads,
        batch_size=detection_batch_size(settings, host),
        cache_folder=settings.cache_dir,
    )


def load_text_reader(settings: WorkerSettings, host: Host = THIS_HOST) -> TextReader:
    """Load the text reader.

    Raises:
        ModelLoadError: It cannot be loaded.
    """
    if text_engine(settings, host) == "openvino":
        if not _uses_bundled_text_models(settings):
            named = settings.ocr_detection_model or settings.ocr_recognition_model
            raise ModelLoadError(
                f"The text model {named} does not run on OpenVINO, which reads with the bundled models: choose "
                "--text-engine auto or paddleocr."
            )
        from job_worker.ocr.bundled_models import bundled_text_models
        from job_worker.ocr.openvino_text_reader import OpenVinoTextReader

        return OpenVinoTextReader(
            bundled_text_models(settings.cache_dir),
            _inference_config(settings),
            long_sides=PROFILES[settings.profile].text_long_sides,
            line_resize=line_resize(settings.profile),
        )
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


def detection_engine(settings: WorkerSettings, host: Host = THIS_HOST) -> str:
    """Return the engine that runs the detector: `openvino` or `ultralytics`."""
    if settings.detection_engine != "auto":
        return settings.detection_engine
    from job_worker.detection.openvino_export import can_become_runnable

    fits = not settings.yolo_weights or can_become_runnable(settings.yolo_weights)
    return "openvino" if fits and not _detects_on_gpu(settings, host) else "ultralytics"


def detection_batch_size(settings: WorkerSettings, host: Host = THIS_HOST) -> int:
    """Return how many images the detector takes at once: 1 on a CPU.

    On a GPU it is as many as take no more memory than the batch of the settings at an image size of 640.
    """
    if not _detects_on_gpu(settings, host):
        return 1
    share = min(1.0, (FULL_BATCH_IMAGE_SIZE / settings.resolved_image_size) ** 2)
    return max(1, int(settings.gpu_batch * share))


def text_engine(settings: WorkerSettings, host: Host = THIS_HOST) -> str:
    """Return the engine that reads text: `openvino` or `paddleocr`."""
    if settings.text_engine != "auto":
        return settings.text_engine
    if not _uses_bundled_text_models(settings):
        return "paddleocr"
    on_gpu = host.has_gpu_for_paddleocr() if settings.device == "auto" else settings.device != "cpu"
    return "paddleocr" if on_gpu else "openvino"


def _detects_on_gpu(settings: WorkerSettings, host: Host) -> bool:
    from job_worker.detection.openvino_export import runs_on_openvino_alone

    if settings.device != "auto":
        return settings.device != "cpu"
    if settings.yolo_weights and runs_on_openvino_alone(settings.yolo_weights):
        return False
    return host.has_gpu_for_torch()


def _uses_bundled_text_models(settings: WorkerSettings) -> bool:
    return not settings.ocr_detection_model and not settings.ocr_recognition_model


def _inference_config(settings: WorkerSettings) -> InferenceConfig:
    return InferenceConfig(Precision(PROFILES[settings.profile].precision), settings.resolved_threads)


def line_resize(profile: Profile) -> LineResize:
    """Return how a profile resizes lines of text for the recognition network."""
    numbers = PROFILES[profile]
    return LineResize(numbers.min_line_width, numbers.line_width_step, numbers.line_width_scale)


def _require(host: Host, library: str, instead: str) -> None:
    if not host.has_library(library):
        raise ModelLoadError(
            f"{library} is not installed: install the full worker (the extra `worker`), or choose {instead}."
        )
