"""Told: the changes of a filtered table as its reader should hear them, each by itself.

A row that does not pass the filter comes as a tombstone. Only who was told a row of this key has to hear that it is gone,
so the keys of rows that stand as told are remembered: as many as the reader has itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ..plan.physical.steps import Materialize
from ..sql.types import duckdb_type
from ..state.change import GONE, ROW, old_columns, same_keys
from ..state.duckdb import Prepared
from .context import Context
from .event_time.windows import bounds
from .frame import conform, is_system, set_column
from .operator import DELETED, ROWTIME, SEQUENCE, Frame

_HAD = "_had"
_LAST = "_last"


class ToldOperator:
    """Runs a Materialize step of which every change goes on."""

    def __init__(self, step: Materialize, context: Context) -> None:
        self._step = step
        keys = [(f"c{i}", duckdb_type(c.type)) for i, c in enumerate(step.schema) if c.is_key]
        windows = [(name, "BIGINT") for name in (bounds(step.window) if step.window else [])]
        self._table = context.store.table(step.state, [*keys, *windows], [(ROWTIME, "BIGINT")])
        self._judged = Prepared(context.connection, self._sql, size=self._table.size)

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None or not table.num_rows:
            return
        if DELETED not in table.schema.names:
            table = set_column(table, DELETED, pa.repeat(False, table.num_rows))
        judged = self._judged(table)
        self._table.apply(_changes(judged))
        told = judged.filter(pc.or_(pc.invert(judged.column(DELETED)), judged.column(_HAD)))
        if told.num_rows:
            frame.edges[self._step.output] = conform(told.select(table.schema.names), self._step.schema)

    def _sql(self, source: str, names: Sequence[str]) -> str:
        """The rows in order with: whether a row of the key stood as told before (`_had`), whether it is the batch's last of
        its key, and what is stored of it."""
        over = f"OVER (PARTITION BY {', '.join(self._table.keys)} ORDER BY {SEQUENCE})"
        batch = (
            f"SELECT *, lag({DELETED}) {over} AS _was_gone, lead({SEQUENCE}) {over} IS NULL AS {_LAST} FROM {source}"
        )
        kept = {n for n in names if is_system(n) or n in self._table.keys}
        columns = [f"b.{n}" if n in kept else f"CASE WHEN NOT b.{DELETED} THEN b.{n} END AS {n}" for n in names]
        columns += [f"b.{_LAST}", *old_columns(self._table.values)]
        columns.append(f"coalesce(NOT b._was_gone, s.rowid IS NOT NULL) AS {_HAD}")
        stored = f"LEFT JOIN {self._table.name} AS s ON {same_keys(self._table.keys)}"
        return f"SELECT {', '.join(columns)} FROM ({batch}) AS b {stored} ORDER BY b.{SEQUENCE}"


def _changes(judged: pa.Table) -> pa.Table:
    """Keys that are told now and were not before the batch, or the other way round."""
    changed = pc.equal(judged.column(DELETED), pc.is_valid(judged.column(ROW)))
    change = judged.filter(pc.and_(judged.column(_LAST), changed))
    return change.rename_columns([GONE if n == DELETED else n for n in change.schema.names])
