"""Build the pipelines that a worker runs."""

from job_worker.analysis.engines import Engines
from job_worker.analysis.frame_analysis import frame_analysis
from job_worker.analysis.pipeline import AnyPipeline
from job_worker.analysis.plugin_pipeline import plugin_pipeline
from job_worker.detection.base import Detector
from job_worker.detection.chosen_classes import ChosenClasses
from job_worker.errors import ModelLoadError
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import PipelineDefinition

__all__ = ["build_pipelines"]


def build_pipelines(settings: WorkerSettings, engines: Engines | None = None) -> dict[str, AnyPipeline]:
    """Build the pipelines that the settings name; equal models are loaded once and shared.

    Args:
        settings: Which pipelines, and what the settings file says of each.
        engines: What loads the models; None for the real ones.

    Returns:
        The pipelines by the ids that clients submit with.

    Raises:
        ModelLoadError: A model cannot be loaded, or lacks a class that is asked for, or a plugin cannot be used; the
            message names the pipeline if the settings file does.
    """
    engines = engines or Engines()
    return {name: _built(settings, name, engines) for name in settings.pipelines}


def _built(settings: WorkerSettings, name: str, engines: Engines) -> AnyPipeline:
    definition, own = settings.catalogue.get(name), settings.of_pipeline(name)
    built_in = definition.built_in
    if built_in is None:
        return plugin_pipeline(name, definition.kind, definition.options)
    try:
        return frame_analysis(
            detector=_detector(own, definition, engines) if built_in.finds_objects else None,
            text_reader=engines.text_reader(own) if built_in.reads_text else None,
        )
    except ModelLoadError as error:
        of_file = name != definition.kind
        raise ModelLoadError(f"pipeline {name!r}: {error}" if of_file else str(error)) from error


def _detector(own: WorkerSettings, definition: PipelineDefinition, engines: Engines) -> Detector:
    detector = engines.detector(own)
    if not definition.classes:
        return detector
    try:
        return ChosenClasses(detector, definition.classes)
    except ValueError as error:
        weights = f"The detector's weights {own.yolo_weights} have" if own.yolo_weights else "The bundled detector has"
        raise ModelLoadError(f"{weights} {error}.") from error
