"""Topics: what a query reads and writes, whether embedded on disk or on Kafka.

Everything moves in Arrow batches. Positions are the next offset to read. One reader serves all the partitions that a
worker owns; a writer is one transaction at a time.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from ..errors import MergusError

HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
RECORD_SCHEMA = pa.schema(
    [
        ("topic", pa.int32()),  # index into the reader's `topics`
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.int64()),  # milliseconds since 1970 UTC
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", HEADERS),
    ]
)
"""What a reader gives. A key, value or headers not asked for are absent: each attribute of a record costs time."""

PRODUCE_SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("timestamp", pa.int64()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", HEADERS),
    ]
)
"""What a writer takes: partition NULL or column absent = by murmur2 of the key as Java's default partitioner (NULL keys
in turn); timestamp NULL or absent = now; key and headers may be absent."""

TopicPartition = tuple[str, int]
DEFAULT_REPLICAS = -1
"""As many replicas as the broker gives a topic of which nobody says how many."""


@dataclass(frozen=True)
class TopicIdentity:
    """`id` is another one when a topic is deleted and made anew under its name; empty where the brokers do not tell."""

    id: str
    partitions: int


@dataclass(frozen=True)
class TopicInfo:
    """A topic as it was made."""

    name: str
    partitions: int
    replicas: int = 1
    config: Mapping[str, str] = field(default_factory=dict)
    retention_ms: int | None = field(default=None, compare=False)
    """How long its records are kept, also where the broker says it and not `config`; None where nobody does."""


@dataclass(frozen=True)
class Consumers:
    """Who reads a topic: consumers, and the groups that they are in."""

    consumers: int = 0
    groups: int = 0


class Reader(Protocol):
    """Reads the partitions it was given, from the positions it was given. Owned by one thread."""

    topics: Sequence[str]

    def poll(self, max_records: int, timeout_ms: float = 0.0) -> pa.RecordBatch | None:
        """At most about `max_records` records of RECORD_SCHEMA, offsets ascending inside a partition; None when there
        are none within `timeout_ms`. Committed (transactional) records only. Never waits to fill a batch."""
        ...

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset to be given, by partition."""
        ...

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Go on from there."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Writer(Protocol):
    """Writes records. Owned by one thread."""

    def write(self, topic: str, records: pa.RecordBatch) -> None:
        """Hand over records of (a subset of) PRODUCE_SCHEMA; visible to readers after `flush` at the latest."""
        ...

    def flush(self) -> None:
        """Return when all that was written is durable; raises EnvironmentFault when it cannot be."""
        ...

    def deliver(self, topic: str, records: pa.RecordBatch) -> Sequence[MergusError | None]:
        """Write records, flush, and say of each None, or why it alone is refused; raises where none can be written."""
        ...

    def pending(self) -> bool:
        """Whether some of what was written is not known to be durable yet. Any thread may ask."""
        ...

    def close(self) -> None:
        """Flush and give back what it holds."""
        ...

    def abandon(self) -> None:
        """Give back what it holds without waiting: what is not written yet is dropped."""
        ...


class TransactionalWriter(Writer, Protocol):
    """A writer whose flush is atomic over topics, with a marker that tells a restart what was published."""

    def commit(self, marker: str) -> None:
        """Make all that was written since the last commit visible at once, recording `marker` in the same transaction."""
        ...

    def last_marker(self) -> str | None:
        """The marker of the newest committed transaction of this writer's id, None when there is none."""
        ...


class Topics(Protocol):
    """A cluster of topics: embedded or Kafka. Safe to share between threads."""

    def create(
        self, name: str, partitions: int = 1, replicas: int = 1, config: Mapping[str, str] | None = None
    ) -> TopicInfo:
        """Make a topic; raises Conflict when it exists."""
        ...

    def delete(self, name: str) -> None:
        """Remove it and its records; raises UnknownName when there is none."""
        ...

    def describe(self, name: str) -> TopicInfo | None:
        """What it is, None when there is none."""
        ...

    def list(self) -> list[TopicInfo]:
        """All topics, by name."""
        ...

    def identities(self, names: Collection[str]) -> dict[str, TopicIdentity]:
        """Those of these topics that are there."""
        ...

    def refused_times(self, name: str, timestamps: pa.Array, now_ms: int) -> builtins.list[tuple[int, str]]:
        """Rows of these records' times that the topic does not take, with the reason; NULL is the time of writing."""
        ...

    def consumers(self) -> dict[str, Consumers]:
        """Who reads topics as a member of a consumer group, by topic; the engine's own readers are in none."""
        ...

    def begin_offsets(self, name: str) -> dict[int, int]:
        """The oldest offset kept, by partition."""
        ...

    def end_offsets(self, name: str) -> dict[int, int]:
        """The offset after the newest readable record, by partition."""
        ...

    def reader(
        self, positions: Mapping[TopicPartition, int], columns: Sequence[str] = ("value", "timestamp")
    ) -> Reader:
        """A reader of these partitions from these offsets. `columns`: which of key, value, headers and timestamp are
        wanted; topic, partition and offset always come. A timestamp that is not wanted may be 0, but not where the value
        is NULL: a tombstone has no other time."""
        ...

    def writer(self) -> Writer:
        """A writer that publishes at once (at least once)."""
        ...

    def transactional_writer(self, transactional_id: str) -> TransactionalWriter:
        """A writer whose commits are atomic; a second one of the same id fences the first."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
