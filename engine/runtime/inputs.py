"""A flow's inputs over topics: which partitions there are, where a fresh query begins, how far its backlog reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pyarrow as pa

from ..errors import UnknownName
from ..io.topics import Reader, TopicIdentity, TopicPartition, Topics
from .checkpoint import Positions
from .flows.source import BoundedReader


class Unbounded:
    """A topic's reader: it never comes to an end. `until`: unless offsets are given at which it does."""

    def __init__(self, reader: Reader, until: Mapping[TopicPartition, int] | None = None) -> None:
        self._reader = reader
        self._until = until
        self.topics = reader.topics

    @property
    def has_more(self) -> bool:
        return False

    @property
    def finished(self) -> bool:
        """Whether every partition has been read to its `until`."""
        if self._until is None:
            return False
        at = self._reader.positions()
        return all(at.get(partition, end) >= end for partition, end in self._until.items())

    def poll(self, max_records: int, timeout_ms: float = 0.0) -> pa.RecordBatch | None:
        return self._reader.poll(max_records, timeout_ms)

    def positions(self) -> Positions:
        return self._reader.positions()

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        self._reader.seek(positions)

    def close(self) -> None:
        self._reader.close()


class TopicInputs:
    """The topics that a query reads, in the order of its sources. `latest`: a fresh query begins at the end (push
    queries), else at the oldest record; there it also goes on where records were removed before it could read them. `bounded`:
    it ends when it has read what was there when it was made (`stand`). `tell` notes such things."""

    def __init__(
        self,
        topics: Topics,
        names: Sequence[str],
        columns: Sequence[str] = ("key", "value", "timestamp"),
        *,
        latest: bool = False,
        bounded: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._tell = tell
        self.topics = tuple(names)
        self._cluster = topics
        self._columns = columns
        self._latest = latest
        self._bounded = bounded
        self._ends: Mapping[TopicPartition, int] | None = None
        self._made_of: Mapping[str, TopicIdentity] = {}

    @property
    def come_to_an_end(self) -> bool:
        return False

    def partitions(self) -> int:
        return max(self._partitions(name) for name in self.topics)

    def _partitions(self, name: str) -> int:
        info = self._cluster.describe(name)
        if info is None:
            raise _gone(name)
        return info.partitions

    def stand(self) -> Mapping[TopicPartition, int]:
        """Where the topics ended when that was first asked: when a query is made, for who makes it may produce next; else when
        it first reads."""
        if self._ends is None:
            self._made_of = self.identities() if self._latest else {}
            self._ends = dict(self.ends()) if self._bounded or self._latest else {}
        return self._ends

    def open(self, topic: int, positions: Positions, parts: Sequence[int]) -> BoundedReader:
        name = self.topics[topic]
        owned = [p for p in parts if p < self._partitions(name)]
        oldest = {(name, p): o for p, o in self._cluster.begin_offsets(name).items()}
        ends = self.stand()
        as_made = self._latest and self.identities().get(name) == self._made_of.get(name)
        begin = ends if as_made else oldest
        start = {(name, p): positions.get((name, p), begin.get((name, p), 0)) for p in owned}
        for place in [place for place in start if start[place] < oldest.get(place, 0)]:
            begin = dict(self.ends()) if self._latest else oldest
            self.tell(
                f"topic {name}, partition {place[1]}: records from offset {start[place]} on were removed before they were read;"
                f" it goes on at {begin[place]}"
            )
            start[place] = begin[place]
        reader = self._cluster.reader(start, self._columns)
        until = {p: ends[p] for p in start if p in ends} if self._bounded else None
        return cast(BoundedReader, Unbounded(reader, until))

    def identities(self) -> Mapping[str, TopicIdentity]:
        """All of them: of one without, nobody would see later that it is another one than before."""
        made = self._cluster.identities(self.topics)
        for name in self.topics:
            if name not in made:
                raise _gone(name)
        return made

    def tell(self, what: str) -> None:
        if self._tell is not None:
            self._tell(what)

    def ends(self) -> Mapping[TopicPartition, int]:
        return {(name, p): end for name in self.topics for p, end in self._cluster.end_offsets(name).items()}


def _gone(name: str) -> UnknownName:
    return UnknownName(
        f"topic {name} does not exist",
        hint="it was deleted while a query reads it: create it anew, or terminate the query",
    )
