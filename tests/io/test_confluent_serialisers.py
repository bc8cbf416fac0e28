"""What Confluent's own Python serialisers write is read, and they read what is written: PROTOBUF and JSON_SR."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from confluent_kafka.schema_registry import Schema as TheirSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.formats.json.with_schema import JsonSrFormat
from mergus.engine.io.formats.protobuf.records import ProtobufFormat
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Reference, Schema, SchemaType
from mergus.engine.sql.types import parse_type
from tests.protobuf_messages import message_class

CONNECTION = duckdb.connect()
PLACE = SerializationContext("t", MessageField.VALUE)
PROTO = """syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/type/date.proto";
message Other { int32 x = 1; }
message Order {
  message Line { string item = 1; optional uint32 count = 2; }
  enum State { OPEN = 0; SENT = 1; }
  int64 id = 1; repeated Line lines = 2; map<string, double> prices = 3; State state = 4;
  google.protobuf.Timestamp at = 5; google.type.Date due = 6; oneof paid { string card = 7; bool cash = 8; }
}
"""


@pytest.fixture
def theirs() -> Any:
    return SchemaRegistryClient.new_client({"url": f"mock://{uuid.uuid4()}"})


def copied(theirs: Any, schema_type: SchemaType) -> dict[str, str]:
    """Properties of a format, with a registry of ours that holds what theirs does."""
    properties = {"SCHEMA_REGISTRY": f"memory:{uuid.uuid4()}", "TOPIC": "t"}
    registry = open_registry(properties["SCHEMA_REGISTRY"])
    for subject in theirs.get_subjects():
        for version in theirs.get_versions(subject):
            found = theirs.get_version(subject, version)
            references = tuple(Reference(r.name, r.subject, r.version) for r in found.schema.references or ())
            registry.register(subject, Schema(schema_type, found.schema.schema_str, references), found.schema_id)
    return properties


def test_their_protobuf_is_read(theirs: Any) -> None:
    order = message_class(PROTO, "shop.Order")
    serialise = ProtobufSerializer(order, theirs, {"use.deprecated.format": False})
    made = order(id=7, lines=[{"item": "a", "count": 0}, {"item": "b"}], prices={"p": 1.5}, state=1, cash=False)
    made.at.seconds, made.at.nanos = 1_700_000_000, 5_000_000
    made.due.year, made.due.month, made.due.day = 2024, 2, 29
    raw = serialise(made, PLACE)
    properties = copied(theirs, "PROTOBUF") | {"VALUE_SCHEMA_FULL_NAME": "shop.Order"}
    registry = open_registry(properties["SCHEMA_REGISTRY"])
    columns = ProtobufFormat().columns_of(registry.latest("t-value").schema, registry.resolve, properties, is_key=False)
    assert [f"{c.name} {c.type}" for c in columns] == [
        "PAID_0 STRUCT<CARD STRING, CASH BOOLEAN>",
        "ID BIGINT",
        "LINES ARRAY<STRUCT<ITEM STRING, COUNT BIGINT>>",
        "PRICES MAP<STRING, DOUBLE>",
        "STATE STRING",
        "AT TIMESTAMP",
        "DUE DATE",
    ]
    decoded = ProtobufFormat().decoder(columns, properties, is_key=False).decode(pa.array([raw, None]), CONNECTION)
    assert decoded.errors == []
    assert [c[0].as_py() for c in decoded.columns] == [
        {"f0": None, "f1": False},
        7,
        [{"f0": "a", "f1": 0}, {"f0": "b", "f1": None}],
        [("p", 1.5)],
        "SENT",
        datetime.datetime(2023, 11, 14, 22, 13, 20, 5000),
        datetime.date(2024, 2, 29),
    ]
    assert decoded.is_null.to_pylist() == [False, True]


def test_they_read_our_protobuf(theirs: Any) -> None:
    types = {"A": "INT", "B": "ARRAY<STRING>", "C": "STRUCT<X BIGINT>", "D": "DECIMAL(6, 2)", "E": "TIMESTAMP"}
    columns = [FormatColumn(n, parse_type(t)) for n, t in types.items()]
    properties = {"SCHEMA_REGISTRY": f"memory:{uuid.uuid4()}", "TOPIC": "t"}
    struct = pa.array([{"f0": 5}], pa.struct([("f0", pa.int64())]))
    number = pa.array([decimal.Decimal("-12.34")], pa.decimal128(6, 2))
    moment = pa.array([datetime.datetime(2024, 1, 1)], pa.timestamp("ms"))
    arrays = [pa.array([1], pa.int32()), pa.array([["x", "y"]]), struct, number, moment]
    payload, _ = ProtobufFormat().encoder(columns, properties, is_key=False).encode(arrays, None, CONNECTION)
    text = open_registry(properties["SCHEMA_REGISTRY"]).latest("t-value").schema.text
    assert theirs.register_schema("t-value", TheirSchema(text, "PROTOBUF")) == 1
    read = ProtobufDeserializer(message_class(text), {"use.deprecated.format": False})(payload[0].as_py(), PLACE)
    assert (read.A, list(read.B), read.C.X, read.D.scale) == (1, ["x", "y"], 5, 2)
    assert int.from_bytes(read.D.value, "big", signed=True) == -1234
    assert read.E.seconds == 1_704_067_200


def test_json_sr_both_ways(theirs: Any) -> None:
    schema = {"title": "T", "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    raw = JSONSerializer(json.dumps(schema), theirs)({"a": 1, "b": "x"}, PLACE)
    properties = copied(theirs, "JSON")
    registry = open_registry(properties["SCHEMA_REGISTRY"])
    form = JsonSrFormat()
    columns = form.columns_of(registry.latest("t-value").schema, registry.resolve, properties, is_key=False)
    assert [f"{c.name} {c.type}" for c in columns] == ["A BIGINT", "B STRING"]
    decoded = form.decoder(columns, properties, is_key=False).decode(pa.array([raw]), CONNECTION)
    assert [c.to_pylist() for c in decoded.columns] == [[1], ["x"]]
    properties["TOPIC"] = "out"
    payload, _ = form.encoder(columns, properties, is_key=False).encode(
        [pa.array([2]), pa.array([None], pa.string())], None, CONNECTION
    )
    ours = registry.latest("out-value")
    theirs.register_schema("out-value", TheirSchema(ours.schema.text, "JSON"))
    assert theirs.get_latest_version("out-value").schema_id == ours.id
    read = JSONDeserializer(ours.schema.text, schema_registry_client=theirs)(payload[0].as_py(), PLACE)
    assert read == {"A": 2, "B": None}
