"""Reading Kafka in batches: what librdkafka has fetched is taken at once, and nothing waits for a batch to fill.

`consume(n, timeout)` waits until n records are there, so waiting is for one record and the rest is taken without.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Place

from ..topics import HEADERS, TopicPartition
from .errors import fault

_WATERMARKS_S = 10.0
_AT_A_TIME = 10_000  # batches of 50,000 are slower
_DEFAULTS = {
    "group.id": "mergus",
    "fetch.queue.backoff.ms": "5",
    "fetch.wait.max.ms": "100",
    "queued.max.messages.kbytes": "65536",
    "fetch.message.max.bytes": "4194304",
}
_FIXED = {
    "enable.auto.commit": "false",
    "auto.offset.reset": "error",  # who reads decides where it goes on, and tells
    "isolation.level": "read_committed",
    "enable.partition.eof": "true",  # it alone tells of markers of transactions that are passed
}
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.BROKER_NOT_AVAILABLE,
    }
)
"""What librdkafka mends by itself as soon as a broker can be reached; nothing is lost or read twice by it."""
Ints = npt.NDArray[Any]
_MOMENT = operator.itemgetter(1)  # of (kind, milliseconds)


class KafkaReader:
    """Reads `positions`, assigned by hand. Owned by one thread."""

    def __init__(
        self, settings: Mapping[str, str], positions: Mapping[TopicPartition, int], columns: Sequence[str]
    ) -> None:
        self.topics: Sequence[str] = list(dict.fromkeys(topic for topic, _ in positions))
        self._positions = dict(positions)
        self._ends: dict[TopicPartition, int] = {}  # that the last poll has come to
        self._columns = [name for name in ("key", "value", "headers") if name in columns]
        self._timed = "timestamp" in columns
        self._only = next(iter(positions)) if len(positions) == 1 else None
        self._consumer = Consumer({**_DEFAULTS, **settings, **_FIXED})
        self._assign()

    def _assign(self) -> None:
        try:
            self._consumer.assign([Place(topic, part, at) for (topic, part), at in self._positions.items()])
        except KafkaException as error:
            raise fault("cannot read from Kafka", error) from error

    def poll(self, max_records: int, timeout_ms: float = 0.0) -> pa.RecordBatch | None:
        """What is there, at most `max_records`; raises EnvironmentFault for what the broker refuses."""
        messages = self._consume(min(_AT_A_TIME, max_records), 0.0)
        end = time.monotonic() + timeout_ms / 1000
        while not messages and (left := end - time.monotonic()) > 0:  # what comes first may be no record
            messages = self._consume(1, left)
        while messages and len(messages) < max_records:
            more = self._consume(min(_AT_A_TIME, max_records - len(messages)), 0.0)
            if not more:
                break
            messages += more
        batch = self._batch(messages) if messages else None
        for place, end in self._ends.items():
            self._positions[place] = max(end, self._positions[place])
        self._ends.clear()
        return batch

    def _consume(self, count: int, timeout_s: float) -> list[Message]:
        try:
            messages = self._consumer.consume(count, timeout_s)
        except KafkaException as error:
            raise fault("cannot read from Kafka", error) from error
        if any(map(Message.error, messages)):
            for message in messages:
                self._told(message)
            messages = [message for message in messages if message.error() is None]
        return messages

    def _told(self, message: Message) -> None:
        """What comes among the records and is none: the end of a partition, or what is wrong."""
        problem = message.error()
        if problem is None:
            return
        if problem.code() == KafkaError._PARTITION_EOF:
            self._ends[str(message.topic()), int(message.partition() or 0)] = message.offset() or 0
        elif problem.code() == KafkaError._AUTO_OFFSET_RESET:
            self._out_of_range(str(message.topic()), int(message.partition() or 0), problem)
        elif problem.fatal() or problem.code() not in _PASSING:
            topic = message.topic()
            raise fault("cannot read from Kafka" if topic is None else f"cannot read topic {topic}", problem)

    def _out_of_range(self, topic: str, partition: int, problem: KafkaError) -> None:
        """A position that the topic does not have: its records were removed before they were read, which is for who reads to
        decide; or it lies beyond the end, where a cluster without topic ids has made the topic anew."""
        low, _ = self._consumer.get_watermark_offsets(Place(topic, partition), timeout=_WATERMARKS_S)
        if self._positions[topic, partition] < low:
            raise fault(f"records of topic {topic}, partition {partition} were removed before they were read", problem)
        self.seek({(topic, partition): low})

    def _batch(self, messages: list[Message]) -> pa.RecordBatch:
        """Each attribute of a message is a Python object: taken a column at a time, only those that are needed."""
        count = len(messages)
        if self._only is not None:
            partitions = np.full(count, self._only[1], dtype=np.int32)
            topics = np.zeros(count, dtype=np.int32)
        else:
            partitions = np.fromiter(map(Message.partition, messages), np.int32, count)
            topics = self._topics_of(messages)
        columns: dict[str, Any] = {
            "topic": topics,
            "partition": partitions,
            "offset": self._offsets(messages, topics, partitions),
            "timestamp": np.zeros(count, dtype=np.int64),
        }
        for name in self._columns:
            if name == "headers":
                columns[name] = _headers(messages)
            else:
                read = Message.value if name == "value" else Message.key
                columns[name] = pa.array(list(map(read, messages)), pa.binary())
        if self._timed or ("value" in columns and columns["value"].null_count):
            columns["timestamp"] = np.fromiter(map(_MOMENT, map(Message.timestamp, messages)), np.int64, count)
        return pa.RecordBatch.from_pydict(columns)

    def _offsets(self, messages: list[Message], topics: Ints, partitions: Ints) -> Ints:
        """Offsets, run by run of one topic partition. They ascend inside it, so a run as long as the distance from its
        first to its last has no gap, and need not be asked message by message; the others (compaction, markers of
        transactions) are. Moves the positions on."""
        changes = np.flatnonzero((np.diff(partitions) != 0) | (np.diff(topics) != 0)) + 1
        edges = [0, *changes.tolist(), len(messages)]
        offsets = np.empty(len(messages), dtype=np.int64)
        for begin, end in pairwise(edges):
            first, last = messages[begin].offset() or 0, messages[end - 1].offset() or 0
            if last - first == end - begin - 1:
                offsets[begin:end] = np.arange(first, last + 1)
            else:
                offsets[begin:end] = np.fromiter(map(Message.offset, messages[begin:end]), np.int64, end - begin)
            self._positions[self.topics[topics[begin]], int(partitions[begin])] = last + 1
        return offsets

    def _topics_of(self, messages: list[Message]) -> Ints:
        if len(self.topics) == 1:
            return np.zeros(len(messages), dtype=np.int32)
        index = {topic: i for i, topic in enumerate(self.topics)}
        return np.array([index[str(m.topic())] for m in messages], dtype=np.int32)

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset to be given, by partition."""
        return dict(self._positions)

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Go on from there."""
        self._positions.update(positions)
        self._assign()

    def close(self) -> None:
        """Leave the cluster."""
        self._consumer.close()


def _headers(messages: list[Message]) -> pa.Array:
    """Most topics have none: that is seen before rows are made of them."""
    found: list[Any] = list(map(Message.headers, messages))
    if not any(found):
        return pa.nulls(len(found), HEADERS)
    rows = [None if row is None else [{"key": key, "value": value} for key, value in row] for row in found]
    return pa.array(rows, HEADERS)
