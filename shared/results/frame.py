"""The JSON of one frame, `{"frame_index": 0, "result": {...}}`: how it is written, checked and read.

A plugin may put anything into `result`, under the names of the built-in pipelines too. What has the documented form is
typed in `FrameResult`; everything stays in `fields` as it was stored.

Whatever is accepted can be answered in both formats: numbers fit a double, and the nesting fits a
`google.protobuf.Struct`, of which protobuf reads 100 levels of messages, three to an object of JSON.
"""

import gc
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from shared.results.coordinates import rounded
from shared.results.types import Code, Detection, ImageResult, TextLine

T = TypeVar("T")

MAX_NESTING = 10
"""How deep objects and lists may be nested, `result` being the first: twice what the built-in pipelines use."""

MAX_FRAME_BYTES = 1 << 20
"""The largest frame: thirty times what the built-in pipelines give, and still checked in one short step."""

MAX_FRAME_LISTS = 100_000
"""The most lists and objects in a frame, by their brackets: each takes longer than what else a megabyte may hold."""

TIMESTAMP_DIGITS = 1
BUILT_IN_FIELDS = frozenset({*ImageResult.__struct_fields__, "timestamp_ms"})

_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL = msgspec.Raw(b"null")


class InvalidDocument(ValueError):
    """The bytes are not a results document; the message says where and why."""


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
        return msgspec.json.format(_frame_json(self.frame_index, _encode(self.fields)), indent=-1).decode()


class _Frame(msgspec.Struct, Generic[T], forbid_unknown_fields=True):
    frame_index: int
    result: dict[str, T]


def _json_value(levels: int) -> Any:
    """Return the type of a JSON value with at most so many levels of objects and lists; numbers are doubles."""
    if levels == 0:
        return float | str | bool | None
    inner = _json_value(levels - 1)
    return float | str | bool | list[inner] | dict[str, inner] | None  # type: ignore[valid-type]


def _refused_by(kind: Any) -> str:
    """Return what the error of a list says, where this type is expected."""
    try:
        msgspec.json.decode(b"[]", type=kind)
    except msgspec.ValidationError as error:
        return str(error).removesuffix("got `array`")
    raise TypeError(f"{kind} takes lists")


if TYPE_CHECKING:
    _Value = Any
else:
    _Value = _json_value(MAX_NESTING - 1)

_TOO_DEEP = _refused_by(_json_value(0))
"""What the error begins with where a list or object stands one level too deep, and nowhere else."""

_encode = msgspec.json.Encoder().encode
_decode_values = msgspec.json.Decoder(_Frame[_Value]).decode
_decode_raw = msgspec.json.Decoder(_Frame[msgspec.Raw]).decode


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
    return _frame_json(frame_index, result)


def decode_frame(encoded: bytes, index: int) -> FrameResult:
    """Return an encoded frame, typed where it has the documented form.

    Raises:
        InvalidDocument: It is no frame, or not the one at this place.
    """
    fields = _result_of(_decode_raw, encoded, index)
    return FrameResult(
        frame_index=index,
        timestamp_ms=_value_of(fields.get("timestamp_ms", _NULL), float),
        detections=_entries(fields.get("detections", _NULL), Detection),
        text_lines=_entries(fields.get("text_lines", _NULL), TextLine),
        fields=fields,
        codes=_entries(fields.get("codes", _NULL), Code),
    )


def decode_values(encoded: bytes, index: int) -> dict[str, Any]:
    """Return the `result` of an encoded frame, decoded as a whole and checked against every limit.

    Raises:
        InvalidDocument: It has not the frozen shape, or not this index.
    """
    if len(encoded) > MAX_FRAME_LISTS and encoded.count(b"[") + encoded.count(b"{") > MAX_FRAME_LISTS:
        raise InvalidDocument(f"results[{index}] must hold no more than {MAX_FRAME_LISTS} lists and objects")
    return _result_of(_decode_values, encoded, index)


def check_frame(encoded: bytes, index: int) -> None:
    """Check that an encoded frame can be stored: its shape, its index and the number of its lists and objects.

    To look for cycles among its lists, while they are made, would take ten times as long as to make them, and no other
    thread could run meanwhile.

    Raises:
        InvalidDocument: It has not the frozen shape, or not this index.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        decode_values(encoded, index)
    finally:
        if was_enabled:
            gc.enable()


def plugin_result(result: Any) -> dict[str, Any]:
    """Return a plugin's result for one image once it is sure that it can be stored.

    Raises:
        ValueError: It cannot; the message says why.
    """
    if not isinstance(result, dict):
        raise ValueError("is no dict")  # noqa: TRY004 (one kind of error for whatever is wrong)
    try:
        check_frame(_frame_json(0, _json(result)), 0)
        unfit = next((name for name in _names(result) if not isinstance(name, str)), None)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be stored: {error}") from error
    if unfit is not None:
        raise ValueError(f"has {unfit!r} as a name")
    return dict(result)


def _result_of(decode: Callable[[bytes], _Frame[T]], encoded: bytes, index: int) -> dict[str, T]:
    try:
        frame = decode(encoded)
    except _DECODE_ERRORS as error:
        is_too_deep = isinstance(error, RecursionError) or str(error).startswith(_TOO_DEEP)
        limit = f" must be nested at most {MAX_NESTING} deep" if is_too_deep else ""
        raise InvalidDocument(f"results[{index}]{limit}: {error}") from error
    if frame.frame_index != index:
        raise InvalidDocument(
            f"results must hold every frame once and in order: results[{index}] has frame_index {frame.frame_index}"
        )
    return frame.result


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


def _frame_json(frame_index: int, result: bytes) -> bytes:
    return b'{"frame_index":%d,"result":%b}' % (frame_index, result)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _names(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
