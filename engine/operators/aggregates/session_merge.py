"""Stored sessions that a batch brings together, merged into one state each, by end: before the batch's rows are added."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...sql.functions import AggregateSpec, PythonAggregate
from ...sql.template import fill
from ...sql.types import arrow_type
from ...state.duckdb import Prepared
from ..context import Context
from ..frame import set_column
from ..operator import KEY_GROUP, ROWTIME, WINDOW_END, WINDOW_START
from .group_state import GroupState
from .session_rows import PLACE, RANK, STORED


class SessionMerge:
    """Merges the states of an Aggregate step's sessions."""

    def __init__(self, layout: GroupState, context: Context) -> None:
        self._layout = layout
        self._context = context
        self._calls = layout.step.partial.calls
        self._two = Prepared(context.connection, self._two_sql)

    def folded(self, islands: pa.Table, ranks: int) -> pa.Table:
        """`islands` (as `session_rows.islands_sql` gives them) with one stored session, of rank 1, for each new one."""
        stored = islands.filter(islands.column(STORED))
        columns = [*self._layout.key_names, *(n for n, _ in self._layout.values()), PLACE, RANK]
        stored = stored.select(columns)
        made = stored.filter(pc.equal(stored.column(RANK), 1))
        # As many rounds as one batch bridges sessions of one key, which is seldom more than one.
        for rank in range(2, ranks + 1):
            more = stored.filter(pc.equal(stored.column(RANK), rank))
            made = self._merged(pa.concat_tables([made, more])).select(columns)
        made = made.append_column(STORED, pa.repeat(True, made.num_rows))
        rows = islands.filter(pc.invert(islands.column(STORED)))
        return pa.concat_tables([rows, made], promote_options="default")

    def _merged(self, both: pa.Table) -> pa.Table:
        made = self._two(both)
        for i, (call, place) in enumerate(zip(self._calls, self._layout.places(), strict=True)):
            if isinstance(call.spec, PythonAggregate):
                aggregator = call.spec.aggregator
                pairs = zip(made.column(f"s{place[0]}").to_pylist(), made.column(f"_b{i}").to_pylist(), strict=True)
                more = made.column("_more").to_pylist()
                # The function is the user's own, two states at a time.
                states = [aggregator.merge(s, b) if m else s for (s, b), m in zip(pairs, more, strict=True)]
                made = set_column(made, f"s{place[0]}", pa.array(states, arrow_type(aggregator.state_type)))
        return made

    def _two_sql(self, source: str, names: Sequence[str]) -> str:
        keys = [*(f"c{i}" for i in range(self._layout.step.partial.keys)), WINDOW_START, WINDOW_END]
        columns = [f"a.{k} AS {k}" for k in keys]
        for i, (call, place) in enumerate(zip(self._calls, self._layout.places(), strict=True)):
            if not isinstance(call.spec, AggregateSpec):
                columns += [f"a.s{place[0]} AS s{place[0]}", f"b.s{place[0]} AS _b{i}"]
                continue
            values = {f"s{j}": f"a.s{p}" for j, p in enumerate(place)}
            values |= {f"b{j}": f"b.s{p}" for j, p in enumerate(place)}
            for p, column in zip(place, call.spec.state, strict=True):
                text = fill(column.merge, values | {"s": f"a.s{p}", "b": f"b.s{p}"})
                columns.append(f"CASE WHEN b.{RANK} IS NULL THEN a.s{p} ELSE {text} END AS s{p}")
        columns += [f"a.{n} AS {n}" for n in (ROWTIME, KEY_GROUP, PLACE, RANK)] + [f"b.{RANK} IS NOT NULL AS _more"]
        same = " AND ".join(f"a.{k} = b.{k}" for k in keys)
        first, other = (f"(SELECT * FROM {source} WHERE {RANK} {sign} 1)" for sign in ("=", ">"))
        return f"SELECT {', '.join(columns)} FROM {first} a LEFT JOIN {other} b ON {same}"
