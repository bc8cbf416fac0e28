"""Stream–table join: each row of the stream with the table's row as of then.

As of then means by sequence: a batch holds both sides' records in order, so a stream row meets the newest change of
its key before it in the batch, else what is stored. Before it means of an earlier record: what one record is in both, as with
groups of the very stream, the stream's row does not see. A batch that does not change the table joins it directly.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import StreamTableJoin
from ...state.duckdb import Prepared, Slot
from ..context import Context
from ..event_time.windows import bounds
from ..frame import conform, systems, with_missing
from ..newest import NewestRows
from ..operator import DELETED, SEQUENCE, SEQUENCE_STEP, Frame


class StreamTableJoinOperator:
    """Runs a StreamTableJoin step."""

    def __init__(self, step: StreamTableJoin, context: Context) -> None:
        self._step = step
        self._context = context.at(step.left)
        self._left_width, self._right_width = len(step.left_schema), len(step.right_schema)
        self._windows = bounds(step.windowed) if step.windowed else []
        keys = [step.right_key]
        self._rows = NewestRows(context.store, step.state, step.right_schema, keys, bounds=self._windows)
        self._changes: Slot | None = None
        self._change = Prepared(context.connection, self._rows.change_sql, size=self._rows.table.size)
        self._stored = Prepared(context.connection, self._stored_sql, size=self._rows.table.size)
        self._as_of = Prepared(context.connection, self._as_of_sql, size=self._rows.table.size)

    def run(self, frame: Frame) -> None:
        left = frame.edges.get(self._step.left)
        right = frame.edges.get(self._step.right)
        if right is not None and right.num_rows:
            right = with_missing(right, self._step.right_schema)
        if left is not None:
            left = self._joinable(with_missing(left, self._step.left_schema))
            if left.num_rows:
                made = self._stored(left) if right is None or not right.num_rows else self._join_changes(left, right)
                if made.num_rows:
                    frame.edges[self._step.output] = conform(made, self._step.schema)
        if right is not None and right.num_rows:
            self._rows.table.apply(self._change(right))

    def _joinable(self, left: pa.Table) -> pa.Table:
        """Rows with a key and a value; the others cannot meet anything, and go on where only that is asked."""
        if DELETED in left.schema.names:
            left = left.filter(pc.invert(left.column(DELETED))).drop_columns([DELETED])
        key = left.column(f"c{self._step.left_key}")
        if not key.null_count or self._step.is_lookup:
            return left
        for row in pc.indices_nonzero(pc.is_null(key)).to_pylist():
            name = self._step.left_schema.columns[self._step.left_key].name
            self._context.fail(left, row, "expression", f"the join column {name} is NULL", name)
        return left.filter(pc.is_valid(key))

    def _join_changes(self, left: pa.Table, right: pa.Table) -> pa.Table:
        if DELETED not in right.schema.names:
            right = right.append_column(DELETED, pa.repeat(pa.scalar(False), right.num_rows))
        names = [*self._right_columns(), SEQUENCE, DELETED]
        right = right.select(names)
        name = f"{self._step.state}_changes"
        self._changes = Slot(self._context.connection, name, right)
        try:
            return self._as_of(left)
        finally:
            self._changes.close()

    def _right_columns(self) -> list[str]:
        return [*(f"c{i}" for i in range(self._right_width)), *self._windows]

    def _same(self) -> str:
        """Whether a row of the stream and one of the table have one key."""
        own = f"l.c{self._step.left_key} = r.c{self._step.right_key}"
        return " AND ".join([own, *(f"l.{n} = r.{n}" for n in self._windows)])

    def _columns(self, names: Sequence[str]) -> list[str]:
        made = [f"l.c{i} AS c{i}" for i in range(self._left_width)]
        made += [f"r.c{i} AS c{self._left_width + i}" for i in range(self._right_width)]
        return made + [f"l.{n} AS {n}" for n in systems(names)]

    def _stored_sql(self, source: str, names: Sequence[str]) -> str:
        join = "JOIN" if self._step.kind == "INNER" else "LEFT JOIN"
        text = f"SELECT {', '.join(self._columns(names))} FROM {source} AS l {join} {self._rows.table.name} AS r"
        return f"{text} ON {self._same()} ORDER BY l.{SEQUENCE}"

    def _as_of_sql(self, source: str, names: Sequence[str]) -> str:
        theirs = ", ".join([f"c{self._step.right_key}", *self._windows])
        ours = ", ".join([f"c{self._step.left_key}", *self._windows])
        width = ", ".join(self._right_columns())
        stored = (
            f"SELECT {width}, -1::BIGINT AS {SEQUENCE}, false AS {DELETED} FROM {self._rows.table.name}"
            f" WHERE ({theirs}) IN (SELECT ({ours}) FROM {source})"
        )
        versions = f"({stored} UNION ALL SELECT {width}, {SEQUENCE}, {DELETED} FROM {self._step.state}_changes)"
        record = f"l.{SEQUENCE} - l.{SEQUENCE} % {SEQUENCE_STEP}"
        same = f"{self._same()} AND {record} > r.{SEQUENCE}"
        there = f"r.{SEQUENCE} IS NOT NULL AND NOT r.{DELETED}"
        columns = [f"CASE WHEN {there} THEN r.c{i} END AS c{self._left_width + i}" for i in range(self._right_width)]
        own = [f"l.c{i} AS c{i}" for i in range(self._left_width)] + columns + [f"l.{n} AS {n}" for n in systems(names)]
        where = f" WHERE {there}" if self._step.kind == "INNER" else ""
        text = f"SELECT {', '.join(own)} FROM {source} AS l ASOF LEFT JOIN {versions} AS r ON {same}{where}"
        return f"{text} ORDER BY l.{SEQUENCE}"
