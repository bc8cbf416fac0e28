"""JSON as ksqlDB reads and writes it, row by row: the law that the fast path must agree with.

Rules (ksqlDB, JSON format): a field's name matches exactly, else upper-cased; numbers narrow as in Java (`1.9` as INT is
1, one too large wraps); text that is a number is taken for one; booleans only from true and false; anything as STRING,
objects and arrays as their JSON text; DECIMAL must fit; BYTES are base64; DATE counts days, TIME and TIMESTAMP
milliseconds. Python loops over rows here because these rules are per value; only odd rows come this way under load.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import json
import re
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

Reader = Callable[[Any], Any]
_EPOCH = datetime.datetime(1970, 1, 1)
_EXACT = decimal.Context(prec=60)


class NoNumber:
    """What stands in a record for NaN, Infinity, and a number whose exponent is out of reach: no reader takes it."""


def _refuse(value: Any, wanted: SqlType | str) -> NoReturn:
    kinds = {bool: "a boolean", str: "text", list: "an array", dict: "an object"}
    kind = (
        "NaN, Infinity or a number out of reach" if isinstance(value, NoNumber) else kinds.get(type(value), "a number")
    )
    raise RecordError(f"cannot read {kind} as {wanted}")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_float=decimal.Decimal, parse_constant=_constant)  # making one costs more than a record


def _float(text: str) -> decimal.Decimal | NoNumber:
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        return NoNumber()


_RECORD = json.JSONDecoder(parse_float=_float, parse_constant=lambda name: NoNumber())


_LENIENT = re.compile(
    r'("(?:[^"\\]|\\.)*"|[\[{]\s*,)|(,)(?=\s*[}\]])|-?\b(?:nan|inf|infinity)\b', re.IGNORECASE | re.DOTALL
)
"""What stays as it is, a comma before an end, and words for numbers that are none."""


def parse_record(payload: bytes) -> Any:
    """As `parse`, but as lenient as DuckDB on the fast path, so that what is read does not hang on the size of a batch: a comma
    may stand before an end, and a number that is none costs only who reads the field that it stands in."""
    try:
        return parse(payload, _RECORD)
    except RecordError:
        text = payload.decode(errors="surrogateescape")
        relaxed = _LENIENT.sub(lambda found: found[1] or ("" if found[2] else "NaN"), text)
        if relaxed == text:
            raise
        return parse(relaxed.encode(errors="surrogateescape"), _RECORD)


def parse(payload: bytes, decoder: json.JSONDecoder = _JSON) -> Any:
    """The JSON value of `payload`, floats as exact decimals. Raises RecordError."""
    try:
        return decoder.decode(payload.decode())
    except UnicodeDecodeError as why:
        raise RecordError(f"not UTF-8 at byte {why.start}") from None
    except json.JSONDecodeError as why:
        raise RecordError(f"not JSON: {why.msg} at character {why.pos}") from None
    except decimal.InvalidOperation:
        raise RecordError("not JSON: the exponent of a number is out of reach") from None
    except (ValueError, RecursionError) as why:
        raise RecordError(f"not JSON: {why}") from None


def _wrap(value: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half


def _integer(bits: int, name: SqlType) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool):
            _refuse(value, name)
        if isinstance(value, decimal.Decimal):  # from 1e64 on a multiple of 2 ** 64, which nobody need write out
            exponent = value.as_tuple().exponent
            value = 0 if isinstance(exponent, int) and exponent >= 64 else int(value)
        if isinstance(value, int):
            return _wrap(value, bits)
        if isinstance(value, str):
            try:
                number = int(value) if value.strip() == value and "_" not in value else None
            except ValueError:
                number = None
            if number is None or number != _wrap(number, bits):
                raise RecordError(f"cannot read text as {name}")
            return number
        _refuse(value, name)

    return read


def _double(value: Any) -> float:
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    if isinstance(value, str):
        try:
            return float(value.strip().rstrip("dDfF")) if "_" not in value else _refuse(value, DOUBLE)
        except ValueError:
            _refuse(value, DOUBLE)
    _refuse(value, DOUBLE)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse(value, BOOLEAN)
    return value


def _text(value: Any) -> str:
    """A JSON value as compact text, numbers with the digits that they were written with."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, NoNumber):
        _refuse(value, STRING)
    return str(value) if isinstance(value, decimal.Decimal) else json.dumps(value, ensure_ascii=False)


def _string(value: Any) -> str:
    if isinstance(value, NoNumber):
        _refuse(value, STRING)
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = _text(value) if isinstance(value, (dict, list)) else str(value)
        text.encode()
    except RecursionError:
        raise RecordError("nested too deep to be read as STRING") from None
    except UnicodeEncodeError:
        raise RecordError("cannot read text as STRING: half of a surrogate pair") from None
    return text


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        _refuse(value, BYTES)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise RecordError("cannot read text as BYTES: not base64") from None


def _decimal(wanted: Decimal) -> Reader:
    quantum = decimal.Decimal(1).scaleb(-wanted.scale)

    def read(value: Any) -> decimal.Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, decimal.Decimal, str)) or "_" in str(value):
            _refuse(value, wanted)
        try:
            number = decimal.Decimal(value)
            exact = number.quantize(quantum, context=_EXACT)
        except (decimal.InvalidOperation, ValueError):
            raise RecordError(f"cannot read the value as {wanted}") from None
        if exact != number or (exact.adjusted() >= wanted.precision - wanted.scale and exact != 0):
            raise RecordError(f"numeric field overflow: a field of {wanted} cannot hold the value")
        return exact

    return read


def _time(value: Any) -> datetime.time:
    ms = _integer(64, TIME)(value)
    if not 0 <= ms < 86_400_000:
        raise RecordError(f"out of range for {TIME}")
    return (_EPOCH + datetime.timedelta(milliseconds=ms)).time()


_SCALAR_READERS: dict[SqlType, Reader] = {
    BOOLEAN: _boolean,
    INTEGER: _integer(32, INTEGER),
    BIGINT: _integer(64, BIGINT),
    FLOAT: _double,
    DOUBLE: _double,
    STRING: _string,
    BYTES: _bytes,
    DATE: _integer(32, DATE),
    TIME: _time,
    TIMESTAMP: _integer(64, TIMESTAMP),
}


def reader(sql_type: SqlType, scalars: Mapping[SqlType, Reader] | None = None) -> Reader:
    """A function from a parsed JSON value to the Python value that Arrow takes for `sql_type`; NULL stays NULL. `scalars`:
    readers that stand above the format's own, of what a request gives: dates as text, and no field that a STRUCT has not, which
    a record may have."""
    match sql_type:
        case Array(item):
            read_item = reader(item, scalars)
            inner: Reader = lambda v: [read_item(x) for x in v] if isinstance(v, list) else _refuse(v, sql_type)  # noqa: E731
        case Vector(size):
            inner = _vector(size, sql_type)
        case Map(key, value):
            inner = _map(reader(key, scalars), reader(value, scalars), sql_type)
        case Struct():
            inner = struct_reader(sql_type, scalars)
        case Decimal():
            inner = _decimal(sql_type)
        case _:
            inner = (scalars or {}).get(sql_type) or _SCALAR_READERS[sql_type]
    return lambda v: None if v is None else inner(v)


def _vector(size: int, wanted: SqlType) -> Reader:
    def read(value: Any) -> list[float]:
        if not isinstance(value, list):
            _refuse(value, wanted)
        if len(value) != size:
            raise RecordError(f"{wanted} takes {size} numbers, the record has {len(value)}")
        return [_double(x) for x in value]

    return read


def _map(read_key: Reader, read_value: Reader, wanted: SqlType) -> Reader:
    def read(value: Any) -> list[tuple[Any, Any]]:
        if isinstance(value, dict):
            return [(read_key(k), read_value(v)) for k, v in value.items()]
        if isinstance(value, list):  # maps whose keys are not text: arrays of {K, V}
            return [(read_key(_entry(e, "K")), read_value(_entry(e, "V"))) for e in value]
        _refuse(value, wanted)

    return read


def _entry(entry: Any, name: str) -> Any:
    if not isinstance(entry, dict):
        _refuse(entry, "a map's entry")
    found = entry.get(name, entry.get(name.lower()))
    if name == "K" and found is None:
        raise RecordError("cannot read an object without K as a map's entry")
    return found


def struct_reader(wanted: Struct, scalars: Mapping[SqlType, Reader] | None = None) -> Reader:
    """A reader of an object's fields into {f0: …, f1: …}."""
    fields = [(f"f{i}", name, reader(t, scalars)) for i, (name, t) in enumerate(wanted.fields)]
    known = [name for _, name, _ in fields]

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            _refuse(value, "STRUCT")
        if scalars is not None:
            _check_fields(value, known)
        names = value
        if any(name not in value for _, name, _ in fields):
            names = {k.upper(): v for k, v in value.items()} | value
        return {place: read_field(names.get(name)) for place, name, read_field in fields}

    return read


def _check_fields(value: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise RecordError where a name is no field, or one is given in two spellings."""
    given: dict[str, str] = {}
    for written in value:
        name = written if written in known else written.upper()
        if name not in known:
            raise RecordError(f"field {written} does not exist, the fields are {', '.join(known)}")
        if name in given:
            raise RecordError(f"field {name} is given twice: as {given[name]} and as {written}")
        given[name] = written
