"""How an aggregate's state lies in DuckDB, and the SQL that merges a batch into it.

The state is the table that pull queries read: key columns c0 …, the window's start, the aggregates' state columns s0 …,
the row's time and key group; results are computed from the state columns when they are read. A batch's merge is one
SELECT: the batch's groups joined to the state give the new values, the old ones (for the way back) and the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...plan.physical.steps import Aggregate, AggregateCall, Evaluate
from ...sql.compile.expression import compile_sql
from ...sql.expressions import Column as ColumnExpr
from ...sql.expressions import Expr, transform
from ...sql.functions import AggregateSpec, PythonAggregate
from ...sql.template import fill
from ...sql.types import duckdb_type
from ...state.change import OLD, ROW, old_columns, same_keys
from ...state.recent import STORED
from ..event_time.windows import bounds, kept_bounds
from ..operator import KEY_GROUP, PASSED, ROWTIME, SEQUENCE, STREAM_TIME, UNDO
from .mapped import result_of
from .partial import partial_texts

_BEGUN = "_begun"  # stream time as of a group's first row in the batch
_OLD_RESULTS = 1000
"""Results before the batch are columns c1000 …, above any table's width."""


@dataclass(frozen=True)
class GroupState:
    """The layout of one Aggregate step's state."""

    step: Aggregate

    @property
    def windowed(self) -> bool:
        """Whether groups are split by windows."""
        return self.step.partial.window is not None

    @property
    def key_names(self) -> list[str]:
        """What addresses a row."""
        return [f"c{i}" for i in range(self.step.partial.keys)] + [n for n, _ in self._bounds()]

    def keys(self) -> list[tuple[str, str]]:
        """Key columns with DuckDB types."""
        columns = self.step.schema.columns[: self.step.partial.keys]
        made = [(f"c{i}", duckdb_type(c.type)) for i, c in enumerate(columns)]
        return [*made, *self._bounds()]

    def _bounds(self) -> list[tuple[str, str]]:
        """A window is known by its start, or by its end too."""
        window = self.step.partial.window
        return [] if window is None else [(n, "BIGINT") for n in bounds(window)]

    def values(self) -> list[tuple[str, str]]:
        """State columns with DuckDB types; a Python aggregate has one."""
        made: list[tuple[str, str]] = []
        for call in self.step.partial.calls:
            match call.spec:
                case AggregateSpec(state=state):
                    made += [(f"s{len(made) + i}", column.duckdb_type) for i, column in enumerate(state)]
                case PythonAggregate(aggregator=aggregator):
                    made.append((f"s{len(made)}", duckdb_type(aggregator.state_type)))
        return [*made, (ROWTIME, "BIGINT"), (KEY_GROUP, "INTEGER"), *([(STREAM_TIME, "BIGINT")] * self.mortal)]

    def former(self) -> dict[str, tuple[str, str]]:
        """State columns that an earlier version has kept otherwise: its DuckDB type, and SQL that makes them of that."""
        made = {}
        for call, place in zip(self.step.partial.calls, self.places(), strict=True):
            if isinstance(call.spec, AggregateSpec):
                for p, column in zip(place, call.spec.state, strict=True):
                    if column.former is not None:
                        made[f"s{p}"] = (column.former[0], fill(column.former[1], {"s": f"s{p}"}))
        return made

    @property
    def mortal(self) -> bool:
        """Whether groups have a time to live: each keeps the stream time of the last row that came to it."""
        return self.step.partial.ttl_ms is not None

    @property
    def begins(self) -> str:
        """SQL: whether a batch's group `b` begins anew and does not go on from the stored one `s`."""
        if not self.mortal:
            return "s.rowid IS NULL"
        return f"(s.rowid IS NULL OR b.{_BEGUN} - s.{STREAM_TIME} >= {self.step.partial.ttl_ms})"

    def places(self) -> list[range]:
        """By call, which state columns are its own."""
        made, at = [], 0
        for call in self.step.partial.calls:
            width = len(call.spec.state) if isinstance(call.spec, AggregateSpec) else 1
            made.append(range(at, at + width))
            at += width
        return made

    def result_texts(self, prefix: str = "s") -> list[str]:
        """The SQL of each aggregate's result over state columns `<prefix>0` …"""
        made = []
        for call, place in zip(self.step.partial.calls, self.places(), strict=True):
            columns = [f"{prefix}{p}" for p in place]
            if isinstance(call.spec, AggregateSpec):
                made.append(fill(call.spec.final, {str(i): c for i, c in enumerate(columns)}))
            else:
                made.append(f"{result_of(call.name, call.spec).name}({columns[0]})")
        return made

    # ---------------------------------------------------------------------------------------------------- the batch's
    def grouped_sql(self, source: str, names: Sequence[str], which: str = "", each: str | None = None) -> str:
        """Rows that were not combined before the exchange, one a group: p0 … as a complete state, but of Python aggregates.
        `each`: a column that parts a group's rows."""
        by = self.key_names
        states = []
        for call, place in zip(self.step.partial.calls, self.places(), strict=True):
            texts = partial_texts([call]) if isinstance(call.spec, AggregateSpec) else ["NULL"]
            states += [f"{text} AS p{p}" for text, p in zip(texts, place, strict=True)]
        parts = ", ".join([*by, *([] if each is None else [each])])
        return f"SELECT {', '.join([*by, *states, *self.times(names)])} FROM {source} {which} GROUP BY {parts}"

    def times(self, names: Sequence[str] = ()) -> list[str]:
        """What a batch's group knows of its rows besides the aggregates; `names`: the rows' columns."""
        made = [f"max({ROWTIME}) AS {ROWTIME}", f"max({SEQUENCE}) AS {SEQUENCE}"]
        made.append(f"any_value({KEY_GROUP}) AS {KEY_GROUP}")
        if STORED in names:
            made.append(f"any_value({STORED}) AS {STORED}")
        if self.mortal:
            made += [f"arg_min({STREAM_TIME}, {SEQUENCE}) AS {_BEGUN}", f"max({STREAM_TIME}) AS {STREAM_TIME}"]
        return made

    def merge_sql(self, groups: str, table: str | None, having: Expr | None) -> str:
        """The batch's groups (a relation) merged into the state: a change as StateTable takes it, with the results.
        `table` None: the groups carry the stored rows (`state/recent.py`), whose values only HAVING asks for again."""
        merged = [
            f"CASE WHEN {self.begins} THEN b.p{p} ELSE {text} END AS s{p}" for p, text in enumerate(self.merged_texts())
        ]
        return self._change_sql(f"{groups} AS b", merged, table, having)

    def merged_texts(self) -> list[str]:
        """The SQL of each state column of `b` (p0 …) merged into that of `s` (s0 …), by aggregates in SQL."""
        made = []
        for call, place in zip(self.step.partial.calls, self.places(), strict=True):
            assert isinstance(call.spec, AggregateSpec)
            values = {f"s{i}": f"s.s{p}" for i, p in enumerate(place)} | {
                f"b{i}": f"b.p{p}" for i, p in enumerate(place)
            }
            made += [
                f"CAST({fill(column.merge, values | {'s': f's.s{p}', 'b': f'b.p{p}'})} AS {column.duckdb_type})"
                for p, column in zip(place, call.spec.state, strict=True)
            ]
        return made

    def merge_table_sql(self, source: str, names: Sequence[str], table: str, having: Expr | None) -> str:
        """The same for the rows of a table's changelog: what is new is added, what was is taken back."""
        new = self.grouped_sql(source, names, f"WHERE NOT {UNDO}")
        old = self.grouped_sql(source, names, f"WHERE {UNDO}")
        width = sum(len(p) for p in self.places())
        columns = ", ".join(f"n.p{i} AS p{i}, o.p{i} AS u{i}" for i in range(width))
        sides = f"n.{ROWTIME} IS NOT NULL AS _new, o.{ROWTIME} IS NOT NULL AS _old"
        systems = ", ".join(f"greatest(n.{c}, o.{c}) AS {c}" for c in (ROWTIME, KEY_GROUP))
        systems += (
            f", greatest(n.{SEQUENCE} + 1, o.{SEQUENCE}) AS {SEQUENCE}"  # the group that a row leaves is told first
        )
        keys = ", ".join(self.key_names)
        both = f"(SELECT {keys}, {columns}, {sides}, {systems} FROM ({new}) n FULL JOIN ({old}) o USING ({keys}))"
        packed = [f"{changes_packed(c)} AS _args{i}" for i, c in enumerate(self.step.partial.calls) if _is_python(c)]
        if packed:
            args = f"SELECT {keys}, {', '.join(packed)} FROM {source} GROUP BY {keys}"
            both = f"(SELECT * FROM {both} JOIN ({args}) USING ({keys}))"
        merged = []
        for call_at, (call, place) in enumerate(zip(self.step.partial.calls, self.places(), strict=True)):
            if not isinstance(call.spec, AggregateSpec):
                merged += [f"s.s{place[0]} AS s{place[0]}", f"b._args{call_at} AS _args{call_at}"]
                continue
            assert call.spec.undo is not None
            added = {}
            for i, (p, column) in enumerate(zip(place, call.spec.state, strict=True)):
                values = {f"s{j}": f"s.s{q}" for j, q in enumerate(place)} | {
                    f"b{j}": f"b.p{q}" for j, q in enumerate(place)
                }
                text = fill(column.merge, values | {"s": f"s.s{p}", "b": f"b.p{p}"})
                added[f"s{i}"] = f"(CASE WHEN NOT _new THEN s.s{p} WHEN s.rowid IS NULL THEN b.p{p} ELSE {text} END)"
            taken = {f"b{i}": f"b.u{p}" for i, p in enumerate(place)}
            for i, (p, undo) in enumerate(zip(place, call.spec.undo, strict=True)):
                text = fill(undo, added | taken | {"s": added[f"s{i}"], "b": f"b.u{p}"})
                merged.append(f"CASE WHEN _old THEN {text} ELSE {added[f's{i}']} END AS s{p}")
        return self._change_sql(f"{both} AS b", merged, table, having)

    def join_sql(self, batch: str, table: str) -> str:
        """A batch's relation `b` (aliased) with the state's row of each group as `s`."""
        return f"{batch} LEFT JOIN {table} AS s ON {same_keys(self.key_names)}"

    def old_columns(self) -> list[str]:
        """The stored row's place and values, as a change carries them."""
        return old_columns(n for n, _ in self.values())

    def _change_sql(self, batch: str, merged: Sequence[str], table: str | None, having: Expr | None) -> str:
        keys = [f"b.{k} AS {k}" for k in self.key_names]
        olds = [f"s.rowid AS {ROW}"] if table is None and having is None else self.old_columns()
        columns = [*keys, *merged, *self.merged_times(), f"b.{SEQUENCE} AS {SEQUENCE}", *olds]
        inner = f"SELECT {', '.join(columns)} FROM {batch if table is None else self.join_sql(batch, table)}"
        return self.with_results(f"({inner})", having)

    def merged_times(self) -> list[str]:
        """The times of a group and its key group, after the batch."""
        made = [f"CASE WHEN {self.begins} THEN b.{ROWTIME} ELSE greatest(b.{ROWTIME}, s.{ROWTIME}) END AS {ROWTIME}"]
        made.append(f"b.{KEY_GROUP} AS {KEY_GROUP}")
        if self.mortal:
            made.append(f"greatest(b.{STREAM_TIME}, coalesce(s.{STREAM_TIME}, b.{STREAM_TIME})) AS {STREAM_TIME}")
        return made

    def with_results(self, change: str, having: Expr | None) -> str:
        """A change with the result columns behind the keys, and whether the row passed HAVING before."""
        keys, calls = self.step.partial.keys, self.step.partial.calls
        texts = ["NULL" if _is_python(c) else text for c, text in zip(calls, self.result_texts(), strict=True)]
        results = [f"{text} AS c{keys + i}" for i, text in enumerate(texts)]  # PythonGroups works the others out
        if having is None:
            return f"SELECT {', '.join(['*', *results])} FROM {change}"
        old = [f"c{i} AS c{_OLD_RESULTS + i}" for i in range(keys)]
        old += [f"{text} AS c{_OLD_RESULTS + keys + i}" for i, text in enumerate(self.result_texts(f"{OLD}s"))]
        condition = compile_sql(transform(having, _old_result))
        passed = f"{ROW} IS NOT NULL AND coalesce(TRY({condition}), false) AS {PASSED}"
        hidden = ", ".join(f"c{_OLD_RESULTS + i}" for i in range(len(old)))
        inner = f"SELECT {', '.join(['*', *results, *old])} FROM {change}"
        return f"SELECT * EXCLUDE ({hidden}), {passed} FROM ({inner})"

    def view_sql(self, table: str, where: str = "true") -> str:
        """The state as the aggregate's output edge: keys, results, system columns."""
        keys = [f"c{i}" for i in range(self.step.partial.keys)]
        results = [f"{text} AS c{len(keys) + i}" for i, text in enumerate(self.result_texts())]
        window = self.step.partial.window
        times = [ROWTIME, KEY_GROUP, *([STREAM_TIME] * self.mortal)]
        shown = [*keys, *results, *(kept_bounds(window) if window else []), *times]
        return f"SELECT {', '.join(shown)} FROM {table} WHERE {where}"


def _is_python(call: AggregateCall) -> bool:
    return isinstance(call.spec, PythonAggregate)


def packed(call: AggregateCall) -> str:
    """A row's arguments of a Python aggregate as one value."""
    if len(call.args) == 1:
        return f"c{call.args[0]}"
    fields = ", ".join(f"f{i} := c{a}" for i, a in enumerate(call.args))
    return f"struct_pack({fields})" if fields else "NULL"


def changes_packed(call: AggregateCall) -> str:
    """A group's changes for a Python aggregate, in order: whether a row is taken back, and its arguments."""
    return f"list(struct_pack(u := {UNDO}, v := {packed(call)}) ORDER BY {SEQUENCE}, {UNDO} DESC)"


def _old_result(expr: Expr) -> Expr | None:
    if isinstance(expr, ColumnExpr):
        return ColumnExpr(expr.index + _OLD_RESULTS, expr.name, expr.type)
    return None


def having_of(step: Evaluate | None) -> Expr | None:
    """The condition of the evaluation over an aggregate."""
    return step.where if step is not None else None
