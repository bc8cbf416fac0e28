"""AVRO: schemas to columns and back, every value through bytes, records that cannot be read, other writers' schemas."""

import datetime
import io
import json
import struct
import time
from decimal import Decimal

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mergus.engine.errors import AnalysisError
from mergus.engine.io.formats.avro.records import AvroFormat
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.schemas.opening import forget, open_registry
from mergus.engine.io.schemas.schema import Reference, Schema
from mergus.engine.sql.types import arrow_type, parse_type

PROPERTIES = {"SCHEMA_REGISTRY": "memory:avro", "TOPIC": "t", "SOURCE": "BIG_ORDERS"}
AVRO = AvroFormat()


@pytest.fixture
def registry():
    yield open_registry("memory:avro")
    forget("memory:avro")


def columns(*described):
    return [FormatColumn(name, parse_type(kind)) for name, kind in described]


def written(registry, schema, *values, subject="t-value"):
    """Payloads as another program writes them."""
    number = registry.register(subject, Schema("AVRO", json.dumps(schema)))
    made = []
    for value in values:
        out = io.BytesIO(b"\0" + struct.pack(">I", number))
        out.seek(5)
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
        made.append(out.getvalue())
    return made


def decoded(payloads, described, **properties):
    found = AVRO.decoder(described, PROPERTIES | properties, is_key=False).decode(pa.array(payloads, pa.binary()), None)
    return [c.to_pylist(maps_as_pydicts="strict") for c in found.columns], found


TYPES = {
    "INT": [0, -(2**31), 2**31 - 1],
    "BIGINT": [2**63 - 1, -(2**63)],
    "DOUBLE": [1.5, -0.0, float("inf")],
    "BOOLEAN": [True, False],
    "STRING": ["", "ä", "\0"],
    "BYTES": [b"", b"\xff\0"],
    "DECIMAL(38, 10)": [
        Decimal("-1234567890123456789012345678.0123456789"),
        Decimal("0.0000000001"),
        Decimal("-1.2800000000"),
    ],
    "DATE": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)],
    "TIME": [datetime.time(23, 59, 59, 999000)],
    "TIMESTAMP": [datetime.datetime(1900, 1, 1, 0, 0, 0, 1000), datetime.datetime(2999, 1, 1)],
    "ARRAY<ARRAY<INT>>": [[], [[1, None], None]],
    "MAP<STRING, STRUCT<D DATE, M MAP<STRING, INT>>>": [
        [("k", {"f0": datetime.date(2020, 1, 1), "f1": [("x", None)]})],
        [],
    ],
    "STRUCT<A TIME, B ARRAY<DECIMAL(4, 1)>>": [{"f0": datetime.time(1), "f1": [Decimal("-0.1")]}],
    "FLOAT[3]": [[1.0, 2.0, 0.5]],
}


@pytest.mark.parametrize("kind", TYPES)
def test_values_there_and_back(registry, kind):
    described = columns(("A", kind))
    array = pa.array([*TYPES[kind], None], arrow_type(described[0].type))
    for wrap in ("true", "false"):
        properties = PROPERTIES | {"WRAP_SINGLE_VALUE": wrap, "TOPIC": f"t-{wrap}"}
        payload, errors = AVRO.encoder(described, properties, is_key=False).encode([array], None, None)
        assert not errors
        assert payload.null_count == (wrap == "false")
        back = AVRO.decoder(described, properties, is_key=False).decode(payload, None)
        assert not back.errors
        assert back.columns[0].equals(array)
        assert back.is_null.to_pylist()[-1] == (wrap == "false")


def test_the_schema_that_is_registered():
    described = columns(("ID", "INT"), ("P", "STRUCT<X DECIMAL(4, 2)>"), ("M", "MAP<STRING, STRUCT<Y INT>>"))
    made = json.loads(AVRO.schema_of(described, PROPERTIES, is_key=False).text)
    assert (made["namespace"], made["name"]) == ("io.confluent.ksql.avro_schemas", "KsqlDataSourceSchema")
    number, place, entries = made["fields"]
    assert number == {"name": "ID", "type": ["null", "int"], "default": None}
    assert place["type"][1]["name"] == "KsqlDataSourceSchema_P"
    assert place["type"][1]["fields"][0]["type"][1]["logicalType"] == "decimal"
    assert entries["type"][1]["items"]["fields"][1]["type"][1]["name"] == "KsqlDataSourceSchema_M_MapValue"
    assert json.loads(AVRO.schema_of(described[:1], PROPERTIES, is_key=True).text) == "int"
    assert json.loads(AVRO.schema_of(described, PROPERTIES, is_key=True).text)["name"] == "BigOrdersKey"
    named = PROPERTIES | {"VALUE_SCHEMA_FULL_NAME": "org.example.Order"}
    assert json.loads(AVRO.schema_of(described, named, is_key=False).text)["namespace"] == "org.example"


def test_columns_of_what_others_wrote(registry):
    inner = {"type": "record", "name": "In", "fields": [{"name": "q", "type": "float"}]}
    fields = {
        "e": {"type": "enum", "name": "E", "symbols": ["A"]},
        "u": ["null", "int", "string", inner],
        "again": "In",
        "self": ["null", "Out"],
        "m": {"type": "map", "values": "long"},
        "f": {"type": "fixed", "name": "F", "size": 2},
        "micros": {"type": "long", "logicalType": "timestamp-micros"},
        "big": {"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 2},
    }
    schema = {"type": "record", "name": "Out", "fields": [{"name": n, "type": t} for n, t in fields.items()]}
    found = AVRO.columns_of(Schema("AVRO", json.dumps(schema)), registry.resolve, PROPERTIES, is_key=False)
    assert [f"{c.name} {c.type}" for c in found] == [
        "E STRING",
        "U STRUCT<INT INTEGER, STRING STRING, IN STRUCT<Q DOUBLE>>",
        "AGAIN STRUCT<Q DOUBLE>",
        "M MAP<STRING, BIGINT>",
        "F BYTES",
        "MICROS BIGINT",
    ]
    kept = AVRO.columns_of(Schema("AVRO", json.dumps(schema)), registry.resolve, {"VALUE_SCHEMA_ID": "1"}, is_key=False)
    assert kept[0].name == "e"
    with pytest.raises(AnalysisError, match="anonymous"):
        AVRO.columns_of(Schema("AVRO", '"int"'), registry.resolve, PROPERTIES, is_key=False)


def test_a_union_of_types_is_a_struct(registry):
    schema = {"type": "record", "name": "R", "fields": [{"name": "u", "type": ["null", "int", "string", "boolean"]}]}
    payloads = written(registry, schema, {"u": 5}, {"u": "x"}, {"u": True}, {"u": None})
    (found,), _ = decoded(payloads, columns(("U", "STRUCT<INT INT, STRING STRING, BOOLEAN BOOLEAN>")))
    assert found[0] == {"f0": 5, "f1": None, "f2": None}
    assert found[1]["f1"] == "x"
    assert found[2] == {"f0": None, "f1": None, "f2": True}
    assert found[3] is None


def test_several_writers_in_one_batch(registry):
    old = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}]}
    more = [*old["fields"], {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []}]
    new = {"type": "record", "name": "R", "fields": more}
    first, second = written(registry, old, {"id": 1}, {"id": 2})
    (third,) = written(registry, new, {"id": 3, "tags": ["a"]})
    payloads = [third, first, None, b"\0\0\0\0\x63zz", second, b"plain", third[:6]]
    (ids, tags), found = decoded(payloads, columns(("ID", "BIGINT"), ("TAGS", "ARRAY<STRING>")))
    assert ids == [3, 1, None, None, 2, None, None]
    assert tags == [["a"], None, None, None, None, None, None]
    assert [row for row, _ in found.errors] == [3, 5, 6]
    assert found.is_null.to_pylist() == [False, False, True, False, False, False, False]


def test_what_does_not_fit_costs_the_record_only(registry):
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "D", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}}],
    }
    payloads = written(registry, schema, {"D": Decimal("1.500")}, {"D": Decimal("1.501")}, {"D": Decimal("123.4")})
    long = payloads[0][:5] + b"\x50" + b"\x7f" * 40  # more digits than the schema allows
    (found,), whole = decoded([*payloads, long], columns(("D", "DECIMAL(3, 1)")))
    assert found == [Decimal("1.5"), None, None, None]
    assert [row for row, _ in whole.errors] == [1, 2, 3]
    _, whole = decoded(payloads, columns(("D", "STRING")))
    assert "cannot be read as STRING" in whole.errors[0][1]


def test_a_named_schema_takes_no_null_but_its_default(registry):
    fields = [
        {"name": "a", "type": "int"},
        {"name": "b", "type": "int", "default": 7},
        {"name": "c", "type": "long", "default": 1},
    ]
    number = registry.register("x", Schema("AVRO", json.dumps({"type": "record", "name": "R", "fields": fields})))
    described = columns(("A", "INT"), ("B", "INT"))
    properties = PROPERTIES | {"VALUE_SCHEMA_ID": str(number)}
    arrays = [pa.array([1, None], pa.int32()), pa.array([None, 2], pa.int32())]
    payload, errors = AVRO.encoder(described, properties, is_key=False).encode(arrays, None, None)
    assert [row for row, _ in errors] == [1]
    (a, b, c), _ = decoded(payload.to_pylist(), columns(("A", "INT"), ("B", "INT"), ("C", "BIGINT")))
    assert (a[0], b[0], c[0]) == (1, 7, 1)
    assert payload.to_pylist()[1] is None


def test_references(registry):
    registry.register("in", Schema("AVRO", '{"type":"record","name":"a.In","fields":[{"name":"q","type":"int"}]}'))
    text = '{"type":"record","name":"Out","fields":[{"name":"x","type":"a.In"}]}'
    whole = Schema("AVRO", text, (Reference("a.In", "in", 1),))
    registry.register("t-value", whole)
    (found,) = AVRO.columns_of(whole, registry.resolve, PROPERTIES, is_key=False)
    assert str(found.type) == "STRUCT<Q INTEGER>"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_are_read_or_reported(bodies):
    registry = open_registry("memory:avro")
    kinds = ["INT", "STRING", "MAP<STRING, INT>", "ARRAY<DATE>", "DECIMAL(4, 2)", "TIMESTAMP", "STRUCT<A TIME>"]
    described = columns(*((f"C{i}", kind) for i, kind in enumerate(kinds)))
    number = registry.register("t-value", AVRO.schema_of(described, PROPERTIES, is_key=False))
    payloads = [b"\0" + struct.pack(">I", number) + body for body in bodies] + bodies
    _, found = decoded(payloads, described)
    assert all(len(c) == len(payloads) for c in found.columns)
    assert {row for row, _ in found.errors} >= {row for row, p in enumerate(payloads) if p[:1] != b"\0"}


def test_bytes_that_begin_in_as_many_ways_as_there_are_rows(registry):
    """In one pass: with one for each beginning, such a batch took minutes, and the query with it."""
    one, other = ({"type": "record", "name": n, "fields": [{"name": "A", "type": "int"}]} for n in ("R", "S"))
    good = [*written(registry, one, {"A": 1}, subject="r"), *written(registry, other, {"A": 2}, subject="s")]
    rubbish = [struct.pack(">I", i) + b"\x01xy" for i in range(1 << 24, (1 << 24) + 20_000)]
    unknown = [b"\0" + struct.pack(">I", i) + b"\x01xy" for i in range(1_000, 2_000)]
    payloads = [*rubbish, good[0], None, *unknown, good[1]]
    started = time.monotonic()
    (values,), found = decoded(payloads, columns(("A", "INT")))
    assert time.monotonic() - started < 20
    assert [(i, v) for i, v in enumerate(values) if v is not None] == [(20_000, 1), (21_002, 2)]
    assert [row for row, _ in found.errors] == [*range(20_000), *range(20_002, 21_002)]
    assert found.is_null.to_pylist().count(True) == 1


def test_a_schema_may_be_registered_after_its_records(registry):
    schema = {"type": "record", "name": "R", "fields": [{"name": "A", "type": "int"}]}
    decoder = AVRO.decoder(columns(("A", "INT")), PROPERTIES, is_key=False)
    batch = pa.array([b"\0\0\0\0\x01\x0a"])
    assert [row for row, _ in decoder.decode(batch, None).errors] == [0]
    written(registry, schema, {"A": 5})
    assert decoder.decode(batch, None).columns[0].to_pylist() == [5]
