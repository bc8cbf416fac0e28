"""JSON_SR: JSON behind a header, and JSON Schemas to columns and back."""

from __future__ import annotations

import json
import uuid

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings

from mergus.engine.errors import AnalysisError
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.formats.json.records import JsonFormat
from mergus.engine.io.formats.json.with_schema import JsonSrFormat
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Reference, Schema
from mergus.engine.sql.types import BIGINT, INTEGER, STRING, parse_type

CONNECTION = duckdb.connect()
FORMAT, PLAIN = JsonSrFormat(), JsonFormat()
TYPES = st.recursive(
    st.sampled_from(
        ["BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP", "DECIMAL(38, 10)"]
    ),
    lambda inner: st.one_of(
        inner.map("ARRAY<{}>".format),
        inner.map("MAP<STRING, {}>".format),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda ts: "STRUCT<" + ", ".join(f"F{i} {t}" for i, t in enumerate(ts)) + ">"
        ),
    ),
    max_leaves=4,
)


def setting(**more: str) -> dict[str, str]:
    return {"SCHEMA_REGISTRY": f"memory:{uuid.uuid4()}", "TOPIC": "t", **more}


@given(st.lists(TYPES, min_size=1, max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_schema_that_is_written_says_the_columns(types: list[str], bare: bool) -> None:
    columns = [FormatColumn(f"C{i}", parse_type(t)) for i, t in enumerate(types[:1] if bare else types)]
    properties = {"WRAP_SINGLE_VALUE": "false"} if bare else {}
    schema = FORMAT.schema_of(columns, properties, is_key=False)
    found = FORMAT.columns_of(schema, no_reference, properties, is_key=False)
    assert [c.type for c in found] == [c.type for c in columns]
    assert [c.name for c in found] == (["ROWVAL"] if bare else [c.name for c in columns])


def no_reference(reference: Reference) -> Schema:
    raise AssertionError(reference)


def columns_of(schema: object, *, is_key: bool = False, **properties: str) -> str:
    found = FORMAT.columns_of(Schema("JSON", json.dumps(schema)), no_reference, properties, is_key=is_key)
    return ", ".join(f"{c.name} {c.type}" for c in found)


def of(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (of(a={"type": "integer"}, b={"type": "number"}, c={"type": "string"}), "A BIGINT, B DOUBLE, C STRING"),
        (of(a={"type": "integer", "connect.type": "int16"}), "A INTEGER"),
        (of(b={"type": "number", "connect.type": "float32"}), "B DOUBLE"),
        (of(a={"type": ["null", "boolean"]}, b={"enum": ["x", "y"]}), "A BOOLEAN, B STRING"),
        (of(b={"connect.index": 1, "type": "string"}, a={"connect.index": 0, "type": "integer"}), "A BIGINT, B STRING"),
        (of(a={"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}), "A ARRAY<STRING>"),
        (of(a=of(b={"type": "boolean"})), "A STRUCT<B BOOLEAN>"),
        (of(a={"type": "object", "connect.type": "map", "additionalProperties": {"type": "integer"}}), "A MAP<STRING, BIGINT>"),
        (of(a={"type": "object", "additionalProperties": {"type": "integer"}}), "A MAP<STRING, BIGINT>"),
        (
            of(a={"type": "array", "connect.type": "map", "items": of(key={"type": "string"}, value={"type": "number"})}),
            "A MAP<STRING, DOUBLE>",
        ),
        (
            {**of(a={"$ref": "#/definitions/x"}), "definitions": {"x": of(b={"type": "string", "connect.type": "bytes"})}},
            "A STRUCT<B BYTES>",
        ),
        (of(a={"allOf": [{"type": "string"}, {"minLength": 3}]}), "A STRING"),
        (of(a={"type": "number", "title": "org.apache.kafka.connect.data.Decimal", "connect.type": "bytes",
               "connect.parameters": {"scale": "2", "connect.decimal.precision": "4"}}), "A DECIMAL(4, 2)"),
        (of(a={"type": "integer", "title": "org.apache.kafka.connect.data.Timestamp", "connect.type": "int64"}), "A TIMESTAMP"),
    ],
)  # fmt: skip
def test_columns_inferred(schema: object, expected: str) -> None:
    assert columns_of(schema) == expected


def test_keys_are_one_column_and_names_stay_when_asked_for_by_id() -> None:
    assert columns_of({"type": "integer"}, is_key=True) == "ROWKEY BIGINT"
    assert columns_of(of(a={"type": "string"}), is_key=True) == "ROWKEY STRUCT<A STRING>"
    assert columns_of(of(a=of(b={"type": "string"})), VALUE_SCHEMA_ID="1") == "a STRUCT<`b` STRING>"


def test_references_by_name() -> None:
    schema = Schema("JSON", json.dumps(of(a={"$ref": "part.json#/definitions/p"})), (Reference("part.json", "s", 1),))
    part = Schema("JSON", json.dumps({"definitions": {"p": {"type": "integer"}}}))
    found = FORMAT.columns_of(schema, lambda reference: part, {}, is_key=False)
    assert found == [FormatColumn("A", BIGINT)]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (of(a={"oneOf": [{"type": "string"}, {"type": "integer"}]}), "a"),
        (of(a=of(b=True)), "a.b"),
        (of(a={"type": "object"}), "names no properties"),
        (of(a={"$ref": "#"}), "holds itself"),
        (of(a={"$ref": "#/definitions/no"}), "leads nowhere"),
        ({"type": "integer"}, "anonymous type"),
    ],
)
def test_schemas_refused(schema: object, reason: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        columns_of(schema)
    assert reason in str(refused.value)


COLUMNS = [FormatColumn("I", INTEGER), FormatColumn("L", BIGINT), FormatColumn("S", STRING)]


@given(st.lists(st.none() | st.binary(max_size=30) | st.sampled_from([b'{"I":1}', b"null", b"{"]), min_size=1))
@settings(max_examples=200, deadline=None)
def test_behind_the_header_it_is_json(texts: list[bytes | None]) -> None:
    whole = pa.array([None if t is None else b"\0\0\0\0\x07" + t for t in texts], pa.binary())
    with_header = FORMAT.decoder(COLUMNS, {}, is_key=False).decode(whole, CONNECTION)
    without = PLAIN.decoder(COLUMNS, {}, is_key=False).decode(pa.array(texts, pa.binary()), CONNECTION)
    assert with_header == without
    bare = FORMAT.decoder(COLUMNS, {}, is_key=False).decode(pa.array([*texts, b"{}"], pa.binary()), CONNECTION)
    assert len(texts) in dict(bare.errors)


def test_what_is_written_is_read_by_the_fast_way() -> None:
    properties = setting()
    arrays = [
        pa.array([*range(500), None], pa.int32()),
        pa.array([*range(500), None]),
        pa.array([*map(str, range(500)), None]),
    ]
    tombstone = pa.array([i == 3 for i in range(501)])
    payload, errors = FORMAT.encoder(COLUMNS, properties, is_key=False).encode(arrays, tombstone, CONNECTION)
    assert errors == []
    assert payload[1].as_py() == b'\0\0\0\0\x01{"I":1,"L":1,"S":"1"}'
    assert payload[3].as_py() is None
    decoder = FORMAT.decoder(COLUMNS, properties, is_key=False)
    decoded = decoder.decode(payload, CONNECTION)
    assert decoder.json.fast is not None
    assert decoded.columns[0].to_pylist()[:6] == [0, 1, 2, None, 4, 5]
    assert decoded.is_null.to_pylist() == tombstone.to_pylist()


def test_written_with_the_schema_of_an_id() -> None:
    properties = setting()
    schema = of(i={"type": "integer"}, more={"oneOf": [{"type": "null"}, {"type": "string"}]})
    registry = open_registry(properties["SCHEMA_REGISTRY"])
    properties["VALUE_SCHEMA_ID"] = str(registry.register("t-value", Schema("JSON", json.dumps(schema))))
    encoder = FORMAT.encoder([FormatColumn("i", INTEGER)], properties, is_key=False)
    payload, errors = encoder.encode([pa.array([1, None], pa.int32())], None, CONNECTION)
    assert payload.to_pylist() == [b'\0\0\0\0\x01{"i":1,"more":null}', None]
    assert errors == [(1, "Invalid null value for required field i")]
    with pytest.raises(AnalysisError, match="misses field with name: j"):
        FORMAT.encoder([FormatColumn("j", INTEGER)], properties, is_key=False)
    with pytest.raises(AnalysisError, match=r"required field: \[i\]"):
        FORMAT.encoder([FormatColumn("more", STRING)], properties, is_key=False)
