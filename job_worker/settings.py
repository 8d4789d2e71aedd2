"""Settings of a worker."""

import os
import re
import secrets
import socket
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)
from pydantic_settings import NoDecode

from job_worker.detection.base import DEFAULT_CONFIDENCE, DEFAULT_IOU
from job_worker.detection.bundled_detector import BUNDLED_CONFIDENCE, bundled_image_size
from job_worker.detection.image_size import DEFAULT_IMAGE_SIZE, ImageSize
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE
from shared.contract.endpoint import DEFAULT_ADDRESS, checked_ca_file
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.pipelines.profiles import Profile
from shared.pipelines.settings import PipelineNames, PipelineSettings
from shared.process.cores import usable_cores
from shared.process.settings import GIB, MIB, Address, ExistingFolder, NonEmptyPath, Seconds, SecondsOrZero
from shared.video.image import MAX_FRAME_PIXELS


def _split_paths(value: object) -> object:
    """Return the parts of `/a:/b`, or of a list of such, as the command line gives it."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return tuple(path for part in parts for path in str(part).split(os.pathsep) if path)


Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)]

CaFile = Annotated[FilePath, AfterValidator(checked_ca_file)]


def _device_by_name(device: str) -> str:
    """Return a device by its name in torch; a GPU may be given by its number alone.

    Raises:
        ValueError: It is not one that the engines run on.
    """
    name = f"cuda:{device}" if re.fullmatch("[0-9]+", device) else device
    if not re.fullmatch("auto|cpu|cuda(:[0-9]+)?", name):
        raise ValueError("must be auto, cpu, or an NVIDIA GPU such as cuda:0")
    return name


Device = Annotated[str, AfterValidator(_device_by_name)]


def _own_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class WorkerSettings(PipelineSettings):
    """Settings of `foregsyte-worker`."""

    table: ClassVar[str] = "worker"

    address: Address = Field(DEFAULT_ADDRESS, description="The API server's WorkerService, host:port.")
    tls_ca_file: CaFile | None = Field(None, description="Certificates to trust (PEM): connect with TLS.")
    worker_id: str = Field(
        default_factory=_own_id, max_length=256, min_length=1, description="Name of this worker; must be unique."
    )
    work_dir: ExistingFolder | None = Field(
        None, description="Folder for the current video; default: the system's temporary one."
    )
    cache_dir: NonEmptyPath | None = Field(None, description="Folder for prepared models; default: the user's cache.")

    isolation: Literal["on", "off"] = Field(
        "on", description="Whether the process that decodes videos has no network and few files (Linux)."
    )
    readable_paths: Paths = Field(
        (), description="What plugins read that is not found otherwise: files and folders, as /a:/b."
    )

    pipelines: PipelineNames = Field(
        tuple(BUILT_IN_PIPELINES),
        description="The pipelines to load, as a,b; default: these, the plugins and those of the settings file.",
    )
    profile: Profile = Field(
        Profile.balanced, description="What is given up for speed: exact (nothing), balanced, fast (small text)."
    )
    detection_engine: Literal["auto", "openvino", "ultralytics"] = Field(
        "auto", description="What runs the detector; auto: OpenVINO on a CPU, Ultralytics on a GPU."
    )
    text_engine: Literal["auto", "openvino", "torch", "paddleocr"] = Field(
        "auto", description="What reads text; auto: OpenVINO on a CPU, torch on a GPU, PaddleOCR for other models."
    )
    device: Device = Field("auto", description="Where models run: auto (a GPU if there is one), cpu, cuda:0.")
    gpu_batch: PositiveInt = Field(
        16, description="Images in one batch of the detector on a GPU; fewer where its memory is too small for them."
    )
    threads: NonNegativeInt = Field(0, description="Threads of every library; 0 takes all cores.")
    yolo_weights: str = Field(
        "", description="Detector: a detection model that Ultralytics loads, file or folder; default: the bundled one."
    )
    yolo_confidence: float | None = Field(
        None, ge=0, le=1, description="Least confidence of a detection; default: 0.25, with the bundled detector 0.5."
    )
    yolo_iou: float = Field(DEFAULT_IOU, ge=0, le=1, description="Overlap above which two boxes are one object.")
    yolo_image_size: PositiveInt | None = Field(
        None,
        description="Side that frames are fitted into for detection, in pixels; default: 640; bundled detector: a "
        "quarter more than the frame's longer side, from 768 to 960 (fast: 768).",
    )
    ocr_detection_model: str = Field("", description="Text detection: a PaddleOCR model's folder or name.")
    ocr_recognition_model: str = Field("", description="Text recognition: a PaddleOCR model's folder or name.")
    ocr_confidence: float = Field(DEFAULT_MIN_CONFIDENCE, ge=0, le=1, description="Least confidence of a line of text.")

    max_frame_pixels: PositiveInt = Field(MAX_FRAME_PIXELS, description="Largest frame, width times height.")
    max_memory_bytes: int | None = Field(
        None,
        gt=0,
        description="Most memory of a job's process, above which the job fails; default: 4 GiB, and 2 for each thread.",
    )
    max_frame_seconds: Seconds = Field(300.0, description="Longest time for one frame, after which its job fails.")
    max_job_seconds: Seconds = Field(
        604_800.0, description="Longest time for one job, after which it fails; default: a week."
    )
    chunk_bytes: PositiveInt = Field(4 * MIB, description="Size of the chunks in which a video is fetched.")
    wait_seconds: Seconds = Field(20.0, description="How long one request for a job waits at the server.")
    drain_seconds: SecondsOrZero = Field(
        30.0, description="How long the current job may take after a stop before it is released."
    )

    @model_validator(mode="after")
    def _uses_its_device(self) -> Self:
        if self.device not in ("auto", "cpu") and self.detection_engine == self.text_engine == "openvino":
            raise ValueError(
                f"--device {self.device} is used by no engine: --detection-engine and --text-engine are openvino, "
                "which runs on the CPU"
            )
        return self

    def of_pipeline(self, pipeline: str) -> Self:
        """Return the settings of one pipeline: what its table leaves out is the worker's own."""
        definition = self.catalogue.get(pipeline)
        own = {
            "profile": definition.profile,
            "yolo_weights": definition.weights,
            "yolo_confidence": definition.confidence,
            "yolo_iou": definition.iou,
            "yolo_image_size": definition.image_size,
            "ocr_detection_model": definition.ocr_detection_model,
            "ocr_recognition_model": definition.recognition_model,
            "ocr_confidence": definition.ocr_confidence,
        }
        return self.model_copy(update={name: value for name, value in own.items() if value is not None})

    @property
    def resolved_confidence(self) -> float:
        """Least confidence of a detection, 0 to 1: the setting, or what suits the detector."""
        if self.yolo_confidence is not None:
            return self.yolo_confidence
        return DEFAULT_CONFIDENCE if self.yolo_weights else BUNDLED_CONFIDENCE

    @property
    def resolved_image_size(self) -> ImageSize:
        """Side that frames are fitted into for detection: the setting, or what suits the detector and the profile."""
        if self.yolo_image_size is not None:
            return ImageSize.fixed(self.yolo_image_size)
        if self.yolo_weights:
            return DEFAULT_IMAGE_SIZE
        return bundled_image_size(self.profile)

    @property
    def resolved_threads(self) -> int:
        """Threads of every library, at least 1."""
        return self.threads or usable_cores()

    @property
    def resolved_max_memory_bytes(self) -> int:
        """The most memory of a job's process: the setting, or what its threads need for frames of 4K."""
        return self.max_memory_bytes or (4 + 2 * self.resolved_threads) * GIB
