"""The catalogue of built-in pipelines."""

from dataclasses import dataclass

__all__ = ["BUILT_IN_PIPELINES", "PipelineInfo"]


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """One pipeline as clients see it.

    Attributes:
        pipeline_id: The name a client submits with.
        description: What the pipeline finds, in a sentence.
        finds_objects: Whether its results hold detections.
        reads_text: Whether its results hold text.
    """

    pipeline_id: str
    description: str
    finds_objects: bool
    reads_text: bool


BUILT_IN_PIPELINES: dict[str, PipelineInfo] = {
    info.pipeline_id: info
    for info in (
        PipelineInfo(
            "yolo_ocr",
            "Objects (YOLO detection) and text (PaddleOCR) in every frame.",
            finds_objects=True,
            reads_text=True,
        ),
        PipelineInfo("yolo", "Objects (YOLO detection) in every frame.", finds_objects=True, reads_text=False),
        PipelineInfo("ocr", "Text (PaddleOCR) in every frame.", finds_objects=False, reads_text=True),
    )
}
