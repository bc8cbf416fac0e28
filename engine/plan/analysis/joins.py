"""JOIN … ON: which sides meet on what, what the joined row is called, and what its key is.

A side of a join is projected to its columns, its pseudo-columns and, where the join is on an expression, that expression;
rules prune what nobody reads. The key of the joined row is the joined value: the projection may name it by either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from ...errors import AnalysisError, Span
from ...sql.expressions import Call, Column, Expr
from ...sql.functions import FunctionRegistry, SqlTemplate
from ...sql.properties import INFERRING
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import WINDOW_BOUNDS, span_of
from ...sql.types import SqlType
from ..logical import FINALS_APART, Aggregate, Finals, Join, Node, Project, Within, has, reads
from ..physical.steps import Window
from .join_on import Criteria, filtered_before, matched, taken_apart
from .names import synthetic_key
from .rows import Entry, RowKey, Rows, is_whole_key


def join_rows(
    left: Rows,
    right: Rows,
    kind: str,
    on: exp.Expression,
    within: Within | None,
    registry: FunctionRegistry,
    span: Span | None = None,
) -> Rows:
    """The rows of `left` joined with those of `right`, which is one source."""
    _check_names(left, right, span)
    criteria, further = taken_apart(left, right, on, registry)
    check_windows(left, right, span or span_of(on))
    _check_sides(left, right, kind, within, span or span_of(on))
    _check_keys(left, right, kind, criteria)
    right, later = filtered_before(left, right, kind, further, registry)
    left = replace(left, entries=tuple(e for e in left.entries if e.source))  # an outer join's own key goes with it
    left_side, right_side = _side(left, criteria.left), _side(right, criteria.right)
    foreign = left.node.is_table and not is_whole_key(criteria.left, left)
    primary = tuple(_place(left_side, key.viable[0]) for key in left.keys) if foreign else ()
    node = Join(left_side.node, right_side.node, kind, left_side.key, right_side.key, within, primary)
    entries = [_joined(e) for e in (*left_side.entries, *_shifted(right_side.entries, len(left_side.node.schema)))]
    keys = _keys(left, right, kind, criteria, entries, node)
    sources, any_case = (*left.sources, *right.sources), left.any_case | right.any_case
    rows = Rows(node, tuple(entries), keys, sources, any_case, left.conditions)
    if kind == "INNER":
        rows = replace(rows, conditions=(*rows.conditions, *later))
    else:
        rows = replace(rows, node=matched(node, rows, later, registry))
    own = keys[0].viable[0]
    return rows if own.source else replace(rows, entries=(own, *rows.entries))


@dataclass(frozen=True)
class _Side:
    node: Node
    entries: tuple[Entry, ...]
    key: int


def _check_names(left: Rows, right: Rows, span: Span | None) -> None:
    """A source may be joined with itself, under another name."""
    name = right.sources[0]
    if name in left.sources:
        raise AnalysisError(f"{name} is joined more than once", hint=f"name them apart: JOIN … AS {name}_2", span=span)


def _check_sides(left: Rows, right: Rows, kind: str, within: Within | None, span: Span | None) -> None:
    """Which kinds of joins there are between streams and tables."""
    if left.node.is_table and not right.node.is_table:
        raise AnalysisError(
            "table-stream joins are not supported",
            hint=f"write the stream first: FROM {right.sources[0]} JOIN {left.sources[-1]}",
            span=span,
        )
    stream_stream = not left.node.is_table and not right.node.is_table
    if within is None and stream_stream:
        raise AnalysisError(
            "stream-stream joins must have a WITHIN clause", hint="JOIN … WITHIN 1 HOUR ON …", span=span
        )
    if within is not None and not stream_stream:
        raise AnalysisError("a join with a table is not windowed", hint="leave out the WITHIN clause", span=span)
    if not left.node.is_table and right.node.is_table and kind not in ("INNER", "LEFT"):
        raise AnalysisError(
            f"{kind} joins between a stream and a table are not supported",
            detail="a stream's row comes once, a table's row has no moment of its own",
            hint="use INNER JOIN or LEFT JOIN",
            span=span,
        )


def _meeting(window: Window, node: Node) -> tuple[int, bool, bool]:
    """What two windows must have in common for their rows to meet: their keys are laid out alike then. Keys whose schemas lie
    in a registry may be of windows of another size that start at the same time: ksqlDB lays these out anew."""
    anew = all(read.source.formats.key in INFERRING for read in reads(node))
    return 0 if anew else window.size_ms, window.is_session, window.is_cumulative


def check_windows(left: Rows, right: Rows, span: Span | None) -> None:
    """Raise AnalysisError where the windows of the sides do not let them meet."""
    for side in (left, right):
        if has(side.node, Finals) and not (left.node.is_table and right.node.is_table):
            raise AnalysisError(
                f"a stream cannot be joined with {', '.join(side.sources)}, a sub-query with EMIT FINAL",
                detail="when a window closes depends on what else has come, so that its row has no moment of its own",
                hint=FINALS_APART,
                span=span,
            )
        if side.node.window is not None and has(side.node, Aggregate):
            raise AnalysisError(
                f"{side.sources[0]}, a sub-query with a WINDOW, cannot be joined",
                detail="rows of windows that are over would be kept for ever",
                hint="make it a table of its own: CREATE TABLE … AS SELECT …, and read its topic as a stream",
                span=span,
            )
    if (left.node.window is None) != (right.node.window is None):
        windowed, plain = (left, right) if right.node.window is None else (right, left)
        raise AnalysisError(
            "cannot join a windowed source to a non-windowed source",
            detail=f"{windowed.sources[0]} is windowed, {plain.sources[0]} is not",
            span=span,
        )
    ours, theirs = left.node.window, right.node.window
    if ours and theirs and _meeting(ours, left.node) != _meeting(theirs, right.node):
        raise AnalysisError(
            "implicit repartitioning of windowed sources is not supported",
            detail=f"the windows of {left.sources[0]} and {right.sources[0]} differ",
            span=span,
        )


def _check_keys(left: Rows, right: Rows, kind: str, criteria: Criteria) -> None:
    """A table is joined by its primary key; both values have one type; a windowed side is joined by its own key."""
    of_table = right.node.is_table
    if of_table and not is_whole_key(criteria.right, right):
        which = "stream-table" if not left.node.is_table else "table-table"
        raise AnalysisError(
            f"{which} joins require to join on the table's primary key",
            detail=f"{criteria.text}: the primary key of {right.sources[0]} is {', '.join(k.name for k in right.keys) or 'none'}",
            span=criteria.span,
        )
    if criteria.left.type != criteria.right.type:
        raise AnalysisError(
            "the two sides of the join condition have different types",
            detail=f"{criteria.text}: {criteria.left.type} = {criteria.right.type}",
            hint="CAST one of them in a stream or table of its own, or in the condition on a stream's side",
            span=criteria.span,
        )
    if left.node.window is not None and not (is_whole_key(criteria.left, left) and is_whole_key(criteria.right, right)):
        raise AnalysisError("implicit repartitioning of windowed sources is not supported", span=criteria.span)
    if left.node.is_table and not is_whole_key(criteria.left, left):
        check_foreign(left, kind, criteria.text, criteria.span)


def check_foreign(left: Rows, kind: str, text: str, span: Span | None) -> None:
    """Raise AnalysisError where a table cannot be joined by a column that is not its key; `text`: the condition."""
    if left.joined:
        raise AnalysisError(
            "foreign-key table-table joins are not supported as part of n-way joins",
            detail=text,
            hint="make a table of the first join, and join that",
            span=span,
        )
    if kind in ("RIGHT", "OUTER"):
        raise AnalysisError(f"{kind} joins on a foreign key are not supported", hint="use INNER or LEFT", span=span)


def _side(rows: Rows, key: Expr) -> _Side:
    """A side as a projection of all that may be named, and the joined value."""
    columns = [e.expr for e in rows.entries]
    defs = [ColumnDef(e.name, e.expr.type, e.is_key) for e in rows.entries]
    if key not in columns:
        columns.append(key)
        defs.append(ColumnDef("join key", key.type))
    placed = [replace(e, expr=Column(i, e.name, e.expr.type)) for i, e in enumerate(rows.entries)]
    keys, bounds = (e for e in placed if e.is_key), [e for e in placed if e.name in WINDOW_BOUNDS]
    entries = (*keys, *bounds, *(e for e in placed if not e.is_key and e not in bounds)) if bounds else tuple(placed)
    node = Project(rows.node, tuple(columns), Schema(tuple(defs)))
    return _Side(node, entries, columns.index(key))


def _place(side: _Side, entry: Entry) -> int:
    placed = next(e.expr for e in side.entries if (e.source, e.name) == (entry.source, entry.name))
    assert isinstance(placed, Column)  # _side made it one
    return placed.index


def _shifted(entries: Sequence[Entry], by: int) -> list[Entry]:
    moved = []
    for e in entries:
        assert isinstance(e.expr, Column)  # _side made it one
        moved.append(replace(e, expr=replace(e.expr, index=e.expr.index + by)))
    return moved


def _joined(entry: Entry) -> Entry:
    bound = entry.name in WINDOW_BOUNDS
    return replace(entry, result=f"{entry.source}_{entry.name}", is_key=False, hidden=entry.hidden and not bound)


def _keys(
    left: Rows, right: Rows, kind: str, criteria: Criteria, entries: Sequence[Entry], node: Join
) -> tuple[RowKey, ...]:
    """The joined row's key: the joined value; of a foreign-key join, the left table's key."""

    def now(old: Entry) -> Entry:
        return next(e for e in entries if (e.source, e.name) == (old.source, old.name))

    if left.node.is_table and not is_whole_key(criteria.left, left):
        return tuple(RowKey(tuple(now(e) for e in k.viable), now(k.viable[0]).expr, k.name) for k in left.keys)
    viable: list[Entry] = []
    forms = frozenset(criteria.forms)
    if kind != "OUTER":
        if left.joined and criteria.forms[0] in left.keys[0].forms:
            forms |= left.keys[0].forms
            viable += [now(e) for e in left.keys[0].viable]
        else:
            viable += [now(e) for e in left.entries if e.expr == criteria.left]
        viable += [now(e) for e in right.entries if e.expr == criteria.right]
    value: Expr
    if not viable:
        name = synthetic_key(e.name for e in entries if not e.hidden)
        value = _joined_value(kind, node, name, criteria.left.type)
        return (RowKey((Entry("", name, name, value, is_key=True),), value, name),)
    value = _joined_value(kind, node, viable[0].name, criteria.left.type)
    return (RowKey(tuple(viable), value, viable[0].result, forms),)


_COALESCE = SqlTemplate(lambda args, types, result: f"coalesce({', '.join(args)})")


def _joined_value(kind: str, node: Join, name: str, type_: SqlType) -> Expr:
    """The joined value: of the side whose rows are all kept; of an outer join, of the side that has a row."""
    left, right = Column(node.left_key, name, type_), Column(len(node.left.schema) + node.right_key, name, type_)
    if kind == "OUTER":
        return Call("COALESCE", (left, right), type_, _COALESCE)
    return right if kind == "RIGHT" else left
