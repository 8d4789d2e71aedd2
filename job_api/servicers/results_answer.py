"""The answer to GetJobResults, serialized as it is read.

Results can be so large that memory holds them once and not five times. So the answer's bytes are made chunk by chunk; a
message would hold the results beside them.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from google.protobuf.struct_pb2 import Struct

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb

_LENGTH_DELIMITED = 2
"""The wire type of a string, see https://protobuf.dev/programming-guides/encoding/."""
_RESULTS_JSON_TAG = pb.GetJobResultsResponse.RESULTS_JSON_FIELD_NUMBER << 3 | _LENGTH_DELIMITED


def results_as_json(job_id: UUID, size_bytes: int, chunks: Iterable[bytes]) -> bytes:
    """Return the serialized answer whose `results_json` is made of these chunks of UTF-8."""
    answer = io.BytesIO()
    answer.write(pb.GetJobResultsResponse(job_id=str(job_id)).SerializeToString())
    answer.write(_varint(_RESULTS_JSON_TAG) + _varint(size_bytes))
    answer.writelines(chunks)
    return answer.getvalue()


def results_as_frames(job_id: UUID, frames: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the serialized answer with one message for each frame: serialized messages in a row are merged."""
    answer = io.BytesIO()
    answer.write(pb.GetJobResultsResponse(job_id=str(job_id)).SerializeToString())
    for index, result in enumerate(frames):
        answer.write(pb.GetJobResultsResponse(results=[frame_message(index, result)]).SerializeToString())
    return answer.getvalue()


def frame_message(frame_index: int, result: Mapping[str, Any]) -> pb.FrameResult:
    """Return one frame's result as a message."""
    struct = Struct()
    struct.update(result)
    return pb.FrameResult(frame_index=frame_index, result=struct)


def _varint(number: int) -> bytes:
    """Return a number in the wire format: seven bits in each byte, the lowest first, all but the last marked."""
    encoded = bytearray()
    while True:
        number, low_bits = number >> 7, number & 0x7F
        if number == 0:
            return bytes([*encoded, low_bits])
        encoded.append(low_bits | 0x80)
