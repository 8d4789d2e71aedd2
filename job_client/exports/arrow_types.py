"""How what is found is stored in Arrow: a field for each of its own, so that a new one needs nothing here."""

from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import msgspec
import pyarrow as pa

from shared.results import Box, Polygon

MAX_INTEGER = (1 << 63) - 1
"""A plugin may state larger numbers than a column can hold: they are null."""

_SIDES = ("x1", "y1", "x2", "y2")
_SEQUENCES = (list, tuple)
_UNIONS = (Union, UnionType)


class _Column(NamedTuple):
    """The Arrow type of a field, and what makes its values; None where they are taken as they are."""

    type: pa.DataType
    convert: Callable[[Any], Any] | None = None


class ArrowStruct:
    """The Arrow type of a struct of results, and its values.

    Attributes:
        type: The Arrow type.
    """

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        columns = {field.name: _column(field.type) for field in msgspec.structs.fields(kind)}
        self.type = pa.struct([(name, column.type) for name, column in columns.items()])
        self._converted = {name: column.convert for name, column in columns.items() if column.convert}

    def value(self, found: msgspec.Struct) -> dict[str, Any]:
        """Return what is stored of it."""
        value = msgspec.structs.asdict(found)
        for name, convert in self._converted.items():
            if value[name] is not None:
                value[name] = convert(value[name])
        return value


@cache
def _column(annotation: Any) -> _Column:
    """Return how values of a type are stored: as text in JSON where Arrow has no type for them.

    Where None is one of the types, it is the rest that counts, for every column may be null.
    """
    if annotation in _COLUMNS:
        return _COLUMNS[annotation]
    columns = {_column(part) for part in get_args(annotation) if part not in (NoneType, ...)}
    if len(columns) == 1 and get_origin(annotation) in _UNIONS:
        return columns.pop()
    if len(columns) == 1 and get_origin(annotation) in _SEQUENCES:
        return _list_of(columns.pop())
    return _Column(pa.string(), lambda value: msgspec.json.encode(value).decode())


def _list_of(column: _Column) -> _Column:
    convert = column.convert
    if convert is None:
        return _Column(pa.list_(column.type))
    return _Column(pa.list_(column.type), lambda values: [None if one is None else convert(one) for one in values])


_COLUMNS: dict[Any, _Column] = {
    str: _Column(pa.string()),
    bool: _Column(pa.bool_()),
    int: _Column(pa.int64(), lambda number: number if abs(number) <= MAX_INTEGER else None),
    float: _Column(pa.float64()),
    Box: _Column(pa.struct([(side, pa.float64()) for side in _SIDES]), lambda box: dict(zip(_SIDES, box, strict=True))),
    Polygon: _Column(
        pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())])),
        lambda polygon: [{"x": x, "y": y} for x, y in polygon],
    ),
}
