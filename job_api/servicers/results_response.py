"""The response to GetJobResults, serialized as it is read.

Results can be so large that memory holds them once and not five times. So the bytes of the response are made chunk by
chunk; a message would hold the results beside them.
"""

import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from google.protobuf.struct_pb2 import Struct

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.results import MAX_FRAME_BYTES

_LENGTH_DELIMITED = 2
"""The wire type of strings and bytes, see https://protobuf.dev/programming-guides/encoding/."""
_JSON_COPIES = 2.5
"""The response while it grows, and gRPC's copy of it."""
_VALUE_BYTES = 16
"""What a message adds to the JSON of one value: a number has 8 bytes, and it and all around it a tag and a length."""
_OBJECT_BYTES = 128
"""What one value takes as an object of Python and as one of protobuf, of one frame at a time."""
_GZIP_SHARE = 0.3
"""What a response with gzip is expected to have of its JSON, before more of it is charged."""
_GZIP_LEVEL = 1
"""Results shrink to a fifth at 100 MB/s; at the default level to a seventh, at a third of the speed."""
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""What `zlib` calls gzip's format."""


def memory_of_json(size_bytes: int) -> int:
    """Return what a response with so much JSON takes in memory while it is made, in bytes."""
    return int(_JSON_COPIES * size_bytes)


def _expected_in_gzip(size_bytes: int) -> int:
    return max(int(_GZIP_SHARE * size_bytes), 1024)  # its headers alone have some bytes


def memory_of_gzip(size_bytes: int) -> int:
    """Return what is expected of a response with so much JSON in gzip, in bytes; it may be more."""
    return memory_of_json(_expected_in_gzip(size_bytes))


def memory_of_frames(size_bytes: int, values: int) -> int:
    """Return the most memory of a response with frames, of so much JSON with so many values at most, in bytes."""
    values_in_frame = min(values, MAX_FRAME_BYTES // 2)
    return 2 * (size_bytes + _VALUE_BYTES * values) + _OBJECT_BYTES * values_in_frame


def results_as_json(job_id: UUID, size_bytes: int, chunks: Iterable[bytes]) -> bytes:
    """Return the serialized response whose `results_json` is made of these chunks of UTF-8."""
    return _response(job_id, pb.GetJobResultsResponse.RESULTS_JSON_FIELD_NUMBER, size_bytes, chunks)


def results_as_gzip(job_id: UUID, size_bytes: int, chunks: Iterable[bytes], on_memory: Callable[[int], None]) -> bytes:
    """Return the serialized response whose `results_json_gzip` holds these chunks of UTF-8.

    Args:
        job_id: The job.
        size_bytes: The size of the chunks together.
        chunks: The results' JSON, in order.
        on_memory: Called where the response will take more memory than `memory_of_gzip` says, with how much.
    """
    compressed, compressed_bytes, expected_bytes = list[bytes](), 0, _expected_in_gzip(size_bytes)
    for chunk in _compressed(chunks):
        compressed.append(chunk)
        compressed_bytes += len(chunk)
        if compressed_bytes > expected_bytes:
            expected_bytes *= 2
            on_memory(memory_of_json(expected_bytes))
    return _response(job_id, pb.GetJobResultsResponse.RESULTS_JSON_GZIP_FIELD_NUMBER, compressed_bytes, compressed)


def _compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
    yield from map(compressor.compress, chunks)
    yield compressor.flush()


def _response(job_id: UUID, field_number: int, size_bytes: int, chunks: Iterable[bytes]) -> bytes:
    """Return the serialized response with one field of so many bytes."""
    response = io.BytesIO()
    response.write(pb.GetJobResultsResponse(job_id=str(job_id)).SerializeToString())
    response.write(_varint(field_number << 3 | _LENGTH_DELIMITED) + _varint(size_bytes))
    response.writelines(chunks)
    return response.getvalue()


def results_as_frames(job_id: UUID, frames: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the serialized response with one message for each frame: serialized messages in a row are merged."""
    response = io.BytesIO()
    response.write(pb.GetJobResultsResponse(job_id=str(job_id)).SerializeToString())
    for index, result in enumerate(frames):
        response.write(pb.GetJobResultsResponse(results=[frame_message(index, result)]).SerializeToString())
    return response.getvalue()


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
