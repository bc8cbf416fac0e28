"""Rows of an outer stream–stream join that have met nothing: when they go on alone.

Without GRACE PERIOD at once, as ksqlDB always did: a partner that comes later makes a second row. With it, when stream
time has passed the end of what the row may meet and the grace period, so that no partner can come; a row that arrives
when even the former is past goes on at once. Rows that close by one step of stream time go on before what that step's
own row meets, the earlier ones first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import StreamStreamJoin
from ...sql.types import arrow_type
from ..frame import one_chunk
from ..operator import LEFT_TIME, PARTITION, RIGHT_TIME, ROWTIME, SEQUENCE, SIDE, WINDOW_END, WINDOW_START
from .buffer import ID, JoinBuffer
from .sides import AT

ORDER = (AT, "_kind", "_by1", "_by2", "_by3")
"""What says where a row of the output stands; `_kind`: 0 a row whose window closes, 1 what a row of the batch makes."""

_NEVER = np.iinfo(np.int64).max
_AT_END = _NEVER - 1  # behind every row of the batch
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Unmatched:
    """Finds the rows that go on alone. `run` first, then the batch is stored."""

    def __init__(self, step: StreamStreamJoin, buffers: tuple[JoinBuffer, JoinBuffer]) -> None:
        self._step = step
        self._buffers = buffers
        self._sides = {"LEFT": (0,), "RIGHT": (1,), "OUTER": (0, 1)}.get(step.kind, ())
        self._reach = (step.after_ms, step.before_ms)  # how much later than a row of the side its partner may be

    def run(
        self, table: pa.Table | None, pairs: pa.Table | None, now: Mapping[int, int]
    ) -> tuple[list[pa.Table], pa.Array]:
        """Rows for the output, in its columns and those of ORDER; and for each row of the batch, whether it waits on.
        `now`: stream time by partition, after the batch."""
        count = 0 if table is None else table.num_rows
        if not self._sides:
            return [], pa.repeat(pa.scalar(False), count)
        if table is None:
            return self._stored(None, None, now), pa.repeat(pa.scalar(False), 0)
        batch = _Batch(table)
        alone = np.isin(batch.side, self._sides) & ~np.isin(batch.at, one_chunk(_column(pairs, AT)).to_numpy())
        if self._step.grace_ms is None:
            return [self._of_batch(table, alone, batch.at, 1, batch.at)], pa.repeat(pa.scalar(False), count)
        high = batch.time + np.where(batch.side == 0, *self._reach)
        at_once = alone & (high < batch.stream_time)
        waits = alone & ~at_once
        made = [self._of_batch(table, at_once, batch.at, 1, batch.at)]
        close = high + self._step.grace_ms
        met = np.array([_NEVER] * count)
        for side in self._sides:
            own = batch.side == side
            met[own] = _first_met(pairs, side, batch.id[own])
        closed = batch.closed_at(batch.partition, close, now)
        goes = waits & (closed <= met) & (closed != _NEVER)
        made.append(self._of_batch(table, goes, closed, 0, close))
        made += self._stored(batch, pairs, now)
        return made, pa.array(waits & ~goes & (met == _NEVER))

    # --------------------------------------------------------------------------------------------------------- stored
    def _stored(self, batch: _Batch | None, pairs: pa.Table | None, now: Mapping[int, int]) -> list[pa.Table]:
        """Stored rows whose window has closed; those and the ones that have met something wait no more."""
        made: list[pa.Table] = []
        if self._step.grace_ms is None:
            return made
        for side in self._sides:
            buffer, span = self._buffers[side], self._reach[side] + self._step.grace_ms
            shut: list[pa.Table] = []
            due = self._due(buffer, span, now)
            if due is not None and due.num_rows:
                close = one_chunk(due.column(ROWTIME)).to_numpy() + span
                ids = one_chunk(due.column(ID)).to_numpy()
                places = one_chunk(due.column(PARTITION)).to_numpy()
                closed = np.full(len(ids), _AT_END) if batch is None else batch.closed_at(places, close, now)
                goes = closed <= _first_met(pairs, side, ids)
                made.append(self._of_stored(due, side, goes, closed, close))
                shut.append(due)
            met = _open_met(pairs, side)
            if len(met):
                found = buffer.found(met)
                known = shut[0].column(ID) if shut else pa.chunked_array([[]], pa.int64())
                shut.append(found.filter(pc.invert(pc.is_in(found.column(ID), known))))
            for rows in shut:
                buffer.shut(rows)
        return made

    @staticmethod
    def _due(buffer: JoinBuffer, span: int, now: Mapping[int, int]) -> pa.Table | None:
        if buffer.earliest is None or not now or buffer.earliest + span >= max(now.values()):
            return None
        return buffer.due({p: t - span for p, t in now.items()})

    # --------------------------------------------------------------------------------------------------------- output
    def _of_batch(self, table: pa.Table, which: Flags, at: Numbers, kind: int, by: Numbers) -> pa.Table:
        """Rows of the batch as rows of the output: the other side's columns are NULL in them already."""
        rows = table.filter(pa.array(which))
        columns = {f"c{i}": rows.column(f"c{i + 1}") for i in range(len(self._step.schema))}
        sequence = self._sequence(at[which]) if kind == 0 else rows.column(SEQUENCE)
        side = one_chunk(rows.column(SIDE)).to_numpy().astype(np.int64)
        return self._rows(columns, rows, sequence, at[which], kind, by[which], side)

    def _of_stored(self, due: pa.Table, side: int, goes: Flags, at: Numbers, by: Numbers) -> pa.Table:
        rows = due.filter(pa.array(goes))
        columns = {}
        for i, column in enumerate(self._step.schema):
            name = f"c{i + 1}"
            known = name in rows.schema.names
            columns[f"c{i}"] = rows.column(name) if known else pa.nulls(rows.num_rows, arrow_type(column.type))
        sides = np.full(rows.num_rows, side, np.int64)
        return self._rows(columns, rows, self._sequence(at[goes]), at[goes], 0, by[goes], sides)

    @staticmethod
    def _sequence(at: Numbers) -> pa.Array:
        """Of the row that closes a window; NULL at the batch's end."""
        made: pa.Array = pa.array(at // 2, mask=at >= _AT_END)
        return made

    def _rows(
        self,
        columns: dict[str, pa.ChunkedArray],
        rows: pa.Table,
        sequence: pa.Array,
        at: Numbers,
        kind: int,
        by: Numbers,
        side: Numbers,
    ) -> pa.Table:
        windows = [] if self._step.windowed is None else [WINDOW_START, WINDOW_END]
        made = columns | {n: rows.column(n) for n in (ROWTIME, PARTITION, *windows)} | {SEQUENCE: sequence}
        kinds = np.full(rows.num_rows, kind, np.int64)
        order = (at, kinds, by, 1 - side, one_chunk(rows.column(ID)).to_numpy())
        return pa.table(made | {n: pa.array(v, pa.int64()) for n, v in zip(ORDER, order, strict=True)})


class _Batch:
    """The batch's rows as numbers."""

    def __init__(self, table: pa.Table) -> None:
        def numbers(name: str) -> Numbers:
            made: Numbers = one_chunk(table.column(name)).to_numpy().astype(np.int64)
            return made

        self.side, self.at, self.time, self.id = (numbers(n) for n in (SIDE, AT, ROWTIME, ID))
        self.partition = numbers(PARTITION)
        self.stream_time = np.maximum(numbers(LEFT_TIME), numbers(RIGHT_TIME))
        self._ticks: dict[int, tuple[Numbers, Numbers]] = {}
        order = np.argsort(self.at, kind="stable")
        for partition in np.unique(self.partition):
            rows = order[self.partition[order] == partition]
            self._ticks[int(partition)] = (self.at[rows], np.maximum.accumulate(self.stream_time[rows]))

    def closed_at(self, partitions: Numbers, close: Numbers, now: Mapping[int, int]) -> Numbers:
        """The place of the first row by which stream time has passed `close`; the end where it is a row of another key
        group or worker; never where it has not."""
        made: Numbers = np.full(len(close), _NEVER)
        for partition in np.unique(partitions):
            own = np.flatnonzero(partitions == partition)
            made[own[close[own] < now.get(int(partition), -1)]] = _AT_END
            at, times = self._ticks.get(int(partition), (np.empty(0, np.int64), np.empty(0, np.int64)))
            places = np.searchsorted(times, close[own], side="right")
            found = places < len(times)
            made[own[found]] = at[places[found]]
        return made


def _column(pairs: pa.Table | None, name: str) -> pa.ChunkedArray:
    return pa.chunked_array([[]], pa.int64()) if pairs is None else pairs.column(name)


def _first_met(pairs: pa.Table | None, side: int, ids: Numbers) -> Numbers:
    """For rows of a side by their number, the place of the first row after them that met them."""
    made: Numbers = np.full(len(ids), _NEVER)
    if pairs is None or not pairs.num_rows or not len(ids):
        return made
    own = pairs.filter(pc.equal(pairs.column("_met_side"), side)).select(["_met", AT])
    first = own.group_by("_met").aggregate([(AT, "min")]).sort_by("_met")
    met, at = first.column("_met").to_numpy(), first.column(f"{AT}_min").to_numpy()
    if len(met):
        places = np.minimum(np.searchsorted(met, ids), len(met) - 1)
        made = np.where(met[places] == ids, at[places], _NEVER)
    return made


def _open_met(pairs: pa.Table | None, side: int) -> pa.Array:
    """The numbers of stored rows that waited and have met something."""
    if pairs is None or not pairs.num_rows:
        return pa.array([], pa.int64())
    own = pairs.filter(pc.and_(pc.equal(pairs.column("_met_side"), side), pairs.column("_met_open")))
    return one_chunk(own.column("_met")).unique()
