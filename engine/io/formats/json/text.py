"""Arrow columns to JSON text as ksqlDB writes it: one writer a type, rows joined at the end.

Every field is written, NULL included; DECIMAL as a number with its scale; BYTES in base64; DATE in days, TIME and
TIMESTAMP in milliseconds; a map with keys that are not text as an array of {"K", "V"}.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ....sql.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Map,
    SqlType,
    Struct,
    Vector,
)

Writer = Callable[[Any], str]
_EPOCH_DAY = datetime.date(1970, 1, 1)
_EPOCH = datetime.datetime(1970, 1, 1)


_CONTROL = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([01][0-9a-f])")


def text(value: str) -> str:
    """A JSON string literal, control characters in upper-case hexadecimal as DuckDB and Jackson write them."""
    literal = orjson.dumps(value).decode()
    if "\\u00" not in literal:
        return literal
    return _CONTROL.sub(lambda found: f"{found[1]}\\u00{found[2].upper()}", literal)


def _number(value: float) -> str:
    """The shortest text that reads back the same, written out from 1e-6 to below 1e21 as DuckDB does."""
    if math.isfinite(value):
        exact = decimal.Decimal(repr(value))
        if -7 < exact.adjusted() < 21 or not value:
            plain = format(exact, "f")
            return plain if "." in plain else plain + ".0"
        mantissa, exponent = repr(value).split("e")
        return f"{mantissa}e{int(exponent)}"
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def shortest(value: float) -> float:
    """The 64-bit number of the same shortest text as a 32-bit one.

    >>> shortest(1.100000023841858)
    1.1
    """
    return float(str(np.float32(value)))


def _float32(value: float) -> str:
    return _number(shortest(value))


def widened(column: pa.Array, sql_type: SqlType) -> pa.Array:
    """A column of FLOAT or FLOAT[n] as DOUBLE, each number the one of the same shortest text; any other as it is. What
    writes a DOUBLE then writes a FLOAT, a column at a time."""
    if sql_type == FLOAT:
        return column.cast(pa.string()).cast(pa.float64())
    if isinstance(sql_type, Vector):
        items = widened(column.values.slice(column.offset * sql_type.size, len(column) * sql_type.size), FLOAT)
        mask = column.is_null() if column.null_count else None
        return pa.FixedSizeListArray.from_arrays(items, sql_type.size, mask=mask)
    return column


def days(value: datetime.date | int) -> int:
    """A DATE as formats write it."""
    return value if isinstance(value, int) else (value - _EPOCH_DAY).days


def milliseconds(value: datetime.datetime | int) -> int:
    """A TIMESTAMP as formats write it."""
    return value if isinstance(value, int) else (value - _EPOCH) // datetime.timedelta(milliseconds=1)


def _time_ms(value: datetime.time) -> str:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return str(seconds * 1000 + value.microsecond // 1000)


_SCALAR_WRITERS: dict[SqlType, Writer] = {
    BOOLEAN: lambda v: "true" if v else "false",
    FLOAT: _float32,
    DOUBLE: _number,
    STRING: text,
    BYTES: lambda v: f'"{base64.b64encode(v).decode()}"',
    DATE: lambda v: str(days(v)),
    TIME: _time_ms,
    TIMESTAMP: lambda v: str(milliseconds(v)),
}


def writer(sql_type: SqlType, scalars: Mapping[SqlType, Writer] | None = None) -> Writer:
    """A function from the Python value of an Arrow cell of `sql_type` to its JSON text; None gives null. `scalars`:
    writers that stand above the format's own (a response writes dates as text)."""
    match sql_type:
        case Array(item):
            inner = _list_writer(writer(item, scalars))
        case Vector():
            inner = _list_writer(_float32)
        case Map(key, value):
            inner = _map_writer(key, writer(key, scalars), writer(value, scalars))
        case Struct(fields):
            inner = _struct_writer([(f"f{i}", name, writer(t, scalars)) for i, (name, t) in enumerate(fields)])
        case _:
            own = _SCALAR_WRITERS.get(sql_type, str)
            inner = own if scalars is None else scalars.get(sql_type, own)
    return lambda v: "null" if v is None else inner(v)


def _list_writer(item: Writer) -> Writer:
    return lambda v: "[" + ",".join(map(item, v)) + "]"


def _map_writer(key: SqlType, write_key: Writer, write_value: Writer) -> Writer:
    if key == STRING:
        return lambda v: "{" + ",".join(f"{write_key(k)}:{write_value(x)}" for k, x in v if k is not None) + "}"
    return lambda v: "[" + ",".join(f'{{"K":{write_key(k)},"V":{write_value(x)}}}' for k, x in v) + "]"


def _struct_writer(fields: list[tuple[str, str, Writer]]) -> Writer:
    named = [(place, text(name) + ":", write) for place, name, write in fields]
    return lambda v: "{" + ",".join(label + write(v[place]) for place, label, write in named) + "}"
