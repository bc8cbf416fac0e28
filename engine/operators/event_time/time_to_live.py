"""Time to live: groups that no row has come to for so long leave the state, and their keys get tombstones.

The clock is stream time, as everywhere: a wall clock would make what is kept depend on how fast a topic is read, and a
restart that reads again would forget other keys than the first run did. A group is as old as the stream time of the last
row that came to it, the one of that row's partition. A row that finds its group past its time begins it anew, whether
or not the group has been swept out yet; so what a table says does not depend on where batches are cut. Groups that get no
row any more go at the least stream time of the live partitions, which every frame tells to every key group.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import Aggregate
from ...sql.compile.expression import compile_sql
from ...sql.expressions import Expr
from ...sql.functions import PythonAggregate
from ...sql.types import arrow_type
from ...state.duckdb import Prepared, fetch
from ...state.table import StateTable
from ..aggregates.group_state import GroupState
from ..context import Context
from ..frame import set_column
from ..operator import DELETED, PASSED, ROWTIME, SEQUENCE, STREAM_TIME
from .marks import LeastTime

_SWEEPS = 1000
"""Into so many steps a time to live is divided: a sweep reads the times of all groups, so there is one a step and not one
a batch, at stream times that are whole multiples of it."""


class TimeToLive:
    """What an Aggregate step with a time to live does besides merging. `having`: which groups its topic knows."""

    def __init__(
        self, step: Aggregate, layout: GroupState, table: StateTable, having: Expr | None, context: Context
    ) -> None:
        assert step.partial.ttl_ms is not None
        self._step = step
        self._ttl_ms = step.partial.ttl_ms
        self._every_ms = max(1, self._ttl_ms // _SWEEPS)
        self._layout = layout
        self._table = table
        self._connection = context.connection
        self._having = having
        self._clock = LeastTime(step.partial.number)
        self._swept = -1
        self._last = Prepared(context.connection, self._last_sql, size=table.size)

    def reload(self) -> None:
        """The state has been rolled back: what was swept may be there again."""
        self._swept = -1

    def last_lives(self, rows: pa.Table) -> pa.Table:
        """The rows of a batch without those whose group ends, and begins anew, before its end."""
        bounds = pc.min_max(rows.column(STREAM_TIME)).as_py()
        if bounds["max"] - bounds["min"] < self._ttl_ms:
            return rows
        self._table.settle()
        return self._last(rows)

    def _last_sql(self, source: str, names: Sequence[str]) -> str:
        key = f"PARTITION BY {', '.join(self._layout.key_names)}"
        before = f"max({STREAM_TIME}) OVER ({key} ORDER BY {SEQUENCE} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        stored = (
            f"SELECT b.*, s.{STREAM_TIME} AS _stored FROM {self._layout.join_sql(f'{source} AS b', self._table.name)}"
        )
        since = f"{STREAM_TIME} - greatest(_stored, {before})"  # greatest() passes NULLs by
        begins = f"SELECT *, CASE WHEN {since} >= {self._ttl_ms} THEN {SEQUENCE} END AS _begins FROM ({stored})"
        last = f"coalesce(max(_begins) OVER ({key}), {SEQUENCE})"
        return f"SELECT {', '.join(names)} FROM ({begins}) QUALIFY {SEQUENCE} >= {last} ORDER BY {SEQUENCE}"

    def sweep(self, stream_time: dict[int, int], made: pa.Table | None) -> pa.Table | None:
        """Forget the groups whose time is over; gives their tombstones, in the columns of the step's output, to stand behind
        the batch's own (`made`)."""
        now = self._clock.hear(stream_time)
        edge = now // self._every_ms * self._every_ms - self._ttl_ms
        if edge <= self._swept or edge < 0:
            return None
        self._swept = edge
        self._table.settle()
        due = f"{STREAM_TIME} <= {edge}"
        gone = fetch(self._connection, self._gone_sql(due))
        if not gone.num_rows:
            return None
        self._table.expire(due)
        behind = -1 if made is None else pc.max(made.column(SEQUENCE)).as_py()
        gone = set_column(gone, SEQUENCE, pa.array(range(behind + 1, behind + 1 + gone.num_rows), pa.int64()))
        for i, column in list(enumerate(self._step.schema))[self._step.partial.keys :]:
            gone = set_column(gone, f"c{i}", pa.nulls(gone.num_rows, arrow_type(column.type)))
        return set_column(gone, DELETED, pa.repeat(True, gone.num_rows))

    def _gone_sql(self, due: str) -> str:
        """Their keys, with when their time was over, and whether their rows passed HAVING."""
        keys = ", ".join(self._layout.key_names)
        columns = [keys, f"{STREAM_TIME} + {self._ttl_ms} AS {ROWTIME}"]
        if self._having is not None:
            # A user's aggregate keeps its state, not its result: every row that was there may have passed.
            unknown = any(isinstance(call.spec, PythonAggregate) for call in self._step.partial.calls)
            passed = "true" if unknown else f"coalesce(TRY({compile_sql(self._having)}), false)"
            columns.append(f"{passed} AS {PASSED}")
        rows = self._layout.view_sql(self._table.name, due)
        return f"SELECT {', '.join(columns)} FROM ({rows}) ORDER BY {STREAM_TIME}, {keys}"
