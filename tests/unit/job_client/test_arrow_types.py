"""What a new field of a detection, a line of text or a code becomes in Parquet."""

from typing import Any

import msgspec
import pyarrow as pa
import pytest

from job_client.exports.arrow_types import MAX_INTEGER, ArrowStruct
from shared.results import Box

pytestmark = pytest.mark.unit

DOUBLES, TEXT = pa.list_(pa.float64()), pa.string()


class Pose(msgspec.Struct):
    """A type that Arrow knows nothing of."""

    angle: float


@pytest.mark.parametrize(
    ("kind", "given", "arrow_type", "stored"),
    [
        (bool | None, True, pa.bool_(), True),
        (str, "a", TEXT, "a"),
        (int | None, MAX_INTEGER + 1, pa.int64(), None),
        (tuple[float, float], (1.5, 2.0), DOUBLES, [1.5, 2.0]),
        (tuple[float, ...], (1.5,), DOUBLES, [1.5]),
        (list[str] | None, ["a", "b"], pa.list_(TEXT), ["a", "b"]),
        (list[int | None], [1, None, MAX_INTEGER + 1], pa.list_(pa.int64()), [1, None, None]),
        (tuple[list[int], list[int]], ([1], []), pa.list_(pa.list_(pa.int64())), [[1], []]),
        (list[Box], [(1, 2, 3, 4)], None, [{"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0}]),
        (tuple[str, float], ("a", 1.5), TEXT, '["a",1.5]'),
        (int | str, 1, TEXT, "1"),
        (dict[str, float], {"a": 0.5}, TEXT, '{"a":0.5}'),
        (list[Pose], [Pose(0.5)], pa.list_(TEXT), ['{"angle":0.5}']),
        (list, [1, "a"], TEXT, '[1,"a"]'),
        (Any, {"a": 1}, TEXT, '{"a":1}'),
        (bool | None, None, pa.bool_(), None),
    ],
)
def test_a_field_of_any_type_has_a_column(kind: Any, given: Any, arrow_type: pa.DataType, stored: Any) -> None:
    seen = msgspec.defstruct("Seen", [("label", str), ("new", kind, None)])
    struct = ArrowStruct(seen)
    column = pa.array([struct.value(seen("car", given)), struct.value(seen("bus"))], struct.type)
    assert column.to_pylist() == [{"label": "car", "new": stored}, {"label": "bus", "new": None}]
    assert arrow_type is None or struct.type.field("new").type == arrow_type
