"""Build the pipelines that the settings name."""

from job_worker.analysis.engines import Engines
from job_worker.analysis.frame_analysis import FrameAnalysis
from job_worker.analysis.pipeline import Pipeline
from job_worker.analysis.plugin_pipeline import plugin_pipeline
from job_worker.detection.base import DetectionLimits, Detector
from job_worker.errors import ModelLoadError
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import BuiltInPipeline, PipelineDefinition
from shared.process.extras import LibraryMissing, import_errors_translated


def build_pipelines(settings: WorkerSettings, engines: Engines | None = None) -> dict[str, Pipeline]:
    """Build the pipelines that the settings name; pipelines with the same models share them.

    Args:
        settings: The names of the pipelines and the tables of the settings file.
        engines: Loads the models; None for the real ones.

    Returns:
        The pipelines by the ids that clients submit with.

    Raises:
        ModelLoadError: A model cannot be loaded or lacks a configured class, a library of its engine is missing, or a
            plugin cannot be used. The message names the pipeline if the settings file does.
    """
    engines = engines or Engines()
    return {name: _build(settings, name, engines) for name in settings.pipelines}


def _build(settings: WorkerSettings, name: str, engines: Engines) -> Pipeline:
    definition = settings.catalogue.get(name)
    if definition.built_in is None:
        return plugin_pipeline(name, definition.kind, definition.options)
    try:
        with import_errors_translated("worker-light"):  # an engine imports its libraries when it is loaded
            return _frame_analysis(definition.built_in, definition, settings.of_pipeline(name), engines)
    except (ModelLoadError, LibraryMissing) as error:
        of_file = name != definition.kind
        raise ModelLoadError(f"pipeline {name!r}: {error}" if of_file else str(error)) from error


def _frame_analysis(
    built_in: BuiltInPipeline, definition: PipelineDefinition, settings: WorkerSettings, engines: Engines
) -> FrameAnalysis:
    classes = frozenset(definition.classes)
    detector = engines.detector(settings) if built_in.finds_objects else None
    if detector:
        _require_classes(detector, classes, settings.yolo_weights)
    return FrameAnalysis(
        detector,
        engines.text_reader(settings) if built_in.reads_text else None,
        DetectionLimits(settings.resolved_confidence, settings.yolo_iou, classes),
        settings.ocr_confidence,
        engines.code_reader(settings) if definition.reads_codes else None,
    )


def _require_classes(detector: Detector, classes: frozenset[str], weights: str) -> None:
    if unknown := sorted(classes - set(detector.labels)):
        owner = f"The detector's weights {weights} have" if weights else "The bundled detector has"
        raise ModelLoadError(
            f"{owner} no class {', '.join(map(repr, unknown))}; the classes are {', '.join(detector.labels)}."
        )
