"""The result of a frame: its types, and its JSON, written, checked and read frame by frame.

A results document is `{"results": [{"frame_index": 0, "result": {...}}, ...]}`: one entry a frame, in display order.
Engines make `Detection`, `TextLine` and `Code`, the worker encodes one frame after the other, the server checks a
document in the same steps, and readers get `FrameResult`. Nothing here holds a whole document in objects.
"""

from shared.results.coordinates import Box, Point, Polygon
from shared.results.document import (
    check_document,
    encode_document,
    iter_document,
    iter_list,
    most_values,
    stored_list,
)
from shared.results.frame import (
    MAX_FRAME_BYTES,
    MAX_FRAME_LISTS,
    MAX_NESTING,
    FrameResult,
    InvalidDocument,
    check_frame,
    decode_frame,
    decode_values,
    encode_frame,
    plugin_result,
)
from shared.results.types import Code, Detection, ImageResult, TextLine, one_line

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
    "decode_frame",
    "decode_values",
    "encode_document",
    "encode_frame",
    "iter_document",
    "iter_list",
    "most_values",
    "one_line",
    "plugin_result",
    "stored_list",
]
