"""What a model has failed on, given once more to the queries that lost it (ALTER MODEL m REPLAY DEAD LETTERS).

The record itself comes again, from its place in its topic, by way of a topic that only its query reads: so it is worked on
as any record is, once, with state, windows and checkpoints, and no other query sees it twice. How far letters have been
answered is the marker of the transaction that brings their records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ...io.bounded import records_until
from ...io.topics import TopicInfo, TopicPartition, Topics, TransactionalWriter
from ...plan.physical.steps import QueryPlan, Source
from ...sql.catalog_models import ModelEntry

_POLL_ROWS = 1_000
_POLL_MS = 1_000.0
_COLUMNS = ("key", "value", "timestamp", "headers")


@dataclass
class Brought:
    """What became of the letters: records that come again, records that their topics do not have any more, and rows whose
    query is gone or cannot take them again."""

    records: int = 0
    gone: int = 0
    left: int = 0

    def __str__(self) -> str:
        more = [f"{self.gone} are gone from their topics"] if self.gone else []
        more += [f"{self.left} cannot come again"] if self.left else []
        return "; ".join([f"{self.records} records come again", *more])


def again_topic(source: Source, topics: Topics) -> TopicInfo:
    """The topic of what comes again of a source: partition for partition."""
    own = topics.describe(source.topic)
    return TopicInfo(source.again or "", 1 if own is None else own.partitions, 1 if own is None else own.replicas)


def forget_again(plan: QueryPlan, topics: Topics) -> None:
    """A query has ended: nothing comes again to it."""
    for source in plan.sources:
        if source.again is not None and topics.describe(source.again) is not None:
            topics.delete(source.again)


def bring_again(topics: Topics, plans: Mapping[str, QueryPlan], entry: ModelEntry) -> Brought:
    """Bring back all that the model's topics hold and that was not brought before."""
    done = Brought()
    for letters in dict.fromkeys(str(v.record.get("dead_letters") or "") for v in entry.versions):
        if letters and topics.describe(letters) is not None:
            writer = topics.transactional_writer(f"again {entry.name} {letters}")
            try:
                _bring(topics, plans, entry.name, letters, writer, done)
            finally:
                writer.close()
    return done


def _bring(
    topics: Topics,
    plans: Mapping[str, QueryPlan],
    model: str,
    letters: str,
    writer: TransactionalWriter,
    done: Brought,
) -> None:
    known = {int(p): at for p, at in json.loads(writer.last_marker() or "{}").items()}
    start = {p: max(known.get(p, at), at) for p, at in topics.begin_offsets(letters).items()}
    ends = topics.end_offsets(letters)
    wanted: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for letter in _read(topics, letters, start, ends):
        if letter["MODEL"] != model:
            continue
        target = _target(plans, letter)
        if target is None:
            done.left += 1
        else:
            wanted.setdefault((letter["TOPIC"], target), set()).add((letter["PARTITION"], letter["OFFSET"]))
    for (topic, target), places in wanted.items():
        for records in _records(topics, topic, places):
            writer.write(target, records)
            done.records += records.num_rows
            done.gone -= records.num_rows
        done.gone += len(places)
    writer.commit(json.dumps(ends))


def _read(topics: Topics, letters: str, start: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    """The letters of a topic between these offsets."""
    for records in records_until(topics, letters, start, ends=ends):
        yield from map(orjson.loads, records.column("value").to_pylist())


def _target(plans: Mapping[str, QueryPlan], letter: Mapping[str, Any]) -> str | None:
    """The topic by which a letter's record comes again, None where it cannot."""
    plan = plans.get(letter["QUERY"])
    for source in plan.sources if plan is not None and letter["OFFSET"] is not None else ():
        if letter["TOPIC"] in (source.topic, source.again):
            return source.again
    return None


def _records(topics: Topics, topic: str, places: Iterable[tuple[int, int]]) -> Iterable[pa.RecordBatch]:
    """The records at these (partition, offset) that the topic still has, as a writer takes them."""
    by_partition: dict[int, list[int]] = {}
    for partition, offset in sorted(places):
        by_partition.setdefault(partition, []).append(offset)
    begins = topics.begin_offsets(topic)
    for partition, offsets in by_partition.items():
        there = [offset for offset in offsets if offset >= begins.get(partition, 0)]
        if there:
            yield from _of_partition(topics, (topic, partition), there)


def _of_partition(topics: Topics, place: TopicPartition, offsets: list[int]) -> Iterable[pa.RecordBatch]:
    """Read from each offset that is wanted to the end of a poll, then on from the next one."""
    reader = topics.reader({place: offsets[0]}, _COLUMNS)
    try:
        while offsets:
            reader.seek({place: offsets[0]})
            records = reader.poll(_POLL_ROWS, _POLL_MS)
            if records is None:
                return
            wanted = pc.is_in(records.column("offset"), pa.array(offsets, pa.int64()))
            found = records.filter(wanted)
            yield pa.RecordBatch.from_arrays(
                [found.column(name) for name in ("partition", *_COLUMNS)], names=["partition", *_COLUMNS]
            )
            last = records.column("offset")[-1].as_py()
            offsets = [offset for offset in offsets if offset > last]
    finally:
        reader.close()
