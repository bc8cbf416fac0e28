"""The source of a flow: partition p of all the query's topics is one Bytewax part, one ordered run of records.

Parts of one worker share its readers, so that an idle flow polls once, not once a partition. A batch is what lies there:
several fetches under load, one record when little comes, and never a wait for more. An empty poll backs off from 1 to
50 ms. The snapshot holds the positions of what was handed out, and the latest times, at this epoch's end and at the one
before (`checkpoint`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from ...errors import EnvironmentFault, UnknownName
from ...io.topics import Reader, TopicIdentity
from ..checkpoint import Checkpoint, Latest, Positions, SourceSnapshot
from .control import FlowControl
from .merge import Heads
from .pace import Pace

FETCH_ROWS = 10_000
_SOON = timedelta(milliseconds=1)
_LATEST = timedelta(milliseconds=50)
_PATIENCE = 16  # empty polls at the shortest interval before it grows: records that come every few ms find it awake


@dataclass(frozen=True)
class Records:
    """What a part hands out: records in the order to work on them, the positions after them, their size, and when (a
    monotonic clock) they were fetched. No batches: news of an epoch, that output may be published, of positions alone, or that
    the input has `ended`."""

    epoch: int
    part: int
    batches: list[pa.RecordBatch] = field(default_factory=list)
    positions: Positions = field(default_factory=dict)
    size: int = 0
    fetched_at: float = 0.0
    rows: int = 0
    ended: bool = False


class Inputs(Protocol):
    """Where a flow's records come from. Safe to share between workers."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics by index."""
        ...

    @property
    def come_to_an_end(self) -> bool:
        """Whether no record will ever follow those that are there: files, and no topic beside them."""
        ...

    def partitions(self) -> int:
        """How many parts there are: the greatest number of partitions of a topic."""
        ...

    def open(self, topic: int, positions: Positions, parts: Sequence[int]) -> BoundedReader:
        """A reader of these partitions of one topic from these positions (a partition that is not named: from where
        the query begins)."""
        ...

    def identities(self) -> Mapping[str, TopicIdentity]:
        """Those of its topics that are there, now."""
        ...

    def tell(self, what: str) -> None:
        """Note what the records do not show: that some are missing, or come from a topic made anew."""
        ...

    def ends(self) -> Mapping[tuple[str, int], int]:
        """The offset after the newest record of each topic partition, now."""
        ...


class BoundedReader(Reader, Protocol):
    """A reader that may come to an end (files)."""

    @property
    def has_more(self) -> bool:
        """Whether records are known to lie there that were not fetched, whatever the ends at the start were."""
        ...

    @property
    def finished(self) -> bool:
        """Whether no record will ever follow."""
        ...


class WorkerReaders:
    """The readers of one worker: one a topic, over all its parts."""

    def __init__(self, inputs: Inputs, checkpoint: Checkpoint, clock: Callable[[], float], rows_max: int) -> None:
        self._inputs = inputs
        self._checkpoint = checkpoint
        self._clock = clock
        self.pace = Pace(rows_max)
        self.parts: list[int] = []
        self._heads: dict[int, Heads] = {}
        self._readers: list[BoundedReader] = []
        self._backlog: dict[tuple[str, int], int] = {}
        self._fetched: Positions = {}
        self._asked: set[int] = set()
        self._unconfirmed = False  # whether records have come since the topics were looked at
        self.begun_at: Positions = {}

    def add(self, part: int) -> None:
        """This worker serves `part` too; before the first `take`."""
        self.parts.append(part)
        self._heads[part] = Heads([self._checkpoint.latest.get((topic, part)) for topic in self._inputs.topics])

    def take(self, part: int) -> list[pa.RecordBatch]:
        """What may be worked on of this part. Polls when the part has been asked before since the last poll."""
        if not self._readers:
            self._open()
        if not self._asked or part in self._asked:
            self._poll()
            self._asked.clear()
        self._asked.add(part)
        return self._heads[part].release(self._behind(part))

    def latest(self, part: int) -> Latest:
        """The latest time of what was taken of this part, by topic partition; nothing where one topic needs no order."""
        times = zip(self._inputs.topics, self._heads[part].latest, strict=True)
        return {(topic, part): time for topic, time in times if time is not None}

    def passed(self, part: int) -> Positions:
        """Where the readers stand in topics of which nothing is held: beyond the last record, where something lies there
        that is none, such as the marker of a transaction."""
        waiting = self._heads[part].waiting()
        places = ((topic, part) for topic, held in zip(self._inputs.topics, waiting, strict=True) if not held)
        return {place: self._fetched[place] for place in places if place in self._fetched}

    @property
    def finished(self) -> bool:
        """Whether no record will ever follow, on any part."""
        return bool(self._readers) and all(r.finished for r in self._readers) and not self._held()

    def _held(self) -> int:
        return sum(sum(heads.waiting()) for heads in self._heads.values())

    def _open(self) -> None:
        if len(self._inputs.topics) > 1:
            self._backlog = dict(self._inputs.ends())
        for topic in range(len(self._inputs.topics)):
            self._readers.append(self._inputs.open(topic, self._checkpoint.positions, self.parts))
        for reader in self._readers:
            self._fetched |= reader.positions()
        self.begun_at = dict(self._fetched)

    def _poll(self) -> None:
        room = self.pace.rows
        for topic, reader in enumerate(self._readers):
            waiting = sum(heads.waiting()[topic] for heads in self._heads.values())
            while waiting < room or self._starves(topic):
                records = reader.poll(min(FETCH_ROWS, room))
                if records is None or not records.num_rows:
                    break
                self._unconfirmed = True
                waiting += records.num_rows
                self._sort_in(topic, records)
                if records.num_rows < FETCH_ROWS // 2:
                    break
            self._fetched |= reader.positions()

    def confirm(self) -> None:
        """An epoch closes. Raise EnvironmentFault where what was fetched since the last one may be of another topic than its
        positions. A topic that has gone is missed by its reader; where the brokers are away, the next epoch asks."""
        if not self._unconfirmed:
            return
        try:
            found = self._inputs.identities()
        except (UnknownName, EnvironmentFault):
            return
        anew = self._checkpoint.made_anew({name: topic.id for name, topic in found.items()})
        if anew:
            raise EnvironmentFault(f"topic {', '.join(sorted(anew))} was made anew while it was read")
        self._unconfirmed = False

    def _starves(self, topic: int) -> bool:
        """Whether a part's other records wait for this topic's backlog: other parts' records, however many are held,
        must not keep it from being fetched, or two parts could wait for each other's topic for ever."""
        name = self._inputs.topics[topic]
        for part, heads in self._heads.items():
            end = self._backlog.get((name, part))
            if end is not None and self._fetched.get((name, part), end) < end:
                waiting = heads.waiting()
                if not waiting[topic] and any(waiting):
                    return True
        return False

    def _sort_in(self, topic: int, records: pa.RecordBatch) -> None:
        records = _of_topic(records, topic)
        if len(self.parts) == 1:
            self._heads[self.parts[0]].add(topic, records)
            return
        partitions = records.column("partition")
        for part in pc.unique(partitions).to_pylist():
            self._heads[part].add(topic, records.filter(pc.equal(partitions, part)))

    def _behind(self, part: int) -> frozenset[int]:
        """Topics whose records from before the start are not all fetched."""
        behind = set()
        for index, topic in enumerate(self._inputs.topics):
            end = self._backlog.get((topic, part))
            if self._readers[index].has_more:
                behind.add(index)
            elif end is not None:
                if self._fetched.get((topic, part), end) < end:
                    behind.add(index)
                else:
                    del self._backlog[topic, part]
        return frozenset(behind)

    def close(self) -> None:
        """Give the readers back."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()


def _of_topic(records: pa.RecordBatch, topic: int) -> pa.RecordBatch:
    """A reader of one topic calls it 0; the query may know it by another index."""
    if topic == 0:
        return records
    column = pa.repeat(pa.scalar(topic, pa.int32()), records.num_rows)
    return records.set_column(records.schema.get_field_index("topic"), "topic", column)


@dataclass(frozen=True)
class _End:
    """How a part stood at the end of epoch `as_of`."""

    as_of: int
    positions: Positions
    latest: Latest


class SourcePart(StatefulSourcePartition[Any, SourceSnapshot]):
    """One part at work. Called on its worker's thread only."""

    def __init__(self, part: int, lane: str, readers: WorkerReaders, source: FlowSource, control: FlowControl) -> None:
        checkpoint = source.checkpoint
        self._part = part
        self._lane = lane
        self._readers = readers
        self._source = source
        self._control = control
        self._epoch = checkpoint.resume_epoch
        self._positions = {p: o for p, o in checkpoint.positions.items() if p[1] == part}
        readers.add(part)
        self._ends = [_End(checkpoint.epoch, dict(self._positions), readers.latest(part))]  # of the last two epochs
        self._begun = False  # whether the positions of a first start are known
        self._busy = False  # records in this epoch
        self._news = True  # the next batch is the epoch's first
        self._empty = 0
        self._ended = False  # whether it has told that the input has

    def next_batch(self) -> list[tuple[str, Records]]:
        """What is there. The first call of an epoch also means that the epochs before are durable."""
        if self._control.ended:
            raise StopIteration
        try:
            return self._next()
        except StopIteration:
            raise
        except Exception as error:  # noqa: BLE001 - none may leave a source (control.py)
            self._control.fail(error, self._epoch)
            raise StopIteration from None

    def _next(self) -> list[tuple[str, Records]]:
        items = []
        if self._news:
            self._news = False
            self._source.epoch_begun(self._epoch)
            if self._busy:
                items.append((self._lane, Records(self._epoch, self._part)))
            self._busy = False
        if self._control.credits.left():
            records = self._take()
            if records is not None:
                items.append((self._lane, records))
            elif self._readers.finished and not items:
                if self._ended or not self._source.inputs.come_to_an_end:
                    raise StopIteration
                self._ended = self._busy = True
                items.append((self._lane, Records(self._epoch, self._part, ended=True)))
        return items

    def _take(self) -> Records | None:
        batches = self._readers.take(self._part)
        if not self._begun:
            begun_at = {p: o for p, o in self._readers.begun_at.items() if p[1] == self._part}
            self._positions = begun_at | self._positions
            self._begun = True
        if not batches:
            self._empty += 1
            return self._passed()
        self._empty = 0
        self._busy = True
        for batch in batches:
            self._advance(batch)
        size = sum(b.nbytes for b in batches)
        self._control.credits.take(size)
        rows = sum(b.num_rows for b in batches)
        return Records(self._epoch, self._part, batches, dict(self._positions), size, self._source.clock(), rows)

    def _passed(self) -> Records | None:
        """News of positions alone, where they have moved on without records."""
        moved = {p: at for p, at in self._readers.passed(self._part).items() if at > self._positions.get(p, at)}
        if not moved:
            return None
        self._positions |= moved
        return Records(self._epoch, self._part, positions=dict(self._positions))

    def _advance(self, batch: pa.RecordBatch) -> None:
        names = self._source.inputs.topics
        topics, offsets = batch.column("topic"), batch.column("offset")
        if len(names) == 1:
            self._positions[names[0], self._part] = offsets[batch.num_rows - 1].as_py() + 1
            return
        for index in pc.unique(topics).to_pylist():
            last = pc.max(offsets.filter(pc.equal(topics, index))).as_py()
            self._positions[names[index], self._part] = last + 1

    def next_awake(self) -> datetime | None:
        """At once after records; else after 1 ms, and after some patience up to 50 ms."""
        if not self._empty and self._control.credits.left():
            return None
        wait: timedelta = _SOON * 2 ** max(0, min(self._empty - _PATIENCE, 6))
        return datetime.now(UTC) + min(wait, _LATEST)

    def snapshot(self) -> SourceSnapshot:
        """The end of an epoch; after a failure the end of the last one that may be believed."""
        epoch, failure = self._epoch, self._control.failure
        if failure is None or epoch < failure.epoch:
            self._ends = [self._ends[-1], _End(epoch, dict(self._positions), self._readers.latest(self._part))]
        else:
            self._ends = [end for end in self._ends if end.as_of < failure.epoch][-1:] * 2
        self._epoch += 1
        self._news = True
        before, end = self._ends[0], self._ends[-1]
        return SourceSnapshot(
            epoch,
            end.as_of,
            end.positions,
            before.positions,
            before.as_of,
            end.latest,
            before.latest,
            self._source.checkpoint.topic_ids,
        )


class FlowSource(FixedPartitionedSource[Any, SourceSnapshot]):
    """The source of one flow. `readers_of_thread` gives (lane, readers) of the worker whose thread calls."""

    def __init__(
        self,
        inputs: Inputs,
        checkpoint: Checkpoint,
        control: FlowControl,
        *,
        parts: int,
        clock: Callable[[], float],
        readers_of_thread: Callable[[], tuple[str, WorkerReaders]],
        epoch_begun: Callable[[int], None],
    ) -> None:
        self.inputs = inputs
        self.checkpoint = checkpoint
        self.clock = clock
        self.epoch_begun = epoch_begun
        self._parts = parts
        self._control = control
        self._readers_of_thread = readers_of_thread

    def list_parts(self) -> list[str]:
        """Every worker can read every part; Bytewax shares them out."""
        return [f"{part:05d}" for part in range(self._parts)]

    def build_part(self, step_id: str, for_part: str, resume_state: SourceSnapshot | None) -> SourcePart:
        """A part on the worker that got it. The checkpoint was read before the flow (`checkpoint.py`)."""
        lane, readers = self._readers_of_thread()
        return SourcePart(int(for_part), lane, readers, self, self._control)
