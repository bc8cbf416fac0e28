"""Between Avro's values and the Python values that Arrow takes, compiled once per schema.

Logical types are read and written as the numbers and bytes that they are, which Arrow takes for dates and times as well.
A field is found by its exact name, else in any case. What may stand for what is ksqlDB's: whole numbers widen, whole
numbers and booleans may be read as STRING, and nothing else is coerced.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ....errors import RecordError
from ....sql.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    Vector,
)
from ..json.text import days, milliseconds
from .schema import Json, branch_name, branches, is_entries, kind_of

Convert = Callable[[Any], Any]
_EXACT = decimal.Context(prec=60)
_READ_AS_IS: dict[SqlType, tuple[str, ...]] = {
    BOOLEAN: ("boolean",),
    INTEGER: ("int",),
    BIGINT: ("int", "long"),
    DOUBLE: ("float", "double"),
    FLOAT: ("float", "double"),
    STRING: ("string", "enum"),
    BYTES: ("bytes", "fixed"),
}
_LOGICAL: dict[SqlType, tuple[str, str]] = {
    DATE: ("int", "date"),
    TIME: ("int", "time-millis"),
    TIMESTAMP: ("long", "timestamp-millis"),
}


class Unreadable(Exception):
    """A writer's type that cannot be read as the column's."""


def found_in(names: Mapping[str, Any], name: str) -> str | None:
    """How a record spells a column's name.

    >>> found_in({"id": 1}, "ID")
    'id'
    """
    if name in names:
        return name
    upper = name.upper()
    return next((n for n in names if n.upper() == upper), None)


def _logical(node: Json) -> str | None:
    return node.get("logicalType") if isinstance(node, dict) else None


# --------------------------------------------------------------------------------------------------------------- reading
def reading(wanted: SqlType, node: Json) -> Convert | None:
    """From the values of a schema (names expanded) to a column's; None: they are the same. Raises Unreadable."""
    real, _ = branches(node)
    if len(real) != 1:
        return _union(wanted, real)
    node = real[0]
    kind, logical = kind_of(node), _logical(node)
    match wanted:
        case Decimal(precision, scale) if kind in ("bytes", "fixed") and logical == "decimal":
            return _decimal(int(node.get("scale", 0)), precision, scale)
        case Array(item) if kind == "array":
            inner = reading(item, node["items"])
            return inner and (lambda v: None if v is None else [inner(x) for x in v])
        case Vector(size) if kind == "array":
            return _vector(size)
        case Map(key, value) if kind in ("map", "array"):
            return _map(key, value, node)
        case Struct() if kind == "record":
            return _struct(wanted, node)
        case _ if wanted in _LOGICAL and (kind, logical) == _LOGICAL[wanted]:
            return (lambda v: None if v is None else v * 1000) if wanted == TIME else None
        case _ if kind in _READ_AS_IS.get(wanted, ()) and (logical is None or (kind, logical) not in _LOGICAL.values()):
            return None
        case _ if wanted == STRING and kind in ("int", "long"):
            return lambda v: None if v is None else str(v)
        case _ if wanted == STRING and kind == "boolean":
            return lambda v: None if v is None else "true" if v else "false"
        case _:
            raise Unreadable(f"{logical or kind} cannot be read as {wanted}")


def _decimal(written_scale: int, precision: int, scale: int) -> Convert:
    quantum = decimal.Decimal(1).scaleb(-scale)
    limit = 10**precision

    def read(value: bytes | None) -> decimal.Decimal | None:
        if value is None:
            return None
        unscaled = decimal.Decimal(int.from_bytes(value, "big", signed=True))
        try:
            number = unscaled.scaleb(-written_scale, _EXACT)
            exact = number.quantize(quantum, context=_EXACT)
            fits = exact == number and abs(exact.scaleb(scale, _EXACT)) < limit
        except decimal.DecimalException:  # more digits than fit any DECIMAL
            fits = False
        if not fits:
            raise RecordError(f"numeric field overflow: DECIMAL({precision}, {scale}) cannot hold the value")
        return exact

    return read


def _vector(size: int) -> Convert:
    def read(value: list[float] | None) -> list[float] | None:
        if value is not None and len(value) != size:
            raise RecordError(f"FLOAT[{size}] takes {size} numbers, the record has {len(value)}")
        return value

    return read


def _map(key: SqlType, value: SqlType, node: Json) -> Convert:
    if kind_of(node) == "array":
        if not is_entries(node):
            raise Unreadable("array cannot be read as MAP")
        of_key, of_value = (f["type"] for f in node["items"]["fields"])
        read_key, read_value = reading(key, of_key) or _same, reading(value, of_value) or _same
        return lambda v: None if v is None else [(read_key(e["key"]), read_value(e["value"])) for e in v]
    read_key, read_value = reading(key, "string") or _same, reading(value, node["values"]) or _same
    return lambda v: None if v is None else [(read_key(k), read_value(x)) for k, x in v.items()]


def _same(value: Any) -> Any:
    return value


def _struct(wanted: Struct, node: Json) -> Convert:
    written = {f["name"]: f["type"] for f in node["fields"]}
    fields = []
    for i, (name, field_type) in enumerate(wanted.fields):
        spelled = found_in(written, name)
        if spelled is not None:
            fields.append((f"f{i}", spelled, reading(field_type, written[spelled]) or _same))
    return lambda v: None if v is None else {place: convert(v[name]) for place, name, convert in fields}


def _union(wanted: SqlType, real: Sequence[Json]) -> Convert:
    """A union of several types is a STRUCT with a field for each, all NULL but the one that was written."""
    if not isinstance(wanted, Struct) or not real:
        raise Unreadable(f"a union of {', '.join(map(branch_name, real)) or 'null'} cannot be read as {wanted}")
    names = {branch_name(n): n for n in real}
    fields = []
    for i, (name, field_type) in enumerate(wanted.fields):
        spelled = found_in(names, name)
        if spelled is not None:
            fields.append((f"f{i}", names[spelled], reading(field_type, names[spelled]) or _same))

    def read(value: Any) -> Any:
        if value is None:
            return None
        for place, node, convert in fields:
            if _is_of(value, node):
                return {place: convert(value)}
        return {}

    return read


_PYTHON: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "int": (int,),
    "long": (int,),
    "float": (float,),
    "double": (float,),
    "string": (str,),
    "enum": (str,),
    "bytes": (bytes,),
    "fixed": (bytes,),
    "array": (list,),
    "map": (dict,),
    "record": (dict,),
}


def _is_of(value: Any, node: Json) -> bool:
    """Whether a value that was read is of a branch; two records are told apart by their fields."""
    kind = kind_of(node)
    if isinstance(value, bool) != (kind == "boolean") or not isinstance(value, _PYTHON[kind]):
        return False
    return not isinstance(value, dict) or kind != "record" or value.keys() == {f["name"] for f in node["fields"]}


# --------------------------------------------------------------------------------------------------------------- writing
def writing(given: SqlType, node: Json, path: str = "") -> Convert:
    """From a column's Python values to those of a schema (names expanded). Raises Unreadable where no value could be
    written; a NULL that the schema does not take is a RecordError."""
    real, nullable = branches(node)
    if len(real) != 1:
        return _writing_union(given, real, nullable, path)
    convert = _writing_value(given, real[0], path)
    if nullable:
        return lambda v: None if v is None else convert(v)
    return lambda v: _no_null(path) if v is None else convert(v)


def _no_null(path: str) -> NoReturn:
    raise RecordError(f"the schema takes no NULL for {path or 'the value'}")


def _writing_value(given: SqlType, node: Json, path: str) -> Convert:
    kind, logical = kind_of(node), _logical(node)
    match given:
        case Decimal() if kind in ("bytes", "fixed") and logical == "decimal":
            return _decimal_bytes(int(node.get("scale", 0)), node.get("size"))
        case Array(item) if kind == "array":
            inner = writing(item, node["items"], path)
            return lambda v: [inner(x) for x in v]
        case Vector() if kind == "array":
            return _same
        case Map(key, value) if kind == "map" and key == STRING:
            inner = writing(value, node["values"], path)
            return lambda v: {k: inner(x) for k, x in v}
        case Map(key, value) if kind == "array":
            of_key, of_value = (writing(t, f["type"], path) for t, f in zip((key, value), _entry(node), strict=True))
            return lambda v: [{"key": of_key(k), "value": of_value(x)} for k, x in v]
        case Struct(fields) if kind == "record":
            columns = [(f"f{i}", n, t) for i, (n, t) in enumerate(fields)]
            return record_writing(columns, node, path)
        case _ if kind == "enum" and given == STRING:
            return _symbol(node["symbols"], path)
        case _ if given in _TO_NUMBER and (kind, logical) == _LOGICAL[given]:
            return _TO_NUMBER[given]
        case _ if kind in _READ_AS_IS.get(given, ()) or (given, kind) in _WIDER:
            return float if given in (INTEGER, BIGINT) and kind in ("float", "double") else _same
        case _:
            raise Unreadable(f"{path or 'the value'}: {given} cannot be written as {logical or kind}")


_WIDER = ((INTEGER, "long"), (DOUBLE, "float"))
_TO_NUMBER: dict[SqlType, Convert] = {
    DATE: days,
    TIME: lambda v: ((v.hour * 60 + v.minute) * 60 + v.second) * 1000 + v.microsecond // 1000,
    TIMESTAMP: milliseconds,
}


def _entry(node: Json) -> list[Json]:
    items = branches(node["items"])[0][0]
    if kind_of(items) != "record" or [f["name"] for f in items["fields"]] != ["key", "value"]:
        raise Unreadable("MAP cannot be written as array")
    fields: list[Json] = items["fields"]
    return fields


def _decimal_bytes(scale: int, size: int | None) -> Convert:
    def write(value: decimal.Decimal) -> bytes:
        unscaled = int(value.scaleb(scale, _EXACT).to_integral_exact(context=_EXACT))
        return unscaled.to_bytes(size or (8 + (unscaled + (unscaled < 0)).bit_length()) // 8, "big", signed=True)

    return write


def _symbol(symbols: Sequence[str], path: str) -> Convert:
    known = frozenset(symbols)

    def write(value: str) -> str:
        if value not in known:
            raise RecordError(f"{path}: {value!r} is none of {', '.join(symbols)}")
        return value

    return write


def record_writing(columns: Sequence[tuple[str, str, SqlType]], node: Json, path: str = "") -> Convert:
    """A writer of a record from a mapping: `columns` are (key in the mapping, name, type). A field that no column fills
    takes its default, else NULL; one whose column is NULL takes its default where it takes no NULL."""
    named = {name: (place, sql_type) for place, name, sql_type in columns}
    made: list[tuple[str, str | None, Convert, Any]] = []
    for field in node["fields"]:
        name, inner = field["name"], f"{path}.{field['name']}" if path else field["name"]
        spelled = found_in(named, name)
        default = field.get("default", _NONE)
        nullable = branches(field["type"])[1]
        if spelled is None:
            if default is _NONE and not nullable:
                raise Unreadable(f"{inner} has no column and no default")
            made.append((name, None, _same, None if default is _NONE else default_value(default, field["type"])))
        else:
            place, sql_type = named[spelled]
            instead = _NONE if default is _NONE or nullable else default_value(default, field["type"])
            made.append((name, place, writing(sql_type, field["type"], inner), instead))

    def write(row: Mapping[str, Any]) -> dict[str, Any]:
        out = {}
        for name, place, convert, instead in made:
            if place is None:
                out[name] = instead
            else:
                value = row[place]
                out[name] = instead if value is None and instead is not _NONE else convert(value)
        return out

    return write


_NONE = object()


def default_value(default: Json, node: Json) -> Any:
    """A default as JSON says it, as a value to write."""
    real, nullable = branches(node)
    if default is None and (nullable or not real):
        return None
    kind = kind_of(real[0])
    if kind in ("bytes", "fixed"):
        return str(default).encode("latin-1")
    if kind == "array":
        return [default_value(d, real[0]["items"]) for d in default]
    if kind == "map":
        return {k: default_value(d, real[0]["values"]) for k, d in default.items()}
    if kind == "record":
        return {
            f["name"]: default_value(default.get(f["name"], f.get("default")), f["type"]) for f in real[0]["fields"]
        }
    return default


def _writing_union(given: SqlType, real: Sequence[Json], nullable: bool, path: str) -> Convert:
    """A STRUCT with a field for each branch: the first that is not NULL is written. Else the branch that fits."""
    if isinstance(given, Struct):
        names = {branch_name(n): n for n in real}
        ways = []
        for i, (name, sql_type) in enumerate(given.fields):
            spelled = found_in(names, name)
            if spelled is not None:
                ways.append((f"f{i}", _tag(names[spelled]), writing(sql_type, names[spelled], path)))

        def write(value: Any) -> Any:
            for place, tag, convert in ways if value is not None else ():
                if value[place] is not None:
                    return (tag, convert(value[place]))
            return None if nullable else _no_null(path)

        return write
    for node in real:
        try:
            convert = _writing_value(given, node, path)
        except Unreadable:
            continue
        return lambda v: (None if nullable else _no_null(path)) if v is None else convert(v)
    raise Unreadable(f"{path or 'the value'}: no branch of the union takes {given}")


def _tag(node: Json) -> str:
    return str(node["name"]) if isinstance(node, dict) and "name" in node else kind_of(node)
