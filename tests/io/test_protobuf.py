"""PROTOBUF: what is written is read back, in the same bytes that Google's own runtime writes."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys
import time
import uuid
from typing import Any

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pytest
from google.protobuf import message_factory
from hypothesis import given, settings

from mergus.engine.errors import AnalysisError, UnknownName
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.formats.protobuf.compile import compiled
from mergus.engine.io.formats.protobuf.decode import ProtobufDecoder
from mergus.engine.io.formats.protobuf.records import ProtobufFormat, ProtobufNosrFormat, message_header
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Reference, Schema
from mergus.engine.sql.types import (
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
    arrow_type,
    parse_type,
)

CONNECTION = duckdb.connect()
FORMAT, BARE = ProtobufFormat(), ProtobufNosrFormat()
DEFAULTS: dict[SqlType, Any] = {
    BOOLEAN: False, INTEGER: 0, BIGINT: 0, FLOAT: 0.0, DOUBLE: 0.0, STRING: "", BYTES: b"",
}  # fmt: skip
SCALARS = {
    BOOLEAN: st.booleans(),
    INTEGER: st.integers(-(1 << 31), (1 << 31) - 1),
    BIGINT: st.integers(-(1 << 63), (1 << 63) - 1),
    FLOAT: st.floats(width=32, allow_nan=False),
    DOUBLE: st.floats(allow_nan=False),
    STRING: st.text(max_size=5),
    BYTES: st.binary(max_size=200),
    DATE: st.dates(),
    TIME: st.integers(0, 86_399_999).map(
        lambda ms: (datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)).time()
    ),
    TIMESTAMP: st.integers(-62135596800000, 253402300799999).map(
        lambda ms: datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    ),
    Decimal(38, 10): st.integers(-(10**38) + 1, 10**38 - 1).map(
        lambda n: decimal.Decimal(n).scaleb(-10, decimal.Context(prec=40))
    ),
    Decimal(4, 2): st.decimals("-99.99", "99.99", places=2),
    Decimal(18, 3): st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: decimal.Decimal(n).scaleb(-3)),
}
PARTS = st.recursive(
    st.sampled_from(list(SCALARS)),
    lambda inner: st.one_of(
        inner.filter(lambda t: not isinstance(t, Array | Map)).map(Array),
        inner.map(lambda t: Map(STRING, t)),
        st.lists(inner, min_size=1, max_size=3).map(lambda ts: Struct(tuple((f"f{i}", t) for i, t in enumerate(ts)))),
    ),
    max_leaves=5,
)


def values(sql_type: SqlType, *, null: bool = True) -> st.SearchStrategy[Any]:
    match sql_type:
        case Array(item):
            given_value: st.SearchStrategy[Any] = st.lists(values(item, null=False), max_size=3)
        case Map(_, value):
            given_value = st.dictionaries(st.text(max_size=3), values(value), max_size=3).map(lambda d: list(d.items()))
        case Struct(fields):
            given_value = st.fixed_dictionaries({f"f{i}": values(t) for i, (_, t) in enumerate(fields)})
        case _:
            given_value = SCALARS[sql_type]
    return st.none() | given_value if null else given_value


def back(sql_type: SqlType, value: Any, keeps: bool) -> Any:
    """What a value comes back as."""
    match sql_type:
        case Array(item):
            return [back(item, v, keeps) for v in value or []]
        case Map(_, inner):
            return [(k, back(inner, v, keeps)) for k, v in value or []]
        case Struct(fields):
            if value is None:
                return None
            return {f"f{i}": back(t, value[f"f{i}"], keeps) for i, (_, t) in enumerate(fields)}
    return DEFAULTS.get(sql_type) if value is None and not keeps else value


def setting(**more: str) -> dict[str, str]:
    return {"SCHEMA_REGISTRY": f"memory:{uuid.uuid4()}", "TOPIC": "t", **more}


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_what_is_written_is_read(data: st.DataObject) -> None:
    columns = [FormatColumn(f"C{i}", t) for i, t in enumerate(data.draw(st.lists(PARTS, min_size=1, max_size=4)))]
    rows = data.draw(st.lists(st.tuples(*(values(c.type) for c in columns)), min_size=1, max_size=6))
    nullable = data.draw(st.sampled_from([None, "OPTIONAL", "WRAPPER"]))
    properties = setting(**({} if nullable is None else {"VALUE_PROTOBUF_NULLABLE_REPRESENTATION": nullable}))
    arrays = [pa.array(c, arrow_type(t.type)) for c, t in zip(zip(*rows, strict=True), columns, strict=True)]
    form = data.draw(st.sampled_from([FORMAT, BARE]))
    form.check(columns, properties, is_key=False)
    payload, errors = form.encoder(columns, properties, is_key=False).encode(arrays, None, CONNECTION)
    assert errors == []
    decoded = form.decoder(columns, properties, is_key=False).decode(payload, CONNECTION)
    assert decoded.errors == []
    for place, column in enumerate(columns):
        expected = [back(column.type, row[place], nullable is not None) for row in rows]
        assert decoded.columns[place].to_pylist() == expected
        assert decoded.columns[place].type == arrow_type(column.type)
    message = compiled(form.schema_of(columns, properties, is_key=False), lambda r: None).message(None)  # type: ignore[arg-type,return-value]
    made = message_factory.GetMessageClass(message)
    skip = 0 if form is BARE else 6
    for raw in payload.to_pylist():
        assert made.FromString(raw[skip:]).SerializeToString() == raw[skip:]


@given(st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_record_or_an_error(payloads: list[bytes | None]) -> None:
    columns = [FormatColumn("A", INTEGER), FormatColumn("B", Array(STRING)), FormatColumn("C", Decimal(4, 2))]
    properties = setting()
    encoder = FORMAT.encoder(columns, properties, is_key=False)
    good, _ = encoder.encode(
        [pa.array([7], pa.int32()), pa.array([["x"]]), pa.array([None], pa.decimal128(4, 2))], None, CONNECTION
    )
    head = good[0].as_py()
    raw = [head, *(None if p is None else p if i % 2 else head[:6] + p for i, p in enumerate(payloads)), head]
    for form in (FORMAT, BARE):
        batch = raw if form is FORMAT else [None if r is None else r[6:] for r in raw]
        decoded = form.decoder(columns, properties, is_key=False).decode(pa.array(batch, pa.binary()), CONNECTION)
        assert decoded.columns[0][0].as_py() == decoded.columns[0][-1].as_py() == 7
        bad = {row for row, _ in decoded.errors}
        assert 0 not in bad
        for row in bad:
            assert all(column[row].as_py() is None for column in decoded.columns)
        assert decoded.is_null.to_pylist() == [r is None for r in batch]


def columns_of(text: str, *references: tuple[str, str], **properties: str) -> str:
    """A .proto file's columns as text."""
    files = dict(references)
    schema = Schema("PROTOBUF", 'syntax = "proto3";\n' + text, tuple(Reference(n, n, 1) for n in files))
    found = FORMAT.columns_of(schema, lambda r: Schema("PROTOBUF", files[r.name]), properties, is_key=False)
    return ", ".join(f"{c.name} {c.type}" for c in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("message A { sint32 a = 1; uint32 b = 2; fixed64 c = 3; float d = 4; }", "A INTEGER, B BIGINT, C BIGINT, D DOUBLE"),
        ("message A { optional int32 a = 1; bytes b = 2; }", "A INTEGER, B BYTES"),
        ("enum E { X = 0; } message A { E e = 1; repeated E f = 2; }", "E STRING, F ARRAY<STRING>"),
        ("message A { map<int32, bool> m = 1; }", "M MAP<STRING, BOOLEAN>"),
        ("message A { repeated BEntry b = 1; message BEntry { string key = 1; double value = 2; } }", "B MAP<STRING, DOUBLE>"),
        ("message A { int32 z = 9; oneof o { int32 a = 1; string b = 2; } }", "O_0 STRUCT<A INTEGER, B STRING>, Z INTEGER"),
        ("message A { B b = 1; repeated B c = 2; } message B { int64 x = 1; }", "B STRUCT<X BIGINT>, C ARRAY<STRUCT<X BIGINT>>"),
        (
            'import "google/protobuf/timestamp.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto";'
            "message A { google.protobuf.Timestamp a = 1; google.type.Date b = 2; google.type.TimeOfDay c = 3; }",
            "A TIMESTAMP, B DATE, C TIME",
        ),
        (
            'import "google/protobuf/wrappers.proto"; message A { google.protobuf.StringValue a = 1;'
            " google.protobuf.UInt32Value b = 2; }",
            "A STRING, B BIGINT",
        ),
        (
            'import "confluent/type/decimal.proto"; message A { confluent.type.Decimal a = 1 [(confluent.field_meta) ='
            ' { params: [{ key: "precision", value: "6" }, { key: "scale", value: "3" }]}]; confluent.type.Decimal b = 2; }',
            "A DECIMAL(6, 3), B DECIMAL(38, 0)",
        ),
    ],
)  # fmt: skip
def test_columns_inferred(text: str, expected: str) -> None:
    assert columns_of(text) == expected


def test_names_stay_when_the_schema_is_asked_for_by_id() -> None:
    assert (
        columns_of("message A { B b = 1; } message B { int32 x = 1; }", VALUE_SCHEMA_ID="1") == "b STRUCT<`x` INTEGER>"
    )


def test_the_message_is_picked_by_its_full_name() -> None:
    text = "package p; message A { int32 a = 1; message C { int32 c = 1; } } message B { int32 b = 1; }"
    assert columns_of(text, VALUE_SCHEMA_FULL_NAME="p.B") == "B INTEGER"
    assert columns_of(text, VALUE_SCHEMA_FULL_NAME="p.A.C") == "C INTEGER"
    with pytest.raises(UnknownName, match="has no message named X"):
        columns_of(text, VALUE_SCHEMA_FULL_NAME="X")


def test_references_are_compiled_with_the_schema() -> None:
    other = 'syntax = "proto3"; message Event { int64 at = 1; }'
    assert (
        columns_of('import "in/event.proto"; message A { Event e = 1; }', ("in/event.proto", other))
        == "E STRUCT<AT BIGINT>"
    )
    with pytest.raises(AnalysisError, match="cannot be named"):
        columns_of("message A { int32 a = 1; }", ("../event.proto", other))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("message A { int32 a = }", "line 2"),
        ("message A { A a = 1; }", "A.a"),
        ("message A { }", "no fields"),
        ("message A { B b = 1; } message B { }", "A.b"),
        ("enum E { X = 0; }", "no message"),
    ],
)
def test_schemas_refused(text: str, reason: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        columns_of(text)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("sql_type", "reason"),
    [
        ("ARRAY<ARRAY<INT>>", "not repeated again"),
        ("MAP<INT, DOUBLE>", "PROTOBUF format only supports MAP types with STRING keys"),
        ("STRUCT<`a b` INT>", "letters, digits"),
    ],
)
def test_columns_refused(sql_type: str, reason: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        FORMAT.check([FormatColumn("A", parse_type(sql_type))], {}, is_key=False)
    assert reason in str(refused.value)


def test_a_single_value_is_not_unwrapped() -> None:
    with pytest.raises(AnalysisError, match="does not support 'WRAP_SINGLE_VALUE' set to 'false'"):
        FORMAT.check([FormatColumn("A", INTEGER)], {"WRAP_SINGLE_VALUE": "false"}, is_key=False)


def test_written_with_the_schema_of_an_id_and_read_by_message_indexes() -> None:
    properties = setting()
    text = """syntax = "proto3"; message A { int32 a = 1; } message B {
         sint64 b = 3; uint32 c = 5; message C { E e = 1; } enum E { X = 0; Y = 1; } }"""
    number = open_registry(properties["SCHEMA_REGISTRY"]).register("t-value", Schema("PROTOBUF", text))
    properties |= {"VALUE_SCHEMA_ID": str(number), "VALUE_SCHEMA_FULL_NAME": "B"}
    columns = [FormatColumn("b", BIGINT), FormatColumn("C", BIGINT)]
    encoder = FORMAT.encoder(columns, properties, is_key=False)
    payload, errors = encoder.encode([pa.array([-1, 2]), pa.array([1, 1 << 32])], None, CONNECTION)
    assert payload[0].as_py() == message_header(number, (1,)) + b"\x18\x01\x28\x01"
    assert errors == [(1, "a value is out of range for the PROTOBUF field c")]
    deeper = message_header(number, (1, 0)) + b"\x08\x01"
    nowhere = message_header(number, (5,)) + b"\x08\x01"
    wanted = [FormatColumn("B", BIGINT), FormatColumn("E", STRING)]
    decoded = FORMAT.decoder(wanted, properties, is_key=False).decode(
        pa.array([deeper, payload[0].as_py(), nowhere, message_header(999, (0,))], pa.binary()), CONNECTION
    )
    assert decoded.columns[0].to_pylist() == [None, -1, None, None]
    assert decoded.columns[1].to_pylist() == ["Y", None, None, None]
    assert [row for row, _ in decoded.errors] == [2, 3]
    with pytest.raises(AnalysisError, match="has no field for the column X"):
        FORMAT.encoder([FormatColumn("X", BIGINT)], properties, is_key=False)


def test_types_that_do_not_go_together_are_errors_of_their_records() -> None:
    properties = setting()
    number = open_registry(properties["SCHEMA_REGISTRY"]).register(
        "t-value", Schema("PROTOBUF", 'syntax = "proto3"; message A { string a = 1; int32 b = 2; }')
    )
    record = message_header(number, (0,)) + b"\x0a\x01x\x10\x05"
    decoded = FORMAT.decoder([FormatColumn("A", BIGINT)], properties, is_key=False).decode(
        pa.array([record]), CONNECTION
    )
    assert decoded.errors == [(0, "Cannot deserialize type string as type BIGINT for path: ->A")]
    decoded = FORMAT.decoder([FormatColumn("B", STRING)], properties, is_key=False).decode(
        pa.array([record]), CONNECTION
    )
    assert decoded.columns[0].to_pylist() == ["5"]


def test_a_null_inside_an_array_costs_its_row_only() -> None:
    columns = [FormatColumn("A", Array(INTEGER))]
    encoder = BARE.encoder(columns, {}, is_key=False)
    payload, errors = encoder.encode([pa.array([[1], [None], None, [2, 3]], pa.list_(pa.int32()))], None, CONNECTION)
    assert errors == [(1, "PROTOBUF cannot hold a NULL inside an array: A")]
    assert payload.to_pylist() == [b"\x0a\x01\x01", None, b"", b"\x0a\x02\x02\x03"]


@pytest.mark.parametrize(
    ("number", "scale", "read"),
    [(-1234, 2, "-12.34"), (12, 1, "1.20"), (1, 0, "1.00"), (5, -1, "50.00"), (1230, 3, "1.23"), (1234, 3, None),
     (100, 0, None), (9999, 2, "99.99"), (10000, 2, None), (0, 0, "0.00"), (10**30, 28, None),
     (1, 2**31 - 1, None), (1, -(2**31), None), (1, -1_000_000, None)],
)  # fmt: skip
def test_decimals_of_other_scales(number: int, scale: int, read: str | None) -> None:
    columns = [FormatColumn("A", Decimal(4, 2))]
    schema = compiled(BARE.schema_of(columns, {}, is_key=False), lambda r: None)  # type: ignore[arg-type,return-value]
    message = message_factory.GetMessageClass(schema.message(None))()
    message.A.value, message.A.scale = number.to_bytes(16, "big", signed=True).lstrip(b"\0") or b"\0", scale
    if number > 0 and message.A.value[0] >= 0x80:
        message.A.value = b"\0" + message.A.value
    decoder = BARE.decoder(columns, {}, is_key=False)
    decoded = decoder.decode(pa.array([message.SerializeToString(), b""]), CONNECTION)
    assert decoded.columns[0].to_pylist() == [None if read is None else decimal.Decimal(read), None]
    assert [row for row, _ in decoded.errors] == ([0] if read is None else [])


def test_all_digits_of_a_wide_decimal() -> None:
    columns = [FormatColumn("A", Decimal(38, 10))]
    wide = decimal.Decimal("-9999999999999999999999999999.5000000000")
    payload, _ = BARE.encoder(columns, {}, is_key=False).encode(
        [pa.array([wide], pa.decimal128(38, 10))], None, CONNECTION
    )
    decoded = BARE.decoder(columns, {}, is_key=False).decode(payload, CONNECTION)
    assert (decoded.columns[0].to_pylist(), decoded.errors) == ([wide], [])


def test_of_a_oneof_the_first_value_is_written() -> None:
    properties = setting()
    text = 'syntax = "proto3"; message A { oneof o { int32 a = 1; string b = 2; } int32 c = 3; }'
    number = open_registry(properties["SCHEMA_REGISTRY"]).register("t-value", Schema("PROTOBUF", text))
    properties["VALUE_SCHEMA_ID"] = str(number)
    columns = [FormatColumn("o_0", parse_type("STRUCT<`a` INT, `b` STRING>")), FormatColumn("c", INTEGER)]
    chosen = [{"f0": 0, "f1": "x"}, {"f0": None, "f1": "y"}, {"f0": None, "f1": None}, None]
    arrays = [pa.array(chosen, arrow_type(columns[0].type)), pa.array([1, 2, 3, None], pa.int32())]
    payload, errors = FORMAT.encoder(columns, properties, is_key=False).encode(arrays, None, CONNECTION)
    assert errors == []
    decoded = FORMAT.decoder(columns, properties, is_key=False).decode(payload, CONNECTION)
    assert decoded.columns[0].to_pylist() == [{"f0": 0, "f1": None}, {"f0": None, "f1": "y"}, None, None]
    assert decoded.columns[1].to_pylist() == [1, 2, 3, 0]


def test_a_schema_may_be_registered_after_its_records() -> None:
    properties = setting()
    decoder = FORMAT.decoder([FormatColumn("A", INTEGER)], properties, is_key=False)
    batch = pa.array([message_header(1, (0,)) + b"\x08\x05"])
    assert [row for row, _ in decoder.decode(batch, CONNECTION).errors] == [0]
    text = 'syntax = "proto3"; message A { int32 a = 1; }'
    assert open_registry(properties["SCHEMA_REGISTRY"]).register("t-value", Schema("PROTOBUF", text)) == 1
    assert decoder.decode(batch, CONNECTION).columns[0].to_pylist() == [5]


def test_message_indexes_without_an_end_cost_no_more_than_their_record() -> None:
    """A number that grows with each of a million bytes takes minutes."""
    properties = setting()
    decoder = FORMAT.decoder([FormatColumn("A", INTEGER)], properties, is_key=False)
    started = time.monotonic()
    found = decoder.decode(pa.array([b"\0\0\0\0\1" + b"\xff" * 2_000_000]), CONNECTION)
    assert [row for row, _ in found.errors] == [0]
    assert time.monotonic() - started < 5


def test_a_schema_that_is_none_is_asked_for_once_a_batch() -> None:
    asked = []

    def schema_of(number: int) -> Any:
        asked.append(number)
        raise AnalysisError("no such schema")

    decoder = ProtobufDecoder([FormatColumn("A", INTEGER)], schema_of)
    batch = pa.array([b"\0\0\0\0\1" + bytes([2, 2 * i]) + b"x" for i in range(50)])
    assert len(decoder.decode(batch, CONNECTION).errors) == 50
    assert asked == [1]
    decoder.decode(batch, CONNECTION)
    assert asked == [1, 1]


def test_schemas_are_compiled_beside_tensorflow():
    """Both carry a copy of protobuf's C++ library: a host that runs models must outlive a schema."""
    pytest.importorskip("tensorflow")
    code = (
        "import tensorflow\n"
        "from mergus.engine.io.formats.protobuf.compile import compiled\n"
        "from mergus.engine.io.schemas.schema import Schema\n"
        "compiled(Schema('PROTOBUF', 'syntax = \"proto3\"; message M { int32 a = 1; }'), lambda *_: None)\n"
        "print('compiled')"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert made.stdout == "compiled\n", made.stderr
