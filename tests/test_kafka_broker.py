"""The broker that the Kafka tests run on is a real one: it makes topics as asked and keeps what a transaction aborted hidden."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

pytestmark = pytest.mark.kafka


def test_a_topic_is_made_with_its_partitions_and_gives_back_what_was_produced(kafka: str) -> None:
    topic = _topic(kafka, partitions=3)
    producer = Producer({"bootstrap.servers": kafka})
    for partition in range(3):
        producer.produce(topic, key=b"k", value=b"value %d" % partition, partition=partition)
    assert producer.flush(30) == 0

    assert sorted(_value(message) for message in _read(kafka, topic, count=3)) == [b"value 0", b"value 1", b"value 2"]


def test_a_committed_reader_does_not_see_an_aborted_transaction(kafka: str) -> None:
    topic = _topic(kafka, partitions=1)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(30)
    for value, keep in ((b"lost", False), (b"kept", True)):
        producer.begin_transaction()
        producer.produce(topic, value=value)
        producer.flush(30)
        (producer.commit_transaction if keep else producer.abort_transaction)(30)

    assert [_value(message) for message in _read(kafka, topic, count=1)] == [b"kept"]


def _topic(kafka: str, partitions: int) -> str:
    name = f"broker-test-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka})  # lives until the answer is here
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
    return name


def _read(kafka: str, topic: str, count: int) -> list[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": topic,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    messages: list[Message] = []
    try:
        while len(messages) < count and (batch := consumer.consume(count - len(messages), timeout=30)):
            messages += batch
    finally:
        consumer.close()
    return messages


def _value(message: Message) -> bytes | str | None:
    assert message.error() is None
    return message.value()
