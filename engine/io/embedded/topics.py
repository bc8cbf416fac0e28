"""Embedded topics: Kafka's topics without Kafka, in one file of the data folder, for as many processes as like.

Nothing here takes the data folder's lock: a shell may produce and consume beside a running server. An object belongs to
the process that made it (SQLite does not survive a fork): a forked host opens its own.
"""

from __future__ import annotations

import builtins
import json
import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa

from ...clock import Clock
from ...errors import Conflict, UnknownName, UserError
from ..topics import DEFAULT_REPLICAS, Consumers, TopicIdentity, TopicInfo, TopicPartition
from .cleaner import KEYS_MAX, Cleaner
from .compaction import Compaction
from .reader import EmbeddedReader
from .retention import KEEPS_ALL, Retention, enforce_retention, give_back_pages
from .store import OFFSET_BITS, Durability, Store, faults, first_row
from .writer import EmbeddedTransactionalWriter, EmbeddedWriter

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")
PARTITIONS_MAX = 10_000


class EmbeddedTopics:
    """The topics under `directory`. Readers and writers have connections of their own; the rest is under a lock."""

    def __init__(self, directory: Path, *, clock: Clock, durability: Durability = "process") -> None:
        self._directory = directory
        self._clock = clock
        self._durability: Durability = durability
        self._store = Store(directory, durability)
        self._lock = threading.RLock()

    def create(
        self, name: str, partitions: int = 1, replicas: int = 1, config: Mapping[str, str] | None = None
    ) -> TopicInfo:
        """Make a topic; `replicas` is remembered only. Raises Conflict when it exists, UserError when it cannot be."""
        settings = dict(config or {})
        replicas = 1 if replicas == DEFAULT_REPLICAS else replicas
        _check(name, partitions, settings)
        with self._lock, self._store.transaction() as connection:
            if connection.execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone():
                raise Conflict(f"topic {name} exists already", hint="choose another name, or delete the topic first")
            topic = connection.execute(
                "INSERT INTO topics (name, replicas, config) VALUES (?, ?, ?)", (name, replicas, json.dumps(settings))
            ).lastrowid
            connection.executemany(
                "INSERT INTO partitions (topic_id, number) VALUES (?, ?)", [(topic, i) for i in range(partitions)]
            )
        return _info(name, partitions, replicas, settings)

    def delete(self, name: str) -> None:
        """Remove it and its records; raises UnknownName when there is none. Its readers and writers fail from then on."""
        with self._lock, self._store.transaction() as connection:
            for partition_id in self._ids(name):
                start = first_row(partition_id)
                connection.execute("DELETE FROM batches WHERE id >= ? AND id < ?", (start, start + (1 << OFFSET_BITS)))
                connection.execute("DELETE FROM partitions WHERE id = ?", (partition_id,))
            connection.execute("DELETE FROM topics WHERE name = ?", (name,))
            give_back_pages(connection)

    def describe(self, name: str) -> TopicInfo | None:
        """What it is, None when there is none."""
        found = self._infos("WHERE t.name = ?", name)
        return found[0] if found else None

    def list(self) -> builtins.list[TopicInfo]:
        """All topics, by name."""
        return self._infos("")

    def _infos(self, where: str, *values: str) -> builtins.list[TopicInfo]:
        with self._lock, faults("cannot read the embedded topics", self._store.path):
            rows = self._store.connection.execute(
                "SELECT t.name, count(*), t.replicas, t.config FROM topics t JOIN partitions p ON p.topic_id = t.id"
                f" {where} GROUP BY t.id ORDER BY t.name",
                values,
            ).fetchall()
        return [_info(name, partitions, replicas, json.loads(text)) for name, partitions, replicas, text in rows]

    def refused_times(self, name: str, timestamps: pa.Array, now_ms: int) -> builtins.list[tuple[int, str]]:
        """None: every time is taken."""
        return []

    def consumers(self) -> dict[str, Consumers]:
        """Nobody: there are no consumer groups."""
        return {}

    def identities(self, names: Collection[str]) -> dict[str, TopicIdentity]:
        """Those of these topics that are there."""
        with self._lock, faults("cannot read the embedded topics", self._store.path):
            rows = self._store.connection.execute(
                "SELECT t.name, t.id, count(*) FROM topics t JOIN partitions p ON p.topic_id = t.id"
                " WHERE t.name IN (SELECT value FROM json_each(?)) GROUP BY t.id",
                (json.dumps(list(names)),),
            ).fetchall()
        return {name: TopicIdentity(str(number), partitions) for name, number, partitions in rows}

    def begin_offsets(self, name: str) -> dict[int, int]:
        """The oldest offset kept, by partition."""
        return self._offsets(name, "begin_offset")

    def end_offsets(self, name: str) -> dict[int, int]:
        """The offset after the newest record, by partition."""
        return self._offsets(name, "end_offset")

    def _offsets(self, name: str, column: str) -> dict[int, int]:
        with self._lock, faults("cannot read the embedded topics", self._store.path):
            rows = self._store.connection.execute(
                f"SELECT p.number, p.{column} FROM partitions p JOIN topics t ON t.id = p.topic_id WHERE t.name = ?",
                (name,),
            ).fetchall()
        if not rows:
            raise self._unknown(name)
        return dict(sorted(rows))

    def _ids(self, name: str) -> builtins.list[int]:
        """The rows of a topic's partitions, by partition number."""
        with self._lock, faults("cannot read the embedded topics", self._store.path):
            rows = self._store.connection.execute(
                "SELECT p.id FROM partitions p JOIN topics t ON t.id = p.topic_id WHERE t.name = ? ORDER BY p.number",
                (name,),
            ).fetchall()
        if not rows:
            raise self._unknown(name)
        return [partition_id for (partition_id,) in rows]

    def _unknown(self, name: str) -> UnknownName:
        near = get_close_matches(name, [info.name for info in self.list()], n=1)
        return UnknownName(f"topic {name} does not exist", hint=f"did you mean {near[0]}?" if near else None)

    def reader(
        self, positions: Mapping[TopicPartition, int], columns: Sequence[str] = ("value", "timestamp")
    ) -> EmbeddedReader:
        """A reader of these partitions; raises UnknownName for what is not there."""
        ids = []
        for topic, partition in positions:
            known = self._ids(topic)
            if not 0 <= partition < len(known):
                raise UnknownName(
                    f"topic {topic} has no partition {partition}", detail=f"its partitions are 0 to {len(known) - 1}"
                )
            ids.append(known[partition])
        return EmbeddedReader(Store(self._directory, self._durability), positions, ids, columns)

    def writer(self) -> EmbeddedWriter:
        """A writer that publishes when flushed, or when much is buffered."""
        return EmbeddedWriter(Store(self._directory, self._durability), self._ids, self._clock)

    def transactional_writer(self, transactional_id: str) -> EmbeddedTransactionalWriter:
        """A writer whose commits are atomic over topics; a second one of the same id fences the first."""
        store = Store(self._directory, self._durability)
        return EmbeddedTransactionalWriter(store, self._ids, self._clock, transactional_id)

    def enforce_retention(self) -> int:
        """Drop what is past retention in every topic, also those that nobody writes to; how many records those were."""
        dropped = 0
        for info in self.list():
            if Retention.of(info.config) == KEEPS_ALL:
                continue
            with suppress(UnknownName):  # it was deleted meanwhile
                for partition_id in self._ids(info.name):
                    with self._lock, self._store.transaction() as connection:
                        dropped += enforce_retention(connection, partition_id, self._clock.now_ms())
        return dropped

    def cleaner(self, rest: Callable[[float], bool] = lambda rest_s: False, *, keys_max: int = KEYS_MAX) -> Cleaner:
        """What compacts the topics whose `cleanup.policy` says so, with a connection of its own."""
        return Cleaner(self._directory, self._clock, self._durability, rest, keys_max)

    def close(self) -> None:
        """Give back the connection; readers and writers are closed by who asked for them."""
        with self._lock:
            self._store.close()


def _info(name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> TopicInfo:
    return TopicInfo(name, partitions, replicas, config, Retention.of(config).ms)


def _check(name: str, partitions: int, config: Mapping[str, str]) -> None:
    if not _NAME.match(name) or name in (".", ".."):
        raise UserError(
            f"a topic cannot be named {name!r}",
            detail="1 to 249 of the letters a-z A-Z, digits, '.', '_' and '-'",
            hint="WITH (KAFKA_TOPIC = '…') in CREATE gives it another name",
        )
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise UserError(f"a topic has 1 to {PARTITIONS_MAX} partitions, not {partitions}")
    Retention.of(config)
    Compaction.of(config)
