"""CAST as ksqlDB does it, in DuckDB SQL.

Numbers are cut, not rounded, to integers and wrap or saturate as Java's conversions do; text is trimmed and must be
exactly a number, a boolean, a time. To text, DOUBLE reads as Java prints it, collections as Java prints its own.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence

from ..expressions import Literal
from ..functions import ArrowFunction
from ..types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    NULL,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    Vector,
    duckdb_type,
)
from ..typing.literals import parse_date, parse_time, parse_timestamp_ms
from .java_text import DOUBLE_TEXT, PARSE_DATE, PARSE_TIME, PARSE_TIMESTAMP

Use = Callable[[ArrowFunction, Sequence[str], Sequence[SqlType], SqlType], str]
"""Gives the text of a call of a Python function and remembers that it must be bound."""

_BITS: dict[SqlType, tuple[str, int]] = {INTEGER: ("BIGINT", 1 << 31), BIGINT: ("HUGEINT", 1 << 63)}
_TRUE_WORDS = "'t', 'tr', 'tru', 'true', 'y', 'ye', 'yes'"
_INTEGER_TEXT = r"[+-]?[0-9]+"
_DECIMAL_TEXT = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DOUBLE_TEXT = _DECIMAL_TEXT + r"[dDfF]?"
_TEMPORAL_TEXT = {TIMESTAMP: PARSE_TIMESTAMP, DATE: PARSE_DATE, TIME: PARSE_TIME}
_TEMPORAL_READ: dict[SqlType, Callable[[str], object]] = {
    TIMESTAMP: parse_timestamp_ms,
    DATE: parse_date,
    TIME: parse_time,
}


def failing_constant(literal: Literal, target: SqlType) -> bool:
    """Whether CAST of this constant fails whatever the row."""
    if literal.type is not STRING or literal.value is None:
        return _number_fails(literal, target)
    text = literal.value.strip()
    if target in _BITS:
        return (
            not re.fullmatch(_INTEGER_TEXT, text) or not -_BITS[target][1] <= decimal.Decimal(text) < _BITS[target][1]
        )
    if target in (DOUBLE, FLOAT):
        return not re.fullmatch(_DOUBLE_TEXT, text) and text not in ("NaN", "Infinity", "-Infinity", "+Infinity")
    if isinstance(target, Decimal):
        return not re.fullmatch(_DECIMAL_TEXT, text) or _too_large(decimal.Decimal(text), target)
    if target in _TEMPORAL_READ:
        try:
            _TEMPORAL_READ[target](text)
        except ValueError:
            return True
    return False


def _number_fails(literal: Literal, target: SqlType) -> bool:
    if not isinstance(target, Decimal) or not isinstance(literal.value, int | float | decimal.Decimal):
        return False
    return _too_large(decimal.Decimal(literal.value), target)


def _too_large(value: decimal.Decimal, target: Decimal) -> bool:
    """Whether it rounds to more digits than the type has. Compared, not computed: that is exact however many it has."""
    limit = decimal.Decimal(f"{10 ** (target.precision + 1) - 5}E-{target.scale + 1}")
    return not value.is_finite() or value.copy_abs() >= limit


def cast_text(text: str, source: SqlType, target: SqlType, use: Use) -> str:
    """The DuckDB SQL of CAST(text AS target); `text` is of type `source`."""
    if source == target:
        return text
    if source is NULL:
        return f"CAST({text} AS {duckdb_type(target)})"
    if target is STRING:
        return _to_string(text, source, use)
    if source is STRING:
        return _from_string(text, target, use)
    if target in _BITS:
        return _to_integer(text, source, target)
    match source, target:
        case (Array(item), Array(wanted)):
            return f"list_transform({text}, lambda {_v(text)}: {cast_text(_v(text), item, wanted, use)})"
        case (Map(), Map()):
            return _map_to_map(text, source, target, use)
        case (Struct(), Struct()):
            return _struct_to_struct(text, source, target, use)
        case (_, Decimal()) if source in (DOUBLE, FLOAT):
            return f"CAST(CAST({text} AS VARCHAR) AS {duckdb_type(target)})"
        case _:
            return f"CAST({text} AS {duckdb_type(target)})"


def _v(text: str) -> str:
    """A lambda parameter's name that `text` does not use."""
    numbers = [int(n) for n in re.findall(r"\bv(\d+)\b", text)]
    return f"v{max(numbers, default=-1) + 1}"


def _to_integer(text: str, source: SqlType, target: SqlType) -> str:
    half = _BITS[target][1]
    if source is INTEGER:
        return f"CAST({text} AS BIGINT)"
    if source is BIGINT:
        return f"(((({text}) + 2147483648::HUGEINT) & 4294967295) - 2147483648)::INTEGER"
    if isinstance(source, Decimal):
        return f"(((trunc({text})::HUGEINT + {half}) & {2 * half - 1}) - {half})::{duckdb_type(target)}"
    # Java saturates, and takes NaN for 0; the largest DOUBLE below 2^63 is 2^63 - 1024
    top = half - 1 if target is INTEGER else half - 1024
    guard = f"greatest(least(trunc({text}), {top}::DOUBLE), -{half}::DOUBLE)"
    cases = f"WHEN ({text}) IS NULL THEN NULL WHEN isnan({text}) THEN 0 WHEN ({text}) >= {half}::DOUBLE THEN {half - 1}"
    return f"CAST(CASE {cases} ELSE {guard}::{duckdb_type(target)} END AS {duckdb_type(target)})"


def _map_to_map(text: str, source: Map, target: Map, use: Use) -> str:
    v = _v(text)
    key, value = (
        cast_text(f"{v}.key", source.key, target.key, use),
        cast_text(f"{v}.value", source.value, target.value, use),
    )
    return f"map_from_entries(list_transform(map_entries({text}), lambda {v}: {{'k': {key}, 'v': {value}}}))"


def _struct_to_struct(text: str, source: Struct, target: Struct, use: Use) -> str:
    names = [n for n, _ in source.fields]
    fields = []
    for i, (name, wanted) in enumerate(target.fields):
        value = f"CAST(NULL AS {duckdb_type(wanted)})"
        if name in names:
            at = names.index(name)
            value = cast_text(f"({text}).f{at}", source.fields[at][1], wanted, use)
        fields.append(f"'f{i}': {value}")
    return f"CASE WHEN ({text}) IS NULL THEN NULL ELSE {{{', '.join(fields)}}} END"


def _from_string(text: str, target: SqlType, use: Use) -> str:
    if target is BOOLEAN:
        return f"(lower(trim({text})) IN ({_TRUE_WORDS}))"
    if target in _TEMPORAL_TEXT:
        return use(_TEMPORAL_TEXT[target], [text], [STRING], target)
    if target in _BITS:
        checked = _checked(text, _INTEGER_TEXT)
    elif target in (DOUBLE, FLOAT):
        checked = f"regexp_replace({_checked(text, _DOUBLE_TEXT + '|NaN|[+-]?Infinity')}, '[dDfF]$', '')"
    elif isinstance(target, Decimal):
        checked = _checked(text, _DECIMAL_TEXT)
    else:
        checked = text
    return f"CAST({checked} AS {duckdb_type(target)})"


def _checked(text: str, pattern: str) -> str:
    """`text` without white space, made unreadable where it is not wholly as `pattern` says: DuckDB reads `0x1F`, `1_000`
    and `5.7` as integers."""
    trimmed = f"trim({text}, ' \t\n\r\f\v')"
    matches = f"regexp_full_match({trimmed}, '{pattern}')"
    return f"CASE WHEN {matches} OR ({text}) IS NULL THEN {trimmed} ELSE 'not a number: ' || ({text}) END"


def _to_string(text: str, source: SqlType, use: Use) -> str:
    match source:
        case Array() | Vector():
            item = source.item if isinstance(source, Array) else FLOAT
            v = _v(text)
            inner = f"list_transform({text}, lambda {v}: coalesce({_to_string(v, item, use)}, 'null'))"
            return f"('[' || array_to_string({inner}, ', ') || ']')"
        case Map():
            v = _v(text)
            key, value = _to_string(f"{v}.key", source.key, use), _to_string(f"{v}.value", source.value, use)
            entry = f"coalesce({key}, 'null') || '=' || coalesce({value}, 'null')"
            return f"('{{' || array_to_string(list_transform(map_entries({text}), lambda {v}: {entry}), ', ') || '}}')"
        case Struct():
            return _struct_to_string(text, source, use)
        case _:
            return _scalar_to_string(text, source, use)


def _struct_to_string(text: str, source: Struct, use: Use) -> str:
    """Kafka Connect's Struct: fields that are NULL are left out."""
    parts = []
    for i, (name, field) in enumerate(source.fields):
        label = name.replace("'", "''")
        parts.append(f"('{label}=' || {_to_string(f'({text}).f{i}', field, use)})")
    return f"CASE WHEN ({text}) IS NULL THEN NULL ELSE 'Struct{{' || concat_ws(',', {', '.join(parts)}) || '}}' END"


def _scalar_to_string(text: str, source: SqlType, use: Use) -> str:
    if source in (DOUBLE, FLOAT):
        plain = f"abs({text}) >= 0.001 AND abs({text}) < 10000000.0"
        exotic = use(DOUBLE_TEXT, [text], [source], STRING)
        return f"(CASE WHEN {plain} THEN CAST({text} AS VARCHAR) ELSE {exotic} END)"
    if source is TIMESTAMP:
        return f"strftime({text}, '%Y-%m-%dT%H:%M:%S.%g')"
    if source is TIME:
        return f"regexp_replace(strftime(DATE '1970-01-01' + {text}, '%H:%M:%S'), ':00$', '')"  # no fraction, as ksqlDB
    return f"CAST({text} AS VARCHAR)"
