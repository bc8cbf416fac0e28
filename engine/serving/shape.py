"""Schemas, relations and queries in the JSON shapes that ksqlDB's REST interface gives them."""

from __future__ import annotations

from typing import Any

from ..sql.catalog import Relation
from ..sql.schema import ColumnDef
from ..sql.types import Array, Decimal, Map, SqlType, Struct, Vector, back_quoted


def type_shape(sql_type: SqlType) -> dict[str, Any]:
    """`{"type": …, "fields": …, "memberSchema": …}` as ksqlDB describes a type."""
    match sql_type:
        case Array(item):
            return {"type": "ARRAY", "fields": None, "memberSchema": type_shape(item)}
        case Map(_, value):
            return {"type": "MAP", "fields": None, "memberSchema": type_shape(value)}
        case Struct(fields):
            shapes = [{"name": name, "schema": type_shape(t)} for name, t in fields]
            return {"type": "STRUCT", "fields": shapes, "memberSchema": None}
        case Decimal(precision, scale):
            parameters = {"precision": precision, "scale": scale}
            return {"type": "DECIMAL", "parameters": parameters, "fields": None, "memberSchema": None}
        case Vector(size):
            return {"type": "FLOAT", "parameters": {"size": size}, "fields": None, "memberSchema": None}
        case _:
            return {"type": str(sql_type), "fields": None, "memberSchema": None}


def field_shape(column: ColumnDef) -> dict[str, Any]:
    """One column of a source or result."""
    shape: dict[str, Any] = {"name": column.name, "schema": type_shape(column.type)}
    if column.is_key:
        shape["type"] = "KEY"
    return shape


def relation_shape(relation: Relation) -> dict[str, Any]:
    """One entry of SHOW STREAMS or SHOW TABLES."""
    return {
        "type": relation.kind,
        "name": relation.name,
        "topic": relation.topic,
        "keyFormat": relation.key_format,
        "valueFormat": relation.value_format,
        "isWindowed": relation.windowed is not None,
    }


def query_shape(query_id: str, statement: str, kind: str, state: str, sink: Relation | None) -> dict[str, Any]:
    """One entry of SHOW QUERIES, and of the readers and writers that DESCRIBE tells. `kind`: PERSISTENT, PUSH …"""
    return {
        "queryString": statement,
        "sinks": [] if sink is None else [sink.name],
        "sinkKafkaTopics": [] if sink is None else [sink.topic],
        "id": query_id,
        "statusCount": {state: 1},
        "queryType": kind,
        "state": state,
    }


def type_text(sql_type: SqlType) -> str:
    """A type as ksqlDB writes it in an answer's header: the fields of a STRUCT always in back-quotes.

    >>> type_text(Array(Struct((("A", Decimal(4, 2)),))))
    'ARRAY<STRUCT<`A` DECIMAL(4, 2)>>'
    """
    match sql_type:
        case Array(item):
            return f"ARRAY<{type_text(item)}>"
        case Map(key, value):
            return f"MAP<{type_text(key)}, {type_text(value)}>"
        case Struct(fields):
            return "STRUCT<" + ", ".join(f"{back_quoted(name)} {type_text(t)}" for name, t in fields) + ">"
        case _:
            return str(sql_type)
