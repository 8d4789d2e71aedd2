"""Small videos, results and waits that tests pass."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb

VIDEO = b"\x00\x00\x00\x18ftypisom" + bytes(range(256))
"""The least that passes for an MP4."""

OTHER_VIDEO = VIDEO + b"another"

DOCUMENT = json.dumps({"results": [{"frame_index": 0, "result": {"text": "one"}}]}).encode()
OTHER_DOCUMENT = json.dumps({"results": [{"frame_index": 0, "result": {"text": "two"}}]}).encode()

UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"

HARMFUL = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029\ud800\udcff"]
HARMFUL += [chr(mark) for begin, end in ((0x202A, 0x202E), (0x2066, 0x2069)) for mark in range(begin, end + 1)]
"""What no terminal may get: controls (C0, DEL, C1), bidirectional marks, Unicode's line ends, surrogates."""

LONG_WAIT = Duration(seconds=25)
"""Longer than any test takes: what answers sooner was woken."""


def submit_request(video: bytes = VIDEO, pipeline_id: str = "ocr", request_id: str = "") -> pb.SubmitJobRequest:
    return pb.SubmitJobRequest(pipeline_id=pipeline_id, video=video, request_id=request_id)


def results_document(results: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the document of these frames, as a worker writes it."""
    return json.dumps({"results": results}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
