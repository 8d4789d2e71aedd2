"""The frozen shape of results: `{"results": [{"frame_index": 0, "result": {...}}, ...]}`.

Whatever is accepted can be answered in both formats: its numbers fit a double, and its nesting a
`google.protobuf.Struct`, of which protobuf reads 100 levels of messages, three to an object of JSON.
"""

import re
from typing import TYPE_CHECKING, Any

import msgspec

from job_api.errors import InvalidResults
from shared.results.limits import MAX_NESTING

__all__ = ["MAX_NESTING", "FrameEntry", "checked_results", "frames_of", "results_list_of"]


def _json_value(levels: int) -> Any:
    """Returns the type of a JSON value with at most so many levels of objects and lists; numbers are doubles."""
    if levels == 0:
        return float | str | bool | None
    inner = _json_value(levels - 1)
    return float | str | bool | list[inner] | dict[str, inner] | None  # type: ignore[valid-type]


if TYPE_CHECKING:
    _Value = Any
else:
    _Value = _json_value(MAX_NESTING - 1)


class FrameEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What was found in one frame.

    Attributes:
        frame_index: Place in display order, counted from 0.
        result: What the pipeline found.
    """

    frame_index: int
    result: dict[str, _Value]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    results: list[FrameEntry]


class _RawDocument(msgspec.Struct, forbid_unknown_fields=True):
    results: msgspec.Raw


class _RawEntry(msgspec.Struct, forbid_unknown_fields=True):
    frame_index: int
    result: dict[str, msgspec.Raw]


_BLANKS = b" \t\r\n"
"""White space of JSON (RFC 8259, section 2); what Python takes for blank is more."""
_BEFORE_LIST = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"results"[ \t\r\n]*:[ \t\r\n]*')

_decode = msgspec.json.Decoder(_Document).decode
_decode_raw = msgspec.json.Decoder(_RawDocument).decode
_decode_raw_entries = msgspec.json.Decoder(list[_RawEntry]).decode


def checked_results(document: bytes) -> bytes:
    """Returns the document if it has the frozen shape, with a frame for every index from 0 on.

    Raises:
        InvalidResults: It has not; the message says where.
    """
    try:
        entries = _decode(document).results
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidResults(
            'results_json must be {"results": [{"frame_index", "result"}, ...]}, a result nested at most '
            f"{MAX_NESTING} deep: {error}"
        ) from error
    for index, entry in enumerate(entries):
        if entry.frame_index != index:
            raise InvalidResults(
                "results_json must hold every frame once and in order: "
                f"entry {index} has frame_index {entry.frame_index}"
            )
    return document


def frames_of(document: bytes) -> list[FrameEntry]:
    """Returns the frames of a stored document.

    Raises:
        ValueError: The document is damaged.
    """
    return _decode(document).results


def results_list_of(document: bytes) -> str:
    """Returns the list of a stored document as it was stored, without building what is in the frames.

    Raises:
        ValueError: The document is damaged.
    """
    try:
        return str(_checked_list(document), "utf-8")
    except RecursionError as error:
        raise ValueError("nested far too deep") from error


def _checked_list(document: bytes) -> memoryview | msgspec.Raw:
    """Returns the list's own bytes, which make a whole document together with what stands around them.

    Documents are long, so they are read once: nearly all have nothing around the list but its name. Where there is more
    (a name that is repeated or escaped, as JSON allows), the list is found by reading the whole document first.
    """
    results: memoryview | msgspec.Raw = _list_as_written(document)
    try:
        _decode_raw_entries(results)
    except msgspec.DecodeError:
        results = _decode_raw(document).results
        _decode_raw_entries(results)
    return results


def _list_as_written(document: bytes) -> memoryview:
    """Returns what stands where the list is mostly written, or nothing."""
    beginning, end = _BEFORE_LIST.match(document), document.rfind(b"]") + 1
    if beginning is None or document[end:].strip(_BLANKS) != b"}":
        return memoryview(b"")
    return memoryview(document)[beginning.end() : end]
