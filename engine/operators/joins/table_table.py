"""Table–table join on the primary key: each change of either side with the other side's row as of then.

Kafka Streams' rules, change by change: an INNER join answers where the other side has a row, an outer one also where it
has none, and a row that is there no more is taken back with a tombstone. All versions of a key that the batch knows,
the stored one first, stand in one window; a window function looks back to the newest of each side. Of a batch, one
update a key goes on; where an aggregate takes rows back behind the join, every one does, for a group that a row has only
passed through is a group all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ...plan.physical.steps import Evaluate, TableTableJoin
from ...sql.compile.expression import bind_functions, compile_sql
from ...sql.expressions import Column, Expr, transform
from ...sql.schema import Schema
from ...state.duckdb import Prepared
from ..context import Context
from ..event_time.windows import bounds
from ..frame import conform, one_chunk, set_column, systems, with_missing
from ..newest import NewestRows
from ..operator import DELETED, PASSED, ROWTIME, SEQUENCE, SIDE, Frame
from .sides import AT, STORED_AT, spread_places, together, with_key

_BEFORE = "_before"
_OLD = 1000
"""Columns of the joined row before the change are c1000 …, above any table's width."""


class TableTableJoinOperator:
    """Runs a TableTableJoin step. `after`: the evaluation over its output, whose WHERE decides what is taken back; `every`:
    all updates of a batch go on."""

    def __init__(self, step: TableTableJoin, after: Evaluate | None, context: Context, *, every: bool = False) -> None:
        self._step = step
        self._every = every
        self._context = context
        self._where = after.where if after is not None else None
        if self._where is not None:
            bind_functions(context.connection, [self._where])
        self._windows = bounds(step.windowed) if step.windowed else []
        self._key = ["_key", *self._windows]
        self._left = self._side("left", step.left_schema, step.left_key)
        self._right = self._side("right", step.right_schema, step.right_key)
        self._joined = Prepared(context.connection, self._sql, size=self._size)

    def _side(self, name: str, schema: Schema, key: int) -> _Kept:
        return _Kept(
            NewestRows(self._context.store, f"{self._step.state}_{name}", schema, [key], bounds=self._windows),
            self._context,
        )

    def _size(self) -> int:
        return max(self._left.rows.table.size(), self._right.rows.table.size())

    def run(self, frame: Frame) -> None:
        step = self._step
        left = with_key(frame.edges.get(step.left), step.left_key, step.left_schema, self._context, tell=False)
        right = with_key(frame.edges.get(step.right), step.right_key, step.right_schema, self._context, tell=False)
        if left is None and right is None:
            return
        made = self._joined(together(left, right, (step.left_schema, step.right_schema)))
        for table, side, schema in ((left, self._left, step.left_schema), (right, self._right, step.right_schema)):
            if table is not None:
                side.take(with_missing(table, schema))
        if made.num_rows:
            if self._every:  # a self-join makes two updates of one record
                places = spread_places(one_chunk(made.column(SEQUENCE)).to_numpy())
                made = set_column(made, SEQUENCE, pa.array(places))
            frame.edges[step.output] = conform(made, step.schema)

    # ------------------------------------------------------------------------------------------------------------ SQL
    def _sql(self, source: str, names: Sequence[str]) -> str:
        kept = [n for n in systems(names) if n not in (SIDE, AT, DELETED, ROWTIME)]
        versions = " UNION ALL BY NAME ".join(self._versions(source, names))
        over = f"OVER (PARTITION BY {', '.join(self._key)} ORDER BY {AT} ROWS BETWEEN UNBOUNDED PRECEDING AND"
        looks = [f"last_value({side} IGNORE NULLS) {over} CURRENT ROW) AS {side}_now" for side in "lr"]
        looks += [f"last_value({side} IGNORE NULLS) {over} 1 PRECEDING) AS {side}_was" for side in "lr"]
        seen = f"SELECT *, {', '.join(looks)} FROM ({versions})"
        there = ", ".join(f"coalesce(NOT {s}_{w}.gone, false) AS {s}_{w}_on" for s in "lr" for w in ("now", "was"))
        changes = f"SELECT *, {there} FROM ({seen}) WHERE {AT} > {STORED_AT}"
        columns = [*self._columns("l"), *self._columns("r"), *kept, f"{self._time()} AS {ROWTIME}"]
        columns += [f"NOT ({self._there()}) AS {DELETED}", AT, "_key", *self._passed()]
        changes = f"SELECT {', '.join(columns)} FROM ({changes}) WHERE {self._tells()}"
        hidden = [AT, "_key", _BEFORE]
        if self._where is not None:
            hidden += [f"c{_OLD + i}" for i in range(len(self._step.schema))]
        return f"SELECT * EXCLUDE ({', '.join(hidden)}) FROM ({self._newest(changes)}) ORDER BY {AT}"

    def _newest(self, changes: str) -> str:
        """Of each key's updates the last; what was before the batch is what was before the first of them."""
        if self._every:
            return changes if self._where is None else f"SELECT *, {_BEFORE} AS {PASSED} FROM ({changes})"
        by = f"PARTITION BY {', '.join(self._key)} ORDER BY {AT}"
        columns = ["*"] if self._where is None else ["*", f"first_value({_BEFORE}) OVER ({by}) AS {PASSED}"]
        return f"SELECT {', '.join(columns)} FROM ({changes}) QUALIFY row_number() OVER ({by} DESC) = 1"

    def _passed(self) -> list[str]:
        """Whether the key had a joined row before the change, and one that passes WHERE."""
        if self._where is None:
            return [f"true AS {_BEFORE}"]
        condition = compile_sql(transform(self._where, _before))
        own = {s: f"CASE WHEN {SIDE} = {n} THEN {s}_was_on ELSE {s}_now_on END" for n, s in enumerate("lr")}
        had = {"INNER": "{l} AND {r}", "LEFT": "{l}", "RIGHT": "{r}"}.get(self._step.kind, "({l} OR {r})").format(
            **{s: f"({text})" for s, text in own.items()}
        )
        return [*self._columns_before(), f"{had} AND coalesce(TRY({condition}), false) AS {_BEFORE}"]

    def _versions(self, source: str, names: Sequence[str]) -> list[str]:
        """The rows of the batch and what is stored of their keys, each side's as a struct."""
        step = self._step
        key = f"coalesce(l{step.left_key}, r{step.right_key}) AS _key"
        sides = [
            f"CASE WHEN {SIDE} = {n} THEN {_struct(s, schema, DELETED, ROWTIME)} END AS {s}"
            for n, (s, schema) in enumerate((("l", step.left_schema), ("r", step.right_schema)))
        ]
        batch = f"SELECT {', '.join([key, *sides, *systems(names)])} FROM {source}"
        made = [batch]
        touched = ", ".join(self._key)
        for s, kept, key_place, schema in (
            ("l", self._left, step.left_key, step.left_schema),
            ("r", self._right, step.right_key, step.right_schema),
        ):
            same = ", ".join([f"c{key_place}", *self._windows])
            values = [f"c{key_place} AS _key", *self._windows, f"{_struct('c', schema, 'false', ROWTIME)} AS {s}"]
            made.append(
                f"SELECT {', '.join(values)}, {STORED_AT}::BIGINT AS {AT} FROM {kept.rows.table.name}"
                f" WHERE ({same}) IN (SELECT ({touched}) FROM ({batch}))"
            )
        return made

    def _columns(self, side: str) -> list[str]:
        """A side's columns; of a tombstone, whose values nobody reads, the key."""
        step = self._step
        schema, key = (step.left_schema, step.left_key) if side == "l" else (step.right_schema, step.right_key)
        start = 0 if side == "l" else len(step.left_schema)
        made = []
        for i in range(len(schema)):
            gone = f" WHEN NOT ({self._there()}) THEN _key" if i == key else ""
            made.append(f"CASE WHEN {side}_now_on THEN {side}_now.v{i}{gone} END AS c{start + i}")
        return made

    def _columns_before(self) -> list[str]:
        """The joined row before the change: the changed side's row as it was, the other's as it is."""
        places = [(0, "l", i) for i in range(len(self._step.left_schema))]
        places += [(1, "r", i) for i in range(len(self._step.right_schema))]
        return [
            f"CASE WHEN {SIDE} = {n} THEN CASE WHEN {s}_was_on THEN {s}_was.v{i} END"
            f" WHEN {s}_now_on THEN {s}_now.v{i} END AS c{_OLD + place}"
            for place, (n, s, i) in enumerate(places)
        ]

    def _there(self) -> str:
        """Whether the key has a joined row."""
        return {"INNER": "l_now_on AND r_now_on", "LEFT": "l_now_on", "RIGHT": "r_now_on"}.get(
            self._step.kind, "l_now_on OR r_now_on"
        )

    def _tells(self) -> str:
        """Which changes make an update: those that find the other side's row; where the changed side is kept without the
        other's, also those that have or had a row of their own."""
        kept = {"LEFT": "l", "RIGHT": "r", "OUTER": "lr"}.get(self._step.kind, "")
        texts = []
        for number, (own, other) in enumerate((("l", "r"), ("r", "l"))):
            alone = f" OR {own}_now_on OR {own}_was_on" if own in kept else ""
            texts.append(f"({SIDE} = {number} AND ({other}_now_on{alone}))")
        return " OR ".join(texts)

    @staticmethod
    def _time() -> str:
        return (
            f"CASE WHEN {SIDE} = 0 THEN greatest(l_now.t, CASE WHEN r_now_on THEN r_now.t END)"
            f" ELSE greatest(r_now.t, CASE WHEN l_now_on THEN l_now.t END) END"
        )


class _Kept:
    """One side's rows as they stand."""

    def __init__(self, rows: NewestRows, context: Context) -> None:
        self.rows = rows
        self._change = Prepared(context.connection, rows.change_sql, size=rows.table.size)

    def take(self, table: pa.Table) -> None:
        """Store the batch's newest row of every key."""
        self.rows.table.apply(self._change(table))


def _before(expr: Expr) -> Expr | None:
    return Column(expr.index + _OLD, expr.name, expr.type) if isinstance(expr, Column) else None


def _struct(prefix: str, schema: Schema, gone: str, time: str) -> str:
    values = [f"v{i} := {prefix}{i}" for i in range(len(schema))]
    return f"struct_pack({', '.join([f'gone := {gone}', f't := {time}', *values])})"
