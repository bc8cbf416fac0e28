"""Confluent's own serialisers and deserialisers on both sides of a query, over a real broker and the engine's registry.

Their client finds the embedded registry over HTTP, as an application of a Kafka user would; nothing is shared in memory.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import mergus
from tests.protobuf_messages import message_class

pytestmark = pytest.mark.kafka
ROWS = [{"id": f"r{i}", "celsius": i / 4, "tags": ["a"] * i} for i in range(4)]
WARMER = [{"ID": f"R{i}", "KELVIN": i / 4 + 273.15, "TAGS": ["a"] * i} for i in range(4)]
AVRO = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "celsius", "type": ["null", "double"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
JSON = {
    "title": "Reading",
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "celsius": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
PROTO = 'syntax = "proto3"; message Reading { string id = 1; double celsius = 2; repeated string tags = 3; }'


@pytest.fixture(scope="module")
def db(kafka, tmp_path_factory):
    with mergus.connect(tmp_path_factory.mktemp("kafka") / "data", kafka=kafka) as found:
        yield found


@pytest.fixture(scope="module")
def client(url):
    with SchemaRegistryClient({"url": f"{url}/schema-registry"}) as found:
        yield found


def consumed(kafka: str, topic: str, count: int) -> list[bytes]:
    """The values of a topic's first records."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    messages = [consumer.poll(30) for _ in range(count)]
    consumer.close()
    assert all(message is not None and message.error() is None for message in messages)
    return [message.value() for message in messages]


def through_a_query(db, kafka: str, value_format: str, write: Callable[[str, dict], bytes]) -> tuple[str, list[bytes]]:
    """Put ROWS on a topic of the broker, read them by SQL, and give the output's topic with what is on it."""
    name = f"{value_format.lower()}{uuid.uuid4().hex[:8]}"
    readings, out = f"{name}_in", f"{name}_out"
    db.engine.topics.create(readings, 1, 1, {})
    producer = Producer({"bootstrap.servers": kafka})
    for row in ROWS:
        producer.produce(readings, write(readings, row))
    producer.flush()
    db.execute(f"CREATE STREAM {name} WITH (kafka_topic='{readings}', value_format='{value_format}');")
    db.execute(
        f"CREATE STREAM {name}_k WITH (kafka_topic='{out}') AS "
        f"SELECT ucase(id) AS id, celsius + 273.15E0 AS kelvin, tags FROM {name};"
    )
    db.wait(60)
    assert db.query(f"SELECT id, kelvin, tags FROM {name}_k;").rows() == WARMER
    return out, consumed(kafka, out, len(ROWS))


def value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def test_avro(db, kafka, client):
    serialise = AvroSerializer(client, json.dumps(AVRO))
    out, written = through_a_query(db, kafka, "AVRO", lambda topic, row: serialise(row, value_of(topic)))
    assert [AvroDeserializer(client)(value, value_of(out)) for value in written] == WARMER


def test_json_sr(db, kafka, client):
    serialise = JSONSerializer(json.dumps(JSON), client)
    out, written = through_a_query(db, kafka, "JSON_SR", lambda topic, row: serialise(row, value_of(topic)))
    read = JSONDeserializer(None, schema_registry_client=client)
    assert [read(value, value_of(out)) for value in written] == WARMER


def test_protobuf(db, kafka, client):
    settings = {"use.deprecated.format": False}
    reading = message_class(PROTO)
    serialise = ProtobufSerializer(reading, client, settings)
    out, written = through_a_query(db, kafka, "PROTOBUF", lambda topic, row: serialise(reading(**row), value_of(topic)))
    registered = client.get_latest_version(f"{out}-value").schema.schema_str
    read = ProtobufDeserializer(message_class(registered), settings)
    found = [read(value, value_of(out)) for value in written]
    assert [{"ID": m.ID, "KELVIN": m.KELVIN, "TAGS": list(m.TAGS)} for m in found] == WARMER
