"""The result of a frame: its types, and its JSON, written, checked and read frame by frame.

A results document is `{"results": [{"frame_index": 0, "result": {...}}, ...]}`: one entry a frame, in display order.
Engines make `Detection`, `TextLine` and `Code`, the worker encodes one frame after the other, the server checks a
document in the same steps, and readers get `FrameResult`. Nothing here holds a whole document in objects.
"""

from shared.results.coordinates import Box, Point, Polygon
from shared.results.document import (
    MAX_FRAME_BYTES,
    MAX_FRAME_LISTS,
    MAX_NESTING,
    InvalidDocument,
    check_document,
    check_frame,
    encoded_document,
    fields_of_frame,
    most_values,
    read_as_json,
    read_document,
    read_list,
)
from shared.results.frame import FrameResult, read_frame
from shared.results.image import ImageResult, encode_frame, plugin_result
from shared.results.types import Code, Detection, TextLine, one_line

__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_FRAME_LISTS",
    "MAX_NESTING",
    "Box",
    "Code",
    "Detection",
    "FrameResult",
    "ImageResult",
    "InvalidDocument",
    "Point",
    "Polygon",
    "TextLine",
    "check_document",
    "check_frame",
    "encode_frame",
    "encoded_document",
    "fields_of_frame",
    "most_values",
    "one_line",
    "plugin_result",
    "read_as_json",
    "read_document",
    "read_frame",
    "read_list",
]
