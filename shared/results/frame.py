"""A frame's result as its readers get it.

A plugin may put anything into `result`, under the names of the built-in pipelines too. What has the documented form is
typed here; everything stays in `fields` as it was stored.
"""

from typing import Any, TypeVar

import msgspec

from shared.results.document import InvalidDocument
from shared.results.types import Code, Detection, TextLine

T = TypeVar("T")

BUILT_IN_FIELDS = frozenset({"detections", "text", "text_lines", "codes", "timestamp_ms"})

_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class FrameResult(msgspec.Struct, frozen=True):
    """What was found in one frame.

    Attributes:
        frame_index: The frame's place in display order, counted from 0.
        timestamp_ms: Its presentation time in milliseconds; None where the result states none.
        detections: The objects; empty where there are none or none were looked for.
        text_lines: The lines of text in reading order; empty likewise.
        fields: All of the result by name, as the JSON that was stored, undecoded.
        codes: The codes, from top to bottom; empty where there are none or none were looked for.
    """

    frame_index: int
    timestamp_ms: float | None
    detections: tuple[Detection, ...]
    text_lines: tuple[TextLine, ...]
    fields: dict[str, msgspec.Raw]
    codes: tuple[Code, ...] = ()

    @property
    def custom_fields(self) -> dict[str, msgspec.Raw]:
        """What a plugin added: the fields that no built-in pipeline has."""
        return {name: value for name, value in self.fields.items() if name not in BUILT_IN_FIELDS}

    @property
    def text(self) -> str:
        """The lines of text, joined by line ends; where there are none, the `text` that a plugin gave."""
        if self.text_lines:
            return "\n".join(line.text for line in self.text_lines)
        return _value_of(self.fields.get("text", _NULL), str) or ""

    def to_dict(self) -> dict[str, Any]:
        """Return `{"frame_index": int, "result": {...}}` with everything that was stored."""
        return {"frame_index": self.frame_index, "result": {k: msgspec.json.decode(v) for k, v in self.fields.items()}}

    def to_json(self) -> str:
        """Return the same as JSON on one line, without blanks, with numbers and strings as they were stored."""
        encoded = msgspec.json.encode({"frame_index": self.frame_index, "result": self.fields})
        return msgspec.json.format(encoded, indent=-1).decode()


class _EncodedFrame(msgspec.Struct):
    frame_index: int
    result: dict[str, msgspec.Raw]


_decode_frame = msgspec.json.Decoder(_EncodedFrame).decode
_NULL = msgspec.Raw(b"null")


def read_frame(encoded: bytes, index: int) -> FrameResult:
    """Return an encoded frame.

    Raises:
        InvalidDocument: It is no frame, or not the one at this place.
    """
    try:
        frame = _decode_frame(encoded)
    except _DECODE_ERRORS as error:
        raise InvalidDocument(f"results[{index}]: {error}") from error
    if frame.frame_index != index:
        raise InvalidDocument(f"results[{index}] has frame_index {frame.frame_index}")
    fields = frame.result
    return FrameResult(
        frame_index=index,
        timestamp_ms=_value_of(fields.get("timestamp_ms", _NULL), float),
        detections=_entries(fields.get("detections", _NULL), Detection),
        text_lines=_entries(fields.get("text_lines", _NULL), TextLine),
        fields=fields,
        codes=_entries(fields.get("codes", _NULL), Code),
    )


def _entries(raw: msgspec.Raw, kind: type[T]) -> tuple[T, ...]:
    """Return the entries of a list that have the documented form."""
    if (entries := _value_of(raw, tuple[kind, ...])) is not None:  # type: ignore[valid-type]
        return entries
    each = (_value_of(entry, kind) for entry in _value_of(raw, list[msgspec.Raw]) or ())
    return tuple(entry for entry in each if entry is not None)


def _value_of(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except _DECODE_ERRORS:
        return None
