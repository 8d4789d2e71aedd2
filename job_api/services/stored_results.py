"""The frozen shape of results: `{"results": [{"frame_index": 0, "result": {...}}, ...]}`."""

from typing import Any

import msgspec

from job_api.errors import InvalidResults

__all__ = ["FrameEntry", "checked_results", "frames_of", "results_list_of"]


class FrameEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What was found in one frame.

    Attributes:
        frame_index: Place in display order, counted from 0.
        result: What the pipeline found.
    """

    frame_index: int
    result: dict[str, Any]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    results: list[FrameEntry]


class _RawDocument(msgspec.Struct, forbid_unknown_fields=True):
    results: msgspec.Raw


_decode = msgspec.json.Decoder(_Document).decode
_decode_raw = msgspec.json.Decoder(_RawDocument).decode


def checked_results(document: bytes) -> bytes:
    """Returns the document if it has the frozen shape, with a frame for every index from 0 on.

    Raises:
        InvalidResults: It has not; the message says where.
    """
    try:
        entries = _decode(document).results
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidResults(
            f'results_json must be {{"results": [{{"frame_index", "result"}}, ...]}}: {error}'
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
    """Returns the list of a stored document as it was stored, without building it.

    Raises:
        ValueError: The document is damaged.
    """
    return bytes(_decode_raw(document).results).decode()
