"""Arrow tables for people and programs: columns and struct fields under their own names again."""

from __future__ import annotations

import pyarrow as pa

from ..io.formats.cells import cells
from ..sql.schema import Schema
from ..sql.types import Array, Map, SqlType, Struct, arrow_type


def named_type(sql_type: SqlType) -> pa.DataType:
    """The Arrow type with struct fields named as in SQL."""
    match sql_type:
        case Array(item):
            return pa.list_(named_type(item))
        case Map(key, value):
            return pa.map_(named_type(key), named_type(value))
        case Struct(fields):
            return pa.struct([(name, named_type(t)) for name, t in fields])
        case _:
            return arrow_type(sql_type)


def named_schema(schema: Schema) -> pa.Schema:
    """The Arrow schema of what `named` gives."""
    return pa.schema([(c.name, named_type(c.type)) for c in schema])


def named(schema: Schema, table: pa.Table) -> pa.Table:
    """`table` (c0, c1 … and perhaps system columns) with the schema's columns only, by name."""
    columns = [_renamed(table.column(f"c{i}"), c.type) for i, c in enumerate(schema)]
    return pa.table(columns, names=[c.name for c in schema])


def _renamed(column: pa.ChunkedArray, sql_type: SqlType) -> pa.ChunkedArray:
    wanted = named_type(sql_type)
    if column.type.equals(wanted):
        return column
    if arrow_type(sql_type).equals(wanted):
        return column.cast(wanted)
    # Only names differ, so the buffers stay: Arrow's own cast refuses other field names.
    return pa.chunked_array([_relabelled(chunk, wanted) for chunk in column.chunks], wanted)


def _relabelled(chunk: pa.Array, wanted: pa.DataType) -> pa.Array:
    return pa.array(_values(cells(chunk), wanted), wanted)


def _values(values: list[object], wanted: pa.DataType) -> list[object]:
    return [None if v is None else _value(v, wanted) for v in values]


def _value(value: object, wanted: pa.DataType) -> object:
    if isinstance(value, dict) and pa.types.is_struct(wanted):
        fields = [wanted.field(i) for i in range(wanted.num_fields)]
        return {f.name: _values([v], f.type)[0] for f, v in zip(fields, value.values(), strict=True)}
    if isinstance(value, list) and pa.types.is_map(wanted):
        return [(k, _values([v], wanted.item_type)[0]) for k, v in value]
    if isinstance(value, list) and pa.types.is_list(wanted):
        return _values(value, wanted.value_type)
    return value
