"""Foreign-key join: a table's rows, each with the row of another table that one of its columns names.

Three operators, for three keys: `ForeignKeyChanges` lies with the left table's key, knows the row that was, and says
which foreign key a row leaves; `ForeignKeyJoin` lies with the foreign key and joins changes of either side with the
other side as of then; `ForeignKeyResults` lies with the left table's key again, where results of several foreign keys
meet. There a row's answer from the foreign key that it had can come after the one from the key that it has, for other
workers gave them. So each row of the left goes its way with a version, as in Kafka Streams (KIP-213) with a hash, and
an answer to an older one than was answered before is stale and left out. The version is counted where the row is
changed; a source's offset would not do, for a row may be a join's or an aggregate's.

What is answered follows Kafka Streams: a new row only where the other side has one (of a LEFT join, always), a changed
row always, for it must take back what was; a row that is gone, a tombstone. Of a batch, one update a key goes on; where
an aggregate takes rows back behind the join, every one does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import ForeignKeyChanges, ForeignKeyJoin, ForeignKeyResults
from ...sql.schema import ColumnDef, Schema
from ...sql.types import BIGINT
from ...state.change import GONE, OLD, ROW, same_keys
from ...state.duckdb import Prepared
from ..context import Context
from ..frame import conform, one_chunk, set_column, systems, with_missing
from ..newest import NewestRows
from ..operator import DELETED, PARTITION, ROWTIME, SEQUENCE, SIDE, Frame
from .sides import AT, STORED_AT, spread_places, together, with_key

_WHAT = "_what"  # int8: what a change does to the foreign key's rows
_NEW, _CHANGED, _MOVED, _GONE = 1, 2, 3, 4
_VERSION = "_version"  # int64: which of its key's rows the left row is; greater means later
_VERSIONS_AN_EPOCH = 1 << 32


class ForeignKeyChangesOperator:
    """Runs a ForeignKeyChanges step. `every`: all changes of a batch go on, not the newest of each key alone."""

    def __init__(self, step: ForeignKeyChanges, context: Context, *, every: bool = False) -> None:
        self._step = step
        self._context = context
        self._rows = NewestRows(context.store, step.state, step.schema, step.primary)
        self._newest = Prepared(context.connection, self._rows.change_sql, size=self._rows.table.size)
        size = self._rows.table.size
        self._each = Prepared(context.connection, self._each_sql, size=size) if every else None
        self._changes = Prepared(context.evaluation, self._sql)
        self._columns = [f"c{i}" for i in range(self._rows.width)]
        self._next = 0

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None or not table.num_rows:
            return
        table = with_missing(table, self._step.schema)
        newest = self._newest(table)
        made = self._changes(newest if self._each is None else self._each(table))
        self._rows.table.apply(newest)
        if made.num_rows:
            made = made.append_column(_VERSION, self._versions(made.num_rows))
            frame.edges[self._step.output] = conform(made, self._step.schema)

    def _versions(self, count: int) -> pa.Array:
        """Numbers above all that were given before: an epoch's are above those of all before it, also after a restart."""
        first = max(self._next, self._context.store.epoch * _VERSIONS_AN_EPOCH)
        self._next = first + count
        return pa.array(np.arange(first, self._next, dtype=np.int64))

    def reload(self) -> None:
        """The state has been rolled back, and with it all that the later versions were given to."""
        self._next = 0

    def _sql(self, source: str, names: Sequence[str]) -> str:
        """The row as it is, and where it leaves a foreign key or the table, as it was. `source`: rows as a state table
        takes them."""
        own = [n for n in systems(names) if n not in (GONE, ROW)]
        key, was = f"c{self._step.foreign}", f"{ROW} IS NOT NULL"
        moved = f"{was} AND ({GONE} OR {key} IS DISTINCT FROM {self._old(key)})"
        olds = ", ".join([*(f"{self._old(c)} AS {c}" for c in self._columns), *own])
        news = ", ".join([*self._columns, *own])
        left, came = (
            f"CASE WHEN {GONE} THEN {_GONE} ELSE {_MOVED} END",
            f"CASE WHEN {was} THEN {_CHANGED} ELSE {_NEW} END",
        )
        left = f"SELECT {olds}, ({left})::TINYINT AS {_WHAT} FROM {source} WHERE {moved}"
        came = f"SELECT {news}, ({came})::TINYINT AS {_WHAT} FROM {source} WHERE NOT {GONE}"
        return f"{left} UNION ALL {came} ORDER BY {SEQUENCE}, {_WHAT} DESC"

    def _old(self, column: str) -> str:
        """A column of the row that was: the key is what it is."""
        return column if column in self._rows.keys else OLD + column

    def _each_sql(self, source: str, names: Sequence[str]) -> str:
        """Every row of the batch as a state table takes it: with its key's row before it, in the batch or stored."""
        keys, values = ", ".join(self._rows.keys), [c for c in self._columns if c not in self._rows.keys]
        gone = DELETED if DELETED in names else "false"
        over = f"OVER (PARTITION BY {keys} ORDER BY {SEQUENCE})"
        lags = [f"lag({c}) {over} AS b_{c}" for c in values]
        batch = ", ".join(
            ["*", f"{gone} AS {GONE}", *lags, f"lag({gone}) {over} AS _was_gone", f"row_number() {over} = 1 AS _first"]
        )
        same = same_keys(self._rows.keys)
        was = f"CASE WHEN b._first THEN s.rowid WHEN NOT b._was_gone THEN 0 END AS {ROW}"
        before = [f"CASE WHEN b._first THEN s.{c} ELSE b.b_{c} END AS {OLD}{c}" for c in values]
        kept = [f"b.{n}" for n in (*self._columns, *systems(names), GONE) if n != DELETED]
        columns = ", ".join([*kept, was, *before])
        return f"SELECT {columns} FROM (SELECT {batch} FROM {source}) AS b LEFT JOIN {self._rows.table.name} AS s ON {same}"


class ForeignKeyJoinOperator:
    """Runs a ForeignKeyJoin step. `every`: all updates of a batch go on, not the newest of each key alone."""

    def __init__(self, step: ForeignKeyJoin, context: Context, *, every: bool = False) -> None:
        self._step = step
        self._every = every
        self._context = context
        self._width = len(step.left_schema)
        self._version = f"l{self._width}"  # the version lies beside the left row as one more column
        versioned = (*step.left_schema.columns, ColumnDef(_VERSION, BIGINT))
        self._schemas = (Schema(versioned), step.right_schema)
        keys = list(dict.fromkeys((step.left_key, *step.primary)))
        self._left = NewestRows(context.store, f"{step.state}_left", self._schemas[0], keys)
        self._right = NewestRows(context.store, f"{step.state}_right", step.right_schema, [step.right_key])
        self._keep_left = Prepared(context.connection, self._left.change_sql, size=self._left.table.size)
        self._keep_right = Prepared(context.connection, self._right.change_sql, size=self._right.table.size)
        self._joined = Prepared(context.connection, self._sql, size=self._size)

    def _size(self) -> int:
        return max(self._left.table.size(), self._right.table.size())

    def run(self, frame: Frame) -> None:
        step = self._step
        left, right = frame.edges.get(step.left), frame.edges.get(step.right)
        left = None if left is None or not left.num_rows else self._versioned(left)
        right = with_key(right, step.right_key, step.right_schema, self._context, tell=False)
        if left is None and right is None:
            return
        if right is not None:
            right = with_missing(right, step.right_schema).append_column(_WHAT, _zeros(right.num_rows))
        made = self._joined(together(left, right, self._schemas, (_WHAT,)))
        if left is not None:
            self._store_left(left)
        if right is not None:
            self._right.table.apply(self._keep_right(right.drop_columns([_WHAT])))
        if made.num_rows:
            places = pa.array(spread_places(one_chunk(made.column(SEQUENCE)).to_numpy()))
            frame.edges[step.output] = set_column(conform(made, step.schema), SEQUENCE, places)

    def _versioned(self, left: pa.Table) -> pa.Table:
        names = [f"c{self._width}" if n == _VERSION else n for n in left.schema.names]
        return left.rename_columns(names)

    def _store_left(self, left: pa.Table) -> None:
        """The rows of each foreign key as they are now; a row that names none is not met by any change."""
        left = left.filter(pc.is_valid(left.column(f"c{self._step.left_key}")))
        if left.num_rows:
            gone = pc.greater_equal(left.column(_WHAT), _MOVED)
            self._left.table.apply(self._keep_left(left.append_column(DELETED, gone).drop_columns([_WHAT])))

    # ------------------------------------------------------------------------------------------------------------ SQL
    def _sql(self, source: str, names: Sequence[str]) -> str:
        order = ", ".join([AT, *(f"c{k}" for k in self._step.primary)])
        rows = f"({self._changes_left(source)} UNION ALL BY NAME {self._changes_right(source)})"
        primary = ", ".join(f"c{k}" for k in self._step.primary)
        return f"SELECT * EXCLUDE ({AT}) FROM {rows} {self._last(primary)} ORDER BY {order}"

    def _last(self, keys: str) -> str:
        """Of each key the last row, where not every one goes on."""
        return "" if self._every else f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {AT} DESC) = 1"

    def _systems(self) -> list[str]:
        return [SEQUENCE, PARTITION]

    def _changes_left(self, source: str) -> str:
        """Changes of the left side with the right side's row as of then."""
        step = self._step
        right = [f"v{i} := {{0}}{i}" for i in range(len(step.right_schema))]

        def struct(prefix: str, gone: str) -> str:
            return f"struct_pack(gone := {gone}, t := {ROWTIME}, {', '.join(right).replace('{0}', prefix)})"

        left = [f"l{i}" for i in range(self._width + 1)]
        batch = (
            f"SELECT {', '.join(left)}, coalesce(l{step.left_key}, r{step.right_key}) AS _key, {AT}, {_WHAT}, {ROWTIME},"
            f" {', '.join(self._systems())}, CASE WHEN {SIDE} = 1 THEN {struct('r', DELETED)} END AS r FROM {source}"
        )
        stored = (
            f"SELECT c{step.right_key} AS _key, {STORED_AT}::BIGINT AS {AT}, 0::TINYINT AS {_WHAT}, {struct('c', 'false')}"
            f" AS r FROM {self._right.table.name}"
            f" WHERE c{step.right_key} IN (SELECT l{step.left_key} FROM {source})"
        )
        now = f"last_value(r IGNORE NULLS) OVER (PARTITION BY _key ORDER BY {AT} ROWS UNBOUNDED PRECEDING) AS now"
        seen = f"SELECT *, {now} FROM ({batch} UNION ALL BY NAME {stored})"
        known = f"SELECT *, _key IS NOT NULL AND coalesce(NOT now.gone, false) AS _on FROM ({seen}) WHERE {_WHAT} > 0"
        answers = f"{_WHAT} IN ({_CHANGED}, {_GONE})" + (
            f" OR {_WHAT} = {_NEW}" + (" AND _on" if step.kind == "INNER" else "")
        )
        alone = " OR NOT _on" if step.kind == "INNER" else ""
        columns = [f"l{i} AS c{i}" for i in range(self._width)]
        columns += [f"CASE WHEN _on THEN now.v{i} END AS c{self._width + i}" for i in range(len(step.right_schema))]
        columns += [f"greatest({ROWTIME}, CASE WHEN _on THEN now.t END) AS {ROWTIME}", *self._systems()]
        columns += [f"({_WHAT} = {_GONE}{alone}) AS {DELETED}", f"{self._version} AS {_VERSION}", AT]
        return f"SELECT {', '.join(columns)} FROM ({known}) WHERE {answers}"

    def _changes_right(self, source: str) -> str:
        """Changes of the right side with all rows of the left that name it, as of then."""
        step = self._step
        left = range(self._width + 1)
        stored = (
            f"SELECT {', '.join(f'c{i} AS l{i}' for i in left)}, {ROWTIME}, {STORED_AT}::BIGINT AS _from,"
            f" {_NEW}::TINYINT AS {_WHAT} FROM {self._left.table.name}"
            f" WHERE c{step.left_key} IN (SELECT r{step.right_key} FROM {source} WHERE {SIDE} = 1)"
        )
        batch = f"SELECT {', '.join(f'l{i}' for i in left)}, {ROWTIME}, {AT} AS _from, {_WHAT} FROM {source} WHERE {SIDE} = 0"
        keys = ", ".join(f"l{k}" for k in dict.fromkeys((step.left_key, *step.primary)))
        until = f"coalesce(lead(_from) OVER (PARTITION BY {keys} ORDER BY _from), {(1 << 63) - 1}) AS _until"
        versions = f"SELECT *, {until} FROM ({stored} UNION ALL {batch})"
        same = f"l.l{step.left_key} = e.r{step.right_key} AND l._from < e.{AT} AND e.{AT} < l._until"
        gone = f"e.{DELETED}" if step.kind == "INNER" else "false"
        columns = [f"l.l{i} AS c{i}" for i in range(self._width)]
        columns += [
            f"CASE WHEN NOT e.{DELETED} THEN e.r{i} END AS c{self._width + i}" for i in range(len(step.right_schema))
        ]
        columns += [f"greatest(e.{ROWTIME}, l.{ROWTIME}) AS {ROWTIME}", *(f"e.{n}" for n in self._systems())]
        columns += [f"{gone} AS {DELETED}", f"l.{self._version} AS {_VERSION}", f"e.{AT}"]
        changes = f"SELECT * FROM {source} WHERE {SIDE} = 1 {self._last(f'r{step.right_key}')}"
        upserts = f"SELECT * FROM ({versions}) WHERE {_WHAT} IN ({_NEW}, {_CHANGED})"
        return f"SELECT {', '.join(columns)} FROM ({changes}) AS e JOIN ({upserts}) AS l ON {same}"


class ForeignKeyResultsOperator:
    """Runs a ForeignKeyResults step. Results can only overtake one another within an epoch, for an epoch's rows are all
    worked on before the next one's; so what was seen is remembered for as long, and not stored."""

    def __init__(self, step: ForeignKeyResults, context: Context) -> None:
        self._step = step
        self._context = context
        self._keys = [f"c{k}" for k in step.primary]
        self._seen: pa.Table | None = None
        self._epoch = -1
        by = ", ".join(self._keys)
        latest = f"max({_VERSION}) OVER (PARTITION BY {by} ORDER BY {SEQUENCE} ROWS UNBOUNDED PRECEDING) AS _latest"
        self._fresh = Prepared(
            context.evaluation,
            lambda source, _: (
                f"SELECT * EXCLUDE (_latest, {_VERSION}) FROM (SELECT *, {latest} FROM {source})"
                f" WHERE {SEQUENCE} >= 0 AND {_VERSION} >= _latest ORDER BY {SEQUENCE}"
            ),
        )
        self._versions = Prepared(
            context.evaluation,
            lambda source, _: (
                f"SELECT {by}, max({_VERSION}) AS {_VERSION}, {STORED_AT}::BIGINT AS {SEQUENCE} FROM {source} GROUP BY {by}"
            ),
        )

    def run(self, frame: Frame) -> None:
        if self._epoch != self._context.store.epoch:
            self._seen, self._epoch = None, self._context.store.epoch
        table = frame.edges.get(self._step.input)
        if table is None or not table.num_rows:
            return
        known = table if self._seen is None else pa.concat_tables([self._seen, table], promote_options="default")
        made = self._fresh(known)
        self._seen = self._versions(known)
        if made.num_rows:
            frame.edges[self._step.output] = conform(made, self._step.schema)

    def reload(self) -> None:
        """The state has been rolled back."""
        self._seen = None


def _zeros(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(0, pa.int8()), count)
