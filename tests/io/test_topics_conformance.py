"""What every cluster of topics promises, tried on the embedded one and on a real Kafka by the same functions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer

from mergus.engine.clock import SystemClock
from mergus.engine.errors import Conflict, EnvironmentFault, UnknownName
from mergus.engine.io.bounded import records_until
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.kafka.topics import KafkaTopics
from mergus.engine.io.topics import HEADERS, Reader, Topics
from tests.mergus_server import until

Record = tuple[bytes | None, bytes | None]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def topics(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Topics]:
    made: Topics
    if request.param == "embedded":
        made = EmbeddedTopics(tmp_path / "topics", clock=SystemClock())
    else:
        made = KafkaTopics(request.getfixturevalue("kafka"), {"message.max.bytes": "16000000"})
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:10]}"


def records(*given: Record, **columns: Any) -> pa.RecordBatch:
    made = {"key": pa.array([k for k, _ in given], pa.binary()), "value": pa.array([v for _, v in given], pa.binary())}
    return pa.RecordBatch.from_pydict(made | columns)


def produce(topics: Topics, name: str, *batches: pa.RecordBatch) -> None:
    writer = topics.writer()
    for batch in batches:
        writer.write(name, batch)
    writer.flush()
    writer.close()


def read(reader: Reader, count: int, max_records: int = 1000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        batch = reader.poll(max_records, timeout_ms=10_000)
        assert batch is not None, f"only {len(found)} of {count} records came"
        assert 0 < len(batch) <= max_records
        found += batch.to_pylist()
    return found


def read_all(topics: Topics, name: str, columns: tuple[str, ...] = ("value",), **more: Any) -> list[dict[str, Any]]:
    reader = topics.reader({(name, p): o for p, o in topics.begin_offsets(name).items()}, columns)
    found = read(reader, sum(topics.end_offsets(name).values()), **more)
    reader.close()
    return found


def test_a_topic_is_made_described_listed_and_deleted(topics: Topics, name: str) -> None:
    topics.create(name, 3, 1, {"retention.ms": "60000"})
    info = topics.describe(name)
    assert info is not None
    assert (info.partitions, info.replicas, info.config["retention.ms"]) == (3, 1, "60000")
    assert name in [each.name for each in topics.list()]
    assert topics.begin_offsets(name) == topics.end_offsets(name) == {0: 0, 1: 0, 2: 0}
    with pytest.raises(Conflict, match=name):
        topics.create(name)
    topics.delete(name)
    assert topics.describe(name) is None
    with pytest.raises(UnknownName):
        topics.delete(name)
    with pytest.raises(UnknownName):
        topics.end_offsets(name)


@pytest.mark.parametrize("max_records", [1, 3, 1000])
def test_records_come_back_as_they_went_in(topics: Topics, name: str, max_records: int) -> None:
    topics.create(name)
    given: list[Record] = [(b"k", b"v"), (None, b"no key"), (b"tombstone", None), (b"", b""), (None, None)]
    headers = pa.array([[{"key": "h", "value": b"1"}, {"key": "h", "value": None}], None, None, None, None], HEADERS)
    times = pa.array([5, 1, 2, 3, 4], pa.int64())
    produce(topics, name, records(*given, headers=headers, timestamp=times), records((b"last", b"one")))
    found = read_all(topics, name, ("key", "value", "headers", "timestamp"), max_records=max_records)
    assert [(r["key"], r["value"]) for r in found] == [*given, (b"last", b"one")]
    assert [r["offset"] for r in found] == list(range(6))
    assert [r["timestamp"] for r in found[:5]] == [5, 1, 2, 3, 4]
    assert found[5]["timestamp"] > 1_600_000_000_000
    assert found[0]["headers"] == [{"key": "h", "value": b"1"}, {"key": "h", "value": None}]
    assert not found[1]["headers"]


def test_a_tombstone_has_its_time_also_where_times_are_not_wanted(topics: Topics, name: str) -> None:
    topics.create(name)
    produce(topics, name, records((b"k", b"v"), (b"k", None), timestamp=pa.array([5, 6], pa.int64())))
    found = read_all(topics, name, ("value",), max_records=1)
    assert [r["timestamp"] for r in found if r["value"] is None] == [6]


def test_a_column_that_was_not_asked_for_is_absent(topics: Topics, name: str) -> None:
    topics.create(name)
    produce(topics, name, records((b"k", b"v")))
    (found,) = read_all(topics, name, ("key",))
    assert set(found) == {"topic", "partition", "offset", "timestamp", "key"}


def test_partitions_are_kafkas(topics: Topics, name: str, kafka: str) -> None:
    """By key as a client with Java's partitioner puts them, or as the writer says."""
    topics.create(name, 5)
    keys = [b"%d" % i for i in range(200)] + [b""]
    produce(topics, name, records(*((key, b"") for key in keys)))
    ours = {r["key"]: r["partition"] for r in read_all(topics, name, ("key",))}
    theirs: dict[bytes, int] = {}
    cluster = KafkaTopics(kafka)
    reference = f"{name}-reference"
    cluster.create(reference, 5)
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    for key in keys:
        if key:
            producer.produce(
                reference, key=key, on_delivery=lambda _, m, k=key: theirs.__setitem__(k, m.partition() or 0)
            )
    producer.flush(30)
    cluster.close()
    assert theirs == {key: partition for key, partition in ours.items() if key}
    produce(topics, name, records((b"0", b"given"), partition=pa.array([4], pa.int32())))
    assert [r["partition"] for r in read_all(topics, name) if r["value"] == b"given"] == [4]


def test_records_without_a_key_are_dealt_out(topics: Topics, name: str) -> None:
    topics.create(name, 2)
    produce(topics, name, records(*((None, b"%d" % i) for i in range(100))))
    assert sum(topics.end_offsets(name).values()) == 100


def test_a_reader_goes_on_from_its_positions(topics: Topics, name: str) -> None:
    topics.create(name, 2)
    both = pa.array([0, 1] * 50, pa.int32())
    produce(topics, name, records(*((None, b"%d" % i) for i in range(100)), partition=both))
    reader = topics.reader({(name, 0): 0, (name, 1): 10})
    first = read(reader, 20, 7)
    positions = reader.positions()
    reader.close()
    again = topics.reader(positions)
    found = first + read(again, 90 - len(first))
    assert again.poll(10) is None
    assert again.positions() == {(name, 0): 50, (name, 1): 50}
    for partition, start in ((0, 0), (1, 10)):
        mine = [(r["offset"], r["value"]) for r in found if r["partition"] == partition]
        assert mine == [(i, b"%d" % (2 * i + partition)) for i in range(start, 50)]
    again.seek({(name, 0): 49, (name, 1): 48})
    assert sorted(r["value"] for r in read(again, 3)) == [b"97", b"98", b"99"]
    again.close()


def test_a_reader_sees_what_comes_later(topics: Topics, name: str) -> None:
    topics.create(name)
    reader = topics.reader({(name, 0): 0})
    assert reader.poll(10) is None
    for value in (b"a", b"b", b"c"):
        produce(topics, name, records((None, value)))
        assert [r["value"] for r in read(reader, 1)] == [value]
    assert reader.poll(10, timeout_ms=2) is None
    reader.close()


def test_one_reader_reads_several_topics(topics: Topics, name: str) -> None:
    other = f"{name}-other"
    for each in (name, other):
        topics.create(each)
        produce(topics, each, records((None, each.encode())))
    reader = topics.reader({(name, 0): 0, (other, 0): 0})
    for record in read(reader, 2):
        assert record["value"] == reader.topics[record["topic"]].encode()
    reader.close()


def test_a_record_of_10_mb(topics: Topics, name: str) -> None:
    topics.create(name, config={"max.message.bytes": "16000000"})
    large = bytes(range(256)) * 40_000
    produce(topics, name, records((b"small", b"1"), (b"large", large), (b"small", b"2")))
    assert [r["value"] for r in read_all(topics, name)] == [b"1", large, b"2"]


def test_what_is_delivered_is_there_at_once(topics: Topics, name: str) -> None:
    topics.create(name, 2)
    writer = topics.writer()
    assert list(writer.deliver(name, records((b"a", b"1"), (b"b", b"2")))) == [None, None]
    assert list(writer.deliver(name, records())) == []
    found = read_all(topics, name)
    assert sorted(r["value"] for r in found) == [b"1", b"2"]
    writer.close()


@pytest.mark.kafka
def test_of_several_records_only_those_that_kafka_refuses_are_refused(kafka: str, name: str) -> None:
    topics = KafkaTopics(kafka, {})
    topics.create(name, 1, config={"max.message.bytes": "100000"})
    writer = topics.writer()
    now = SystemClock().now_ms()
    times = [now, now + 10 * 24 * 3_600_000, now, now, now]  # of a record more than an hour ahead, one is refused
    values = [b"1", b"far", b"2", bytes(200_000), bytes(20_000_000)]  # too large for the topic, and for the client
    given = records(*((b"k", value) for value in values), timestamp=pa.array(times, pa.int64()))
    refused = writer.deliver(name, given)
    assert [why is None for why in refused] == [True, False, True, False, False]
    assert ["INVALID_TIMESTAMP" in str(why) for why in refused] == [False, True, False, False, False]
    assert ["MSG_SIZE_TOO_LARGE" in str(why) for why in refused] == [False, False, False, True, True]
    writer.write(name, records((b"k", b"3")))
    writer.close()
    assert [r["value"] for r in read_all(topics, name)] == [b"1", b"2", b"3"]
    topics.close()


def test_a_transaction_is_hidden_until_committed_and_its_marker_kept(topics: Topics, name: str) -> None:
    other = f"{name}-other"
    topics.create(name)
    topics.create(other)
    writer = topics.transactional_writer(name)
    assert writer.last_marker() is None
    reader = topics.reader({(name, 0): 0, (other, 0): 0})
    writer.write(name, records((None, b"1")))
    writer.write(other, records((None, b"2")))
    writer.flush()
    assert reader.poll(10, timeout_ms=20) is None
    writer.commit("epoch 1")
    assert sorted(r["value"] for r in read(reader, 2)) == [b"1", b"2"]
    assert writer.last_marker() == "epoch 1"
    writer.write(name, records((None, b"never")))
    writer.close()
    successor = topics.transactional_writer(name)
    assert successor.last_marker() == "epoch 1"
    successor.write(name, records((None, b"3")))
    successor.commit("epoch 2")
    assert [r["value"] for r in read(reader, 1)] == [b"3"]
    successor.commit("epoch 3")
    assert successor.last_marker() == "epoch 3"
    successor.close()
    reader.close()


def test_a_marker_is_found_behind_many_of_others(topics: Topics, name: str) -> None:
    """Of any size: a broker takes little beside an offset. Also while another's transaction is under way."""
    topics.create(name)
    marker = "x" * 20_000
    quiet, busy = (topics.transactional_writer(f"{name}-{n}") for n in ("quiet", "busy"))
    quiet.commit(marker)
    for number in range(50):
        busy.write(name, records((None, b"%d" % number)))
        busy.commit(str(number))
    busy.write(name, records((None, b"never")))
    assert topics.transactional_writer(f"{name}-quiet").last_marker() == marker
    assert topics.transactional_writer(f"{name}-busy").last_marker() == "49"
    assert topics.transactional_writer(f"{name}-new").last_marker() is None
    reader = topics.reader({(name, 0): 0})
    assert [r["value"] for r in read(reader, 50)] == [b"%d" % number for number in range(50)]
    assert reader.poll(1, 100) is None
    for each in (quiet, busy, reader):
        each.close()


def test_a_reader_comes_to_the_end_of_transactions(topics: Topics, name: str) -> None:
    topics.create(name, 1)
    writer = topics.transactional_writer(name)
    for number in range(2):
        writer.write(name, records((None, b"%d" % number)))
        writer.commit(str(number))
    reader, ends = topics.reader({(name, 0): 0}), topics.end_offsets(name)
    assert [r["value"] for r in read(reader, 2)] == [b"0", b"1"]
    # a broker may write a transaction's marker behind the end that it told when the transaction was committed
    until(lambda: reader.poll(10, 100) is None and reader.positions()[name, 0] >= ends[0], "the end")
    bounded = list(records_until(topics, name, {0: 0}))
    assert [v.as_py() for batch in bounded for v in batch.column("value")] == [b"0", b"1"]
    reader.close()
    writer.close()


def test_what_an_abandoned_transaction_wrote_hides_nothing(topics: Topics, name: str) -> None:
    """Who reads would wait for its end, on Kafka for the minute after which brokers abort it."""
    topics.create(name)
    writer = topics.transactional_writer(name)
    writer.write(name, records((None, b"never")))
    writer.flush()
    writer.abandon()
    produce(topics, name, records((None, b"1")))
    reader = topics.reader({(name, 0): 0})
    assert [r["value"] for r in read(reader, 1)] == [b"1"]
    reader.close()


@pytest.mark.kafka
def test_a_refused_commit_hides_nothing(kafka: str, name: str) -> None:
    topics = KafkaTopics(kafka, {"message.max.bytes": "16000000"})
    topics.create(name, config={"max.message.bytes": "1000"})
    topics.create(f"{name}-other")
    writer = topics.transactional_writer(name)
    writer.write(f"{name}-other", records((None, b"never")))
    writer.write(name, records((None, b"x" * 2_000)))
    with pytest.raises(EnvironmentFault, match="could not be written to Kafka"):
        writer.commit("1")
    writer.abandon()
    produce(topics, f"{name}-other", records((None, b"1")))
    reader = topics.reader({(f"{name}-other", 0): 0})
    assert [r["value"] for r in read(reader, 1)] == [b"1"]
    reader.close()
    topics.close()


def test_a_second_writer_of_an_id_fences_the_first(topics: Topics, name: str) -> None:
    topics.create(name)
    first = topics.transactional_writer(name)
    first.write(name, records((None, b"first")))
    second = topics.transactional_writer(name)
    with pytest.raises(EnvironmentFault, match="newer"):
        first.commit("1")
    second.write(name, records((None, b"second")))
    second.commit("2")
    assert second.last_marker() == "2"
    reader = topics.reader({(name, 0): 0})
    assert [r["value"] for r in read(reader, 1)] == [b"second"]
    for each in (reader, first, second):
        each.close()


def test_an_unknown_topic_is_named(topics: Topics, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: topics.reader({(name, 0): 0}),
        lambda: topics.begin_offsets(name),
        lambda: produce(topics, name, records((None, b"x"))),
    ]
    for call in calls:
        with pytest.raises(UnknownName, match=name):
            call()


def test_a_topic_that_is_made_anew_is_another_one(topics: Topics, name: str) -> None:
    topics.create(name, 2)
    before = topics.identities([name, f"{name}-not-there"])
    assert list(before) == [name]
    assert before[name].partitions == 2
    assert topics.identities([name]) == before
    topics.delete(name)
    until(lambda: topics.identities([name]) == {}, "the topic to go")
    topics.create(name, 2)
    until(lambda: name in topics.identities([name]), "the topic to come")
    assert topics.identities([name])[name].id not in ("", before[name].id)
    assert topics.identities([]) == {}
