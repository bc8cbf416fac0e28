"""Retract: for each change of a table, the row that was and the row that is, so that an aggregate can take back.

The row that was is the key's row before in the batch, or the stored one. It comes before the new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...plan.physical.steps import Retract
from ...state.change import same_keys
from ...state.duckdb import Prepared
from ..context import Context
from ..frame import conform, with_missing
from ..newest import NewestRows
from ..operator import DELETED, SEQUENCE, UNDO, Frame


class RetractOperator:
    """Runs a Retract step."""

    def __init__(self, step: Retract, context: Context) -> None:
        self._step = step
        self._rows = NewestRows(context.store, step.state, step.schema, step.keys)
        self._pairs = Prepared(context.connection, self._pairs_sql, size=self._rows.table.size)
        self._change = Prepared(context.connection, self._rows.change_sql, size=self._rows.table.size)

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None or not table.num_rows:
            return
        table = with_missing(table, self._step.schema)
        made = self._pairs(table)
        self._rows.table.apply(self._change(table))
        if made.num_rows:
            frame.edges[self._step.output] = conform(made, self._step.schema)

    def _pairs_sql(self, source: str, names: Sequence[str]) -> str:
        keys = ", ".join(self._rows.keys)
        columns = [f"c{i}" for i in range(self._rows.width)]
        systems = [n for n in names if n.startswith("_") and n != DELETED]
        gone = DELETED if DELETED in names else "false"
        over = f"OVER (PARTITION BY {keys} ORDER BY {SEQUENCE})"
        lagged = [f"lag({c}) {over} AS b_{c}" for c in columns]
        batch = (
            f"SELECT *, {gone} AS _now_gone, {', '.join(lagged)}, lag({gone}) {over} AS _was_gone,"
            f" row_number() {over} = 1 AS _first FROM {source}"
        )
        stored = f"LEFT JOIN {self._rows.table.name} AS s ON {same_keys(self._rows.keys)}"
        own = [f"b.{n} AS {n}" for n in systems]
        before = [f"CASE WHEN b._first THEN s.{c} ELSE b.b_{c} END AS {c}" for c in columns]
        was = "(b._first AND s.rowid IS NOT NULL) OR (NOT b._first AND NOT b._was_gone)"
        old = f"SELECT {', '.join(before + own)}, true AS {UNDO} FROM b {stored} WHERE {was}"
        now = [f"b.{c} AS {c}" for c in columns]
        new = f"SELECT {', '.join(now + own)}, false AS {UNDO} FROM b WHERE NOT b._now_gone"
        return f"WITH b AS MATERIALIZED ({batch}) {old} UNION ALL {new} ORDER BY {SEQUENCE}, {UNDO} DESC"
