"""What of a frame's result has the form in which the built-in pipelines give it.

A pipeline from elsewhere may put anything into `result`, under the same names too. What has the documented form is
exported, drawn and counted; the rest is left to who reads the JSON.
"""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["detections_of", "text_lines_of", "timestamp_of"]

_CORNERS = 4


def detections_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the detections: each with a label, a confidence and a box of four numbers, and mostly a class number."""
    return _entries(result.get("detections"), _is_detection)


def text_lines_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the lines of text: each with its text, a confidence and a polygon of four points."""
    return _entries(result.get("text_lines"), _is_text_line)


def timestamp_of(result: Mapping[str, Any]) -> float | None:
    """Returns when the frame is shown, in milliseconds, where the result says so."""
    stated: Any = result.get("timestamp_ms")
    return float(stated) if _is_number(stated) else None


def _entries(found: Any, is_one: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    if not isinstance(found, list):
        return []
    return [entry for entry in found if isinstance(entry, dict) and is_one(entry)]


def _is_detection(entry: Mapping[str, Any]) -> bool:
    return (
        isinstance(entry.get("label"), str)
        and isinstance(entry.get("class_id", 0), int)
        and _is_number(entry.get("confidence"))
        and _are_numbers(entry.get("box"), _CORNERS)
    )


def _is_text_line(entry: Mapping[str, Any]) -> bool:
    polygon = entry.get("polygon")
    return (
        isinstance(entry.get("text"), str)
        and _is_number(entry.get("confidence"))
        and isinstance(polygon, list | tuple)
        and len(polygon) == _CORNERS
        and all(_are_numbers(point, 2) for point in polygon)
    )


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list | tuple) and len(values) == count and all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
