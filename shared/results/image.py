"""From what was found in an image to the JSON of its frame."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from shared.results.coordinates import rounded
from shared.results.document import check_frame
from shared.results.types import Code, Detection, TextLine

TIMESTAMP_DIGITS = 1


class ImageResult(msgspec.Struct, frozen=True):
    """What the built-in pipelines find in an image, as it is stored.

    Attributes:
        detections: The objects; unset where none were looked for.
        text: The lines of text, joined by line ends; unset where no text was looked for.
        text_lines: The lines in reading order; unset where no text was looked for.
        codes: The codes, from top to bottom; unset where none were looked for.
    """

    detections: tuple[Detection, ...] | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    text_lines: tuple[TextLine, ...] | msgspec.UnsetType = msgspec.UNSET
    codes: tuple[Code, ...] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(
        cls,
        width: int,
        height: int,
        detections: Sequence[Detection] | None = None,
        text_lines: Sequence[TextLine] | None = None,
        codes: Sequence[Code] | None = None,
    ) -> "ImageResult":
        """Return what was found, clipped to the image and rounded.

        Args:
            width: Of the image, in pixels.
            height: Of the image, in pixels.
            detections: The objects in their order; None where none were looked for.
            text_lines: The text in reading order; None where no text was looked for.
            codes: The codes from top to bottom; None where none were looked for.

        Raises:
            ValueError: A value is outside what its type states.
        """
        objects = None if detections is None else tuple(found.within(width, height) for found in detections)
        lines = None if text_lines is None else tuple(line.within(width, height) for line in text_lines)
        return cls(
            detections=msgspec.UNSET if objects is None else objects,
            text=msgspec.UNSET if lines is None else "\n".join(line.text for line in lines),
            text_lines=msgspec.UNSET if lines is None else lines,
            codes=msgspec.UNSET if codes is None else tuple(code.within(width, height) for code in codes),
        )


_encode = msgspec.json.Encoder().encode


def encode_frame(frame_index: int, timestamp_ms: float, found: ImageResult | Mapping[str, Any]) -> bytes:
    """Return the JSON of one frame; the same bytes for the same values.

    Args:
        frame_index: The frame's place in display order, counted from 0.
        timestamp_ms: Its presentation time, in milliseconds.
        found: What was found in its image; a mapping comes from `plugin_result`.

    Raises:
        ValueError: The timestamp is not a finite number.
    """
    if not math.isfinite(timestamp_ms):
        raise ValueError("a coordinate or time is not a finite number")
    time = {"timestamp_ms": rounded(timestamp_ms, TIMESTAMP_DIGITS)}
    if isinstance(found, ImageResult):
        found_json, time_json = _encode(found), _encode(time)
        result = time_json if found_json == b"{}" else found_json[:-1] + b"," + time_json[1:]
    else:
        result = _json({**found, **time})
    return b'{"frame_index":%d,"result":%b}' % (frame_index, result)


def plugin_result(result: Any) -> dict[str, Any]:
    """Return a plugin's result for one image once it is sure that it can be stored.

    Raises:
        ValueError: It cannot; the message says why.
    """
    if not isinstance(result, dict):
        raise ValueError("is no dict")  # noqa: TRY004 (one kind of error for whatever is wrong)
    try:
        check_frame(b'{"frame_index":0,"result":%b}' % _json(result), 0)
        unfit = next((name for name in _names(result) if not isinstance(name, str)), None)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be stored: {error}") from error
    if unfit is not None:
        raise ValueError(f"has {unfit!r} as a name")
    return dict(result)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _names(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
