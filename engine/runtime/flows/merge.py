"""The order in which one partition's records of several topics are worked on: the earliest head first.

A query over two topics (a join) must not depend on which topic was fetched first. So, as in Kafka Streams, the record
whose head is earliest goes first: heads by (rowtime, topic, offset). A head that hides a later record with an earlier
time holds that one back, so a record's place is the running maximum of its topic's times. While a topic is known to
have more records than were fetched, nothing passes what it may still bring.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...operators.event_time.rowtime import LATEST_MS

Place = npt.NDArray[np.int64]


class Heads:
    """The fetched and not yet released records of one partition number, a queue a topic (by index). `latest`: of each topic
    the latest time among its records that were released, None before the first; a run goes on from those of the last."""

    def __init__(self, latest: Sequence[int | None]) -> None:
        self._batches: list[list[pa.RecordBatch]] = [[] for _ in latest]
        self.latest = list(latest)

    def add(self, topic: int, records: pa.RecordBatch) -> None:
        """Records of one topic, in order of offset."""
        if records.num_rows:
            self._batches[topic].append(records)

    def waiting(self) -> list[int]:
        """Records held, by topic."""
        return [sum(b.num_rows for b in batches) for batches in self._batches]

    def release(self, behind: frozenset[int] = frozenset()) -> list[pa.RecordBatch]:
        """What may go on, in order. `behind`: topics that have records which are not fetched yet."""
        if len(self._batches) == 1:
            released, self._batches[0] = self._batches[0], []
            return released
        if any(not self._batches[topic] for topic in behind):
            return []
        held = [(t, pa.Table.from_batches(b).combine_chunks()) for t, b in enumerate(self._batches) if b]
        if not held:
            return []
        if len(held) == 1 and not behind:  # in order as it is
            topic, table = held[0]
            self.latest[topic] = int(self._places(topic, table)[-1])
            released, self._batches[topic] = self._batches[topic], []
            return released
        return self._merge(held, behind)

    def _merge(self, held: list[tuple[int, pa.Table]], behind: frozenset[int]) -> list[pa.RecordBatch]:
        places = {topic: self._places(topic, table) for topic, table in held}
        limits = [(int(places[topic][-1]), topic) for topic in behind]
        horizon = min(limits, default=None)
        go: list[pa.Table] = []
        keys: list[Place] = []
        for topic, table in held:
            count = table.num_rows if horizon is None else _until(places[topic], topic, horizon)
            go.append(table.slice(0, count))
            keys.append(places[topic][:count])
            rest = table.slice(count)
            self._batches[topic] = rest.to_batches() if rest.num_rows else []
            if count:
                self.latest[topic] = int(places[topic][count - 1])
        merged = pa.concat_tables(go, promote_options="default")  # rows of files have columns of their own
        topics = np.repeat([topic for topic, _ in held], [t.num_rows for t in go])
        order = np.lexsort((topics, np.concatenate(keys)))  # stable: offsets keep their order
        return [b for b in merged.take(pa.array(order)).combine_chunks().to_batches() if b.num_rows]

    def _places(self, topic: int, table: pa.Table) -> Place:
        times = pc.fill_null(table.column("timestamp"), 0).to_numpy()
        times = np.where(times > LATEST_MS, 0, times)  # what the decoder refuses orders nothing
        places: Place = np.maximum.accumulate(times)
        before = self.latest[topic]
        return places if before is None else np.maximum(places, before)


def _until(places: Place, topic: int, horizon: tuple[int, int]) -> int:
    """How many records come before or at `horizon` (place, topic): the topic that sets it passes whole."""
    place, at = horizon
    if topic <= at:
        return int(np.searchsorted(places, place, side="right"))
    return int(np.searchsorted(places, place, side="left"))
