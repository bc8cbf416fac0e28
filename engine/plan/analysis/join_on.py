"""ON of a join, taken apart: the equality by which rows meet, and what it says beyond that.

Of an inner join the latter is asked of the joined rows, as WHERE is. Of an outer join two rows that it refuses are no match. A
table's row has at most one partner, so that its other side's columns are NULL then: a projection. A stream's row may have
several, and goes on alone when it has found none: the join itself asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from sqlglot import exp

from ...errors import AnalysisError, Span
from ...sql.expressions import Case, Column, Expr
from ...sql.functions import FunctionRegistry
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import span_of
from ...sql.types import BOOLEAN
from ...sql.typing.compare import logical
from ...sql.typing.expression import analyze_expression, require_boolean
from ..logical import Filter, Join, Node, Project
from ..predicates import written_conjuncts
from ..rules.hoist_models import has_model
from ..text import text_of
from .rows import Rows, RowScope, canonical, is_whole_key

_EACH_SIDE = "each side of the join condition must contain references from exactly one source"


@dataclass(frozen=True)
class Criteria:
    """`left = right`, each over its side, in the order of the sides, with the canonical forms; `text` as written."""

    left: Expr
    right: Expr
    forms: tuple[str, str]
    text: str
    span: Span | None


def taken_apart(
    left: Rows, right: Rows, on: exp.Expression, registry: FunctionRegistry
) -> tuple[Criteria, list[exp.Expression]]:
    """ON as the equality by which rows meet, and what it says beyond that. Of several equalities it is the first that names the
    keys: a table is joined by its own, and streams stay as they are partitioned."""
    parts, both = list(written_conjuncts(on)), _both(left, right)
    meeting = parts if len(parts) == 1 else [part for part in parts if _is_meeting(part, both, right.sources[0])]
    if not meeting:
        raise AnalysisError("a join condition is an equality: ON a.x = b.y", hint=_EACH_SIDE, span=span_of(on))
    criteria = [_criteria(left, right, part, registry) for part in meeting]

    def keys(at: int) -> tuple[bool, bool]:
        return is_whole_key(criteria[at].right, right), is_whole_key(criteria[at].left, left)

    chosen = max(range(len(meeting)), key=keys)
    return _by_key(left, criteria[chosen]), [part for part in parts if part is not meeting[chosen]]


def _both(left: Rows, right: Rows) -> Rows:
    """All that ON may name."""
    entries, sources = (*left.entries, *right.entries), (*left.sources, *right.sources)
    return replace(right, entries=entries, sources=sources, any_case=left.any_case | right.any_case)


def _is_meeting(part: exp.Expression, both: Rows, joined: str) -> bool:
    """Whether a condition compares the source that is joined with one before it."""
    if not isinstance(part, exp.EQ) or part.find(exp.Subquery) is not None:
        return False
    try:
        named = {_source_of(side, both, part) for side in (part.this, part.expression)}
    except AnalysisError:
        return False
    return len(named) > 1 and joined in named


def _criteria(left: Rows, right: Rows, on: exp.Expression, registry: FunctionRegistry) -> Criteria:
    """The equality, each side of which reads one source."""
    span = span_of(on)
    if not isinstance(on, exp.EQ):
        raise AnalysisError("a join condition is an equality: ON a.x = b.y", span=span)
    both = _both(left, right)
    first, second = _source_of(on.this, both, on), _source_of(on.expression, both, on)
    if first == second:
        raise AnalysisError(f"both sides of the join condition reference {first}", hint=_EACH_SIDE, span=span)
    name = right.sources[0]
    if name not in (first, second):
        raise AnalysisError(
            f"the join condition does not reference {name}, the source that is joined",
            detail=f"it references {first} and {second}",
            span=span,
        )
    ours, theirs = (on.expression, on.this) if first == name else (on.this, on.expression)
    return Criteria(
        analyze_expression(ours, RowScope(left, registry, "JOIN ON"), registry),
        analyze_expression(theirs, RowScope(right, registry, "JOIN ON"), registry),
        (canonical(ours, both), canonical(theirs, both)),
        text_of(on),
        span,
    )


def _by_key(left: Rows, criteria: Criteria) -> Criteria:
    """Whoever names the key of a join before by the side that may have no row means the joined value."""
    if left.joined and len(left.keys) == 1 and any(criteria.left == e.expr for e in left.keys[0].viable):
        return replace(criteria, left=left.keys[0].expr)
    return criteria


def _source_of(node: exp.Expression, both: Rows, on: exp.Expression) -> str:
    columns = list(node.find_all(exp.Column))
    found = {both.find([part.name for part in c.parts], span_of(c)).source for c in columns}
    if len(found) != 1:
        which = "references no source" if not found else f"references {' and '.join(sorted(found))}"
        raise AnalysisError(
            f"{text_of(node)} {which}", detail=f"in the join condition {text_of(on)}", hint=_EACH_SIDE, span=span_of(on)
        )
    return found.pop()


def filtered_before(
    left: Rows, right: Rows, kind: str, further: Sequence[exp.Expression], registry: FunctionRegistry
) -> tuple[Rows, list[exp.Expression]]:
    """Of a LEFT JOIN, what ON says of the right side's rows alone is asked before they meet. Gives the right side, and what is
    to be asked later. Raises where a condition names what is not there, or cannot be asked at all."""
    if left.conditions and kind in ("RIGHT", "OUTER"):
        raise _not_beside(left.conditions[0], f"before a {_word(kind)} JOIN", "put it into WHERE")
    both, later = _both(left, right), list[exp.Expression]()
    for part in further:
        columns = [] if part.find(exp.Lambda) else list(part.find_all(exp.Column))
        named = {both.find([name.name for name in column.parts], span_of(column)).source for column in columns}
        if kind != "INNER" and part.find(exp.Subquery) is not None:
            raise _not_beside(part, f"of a {_word(kind)} JOIN", _before(right), "it holds a sub-query")
        if kind == "OUTER" and right.node.is_table:
            why = "a key of two tables has one row, and rows that do not meet were two"
            raise _not_beside(part, "of a FULL JOIN of tables", _before(right), why)
        if kind != "LEFT" or named != set(right.sources):
            later.append(part)
            continue
        condition = _asked(part, right, registry)
        right = replace(right, node=Filter(right.node, condition))
    return right, later


def matched(join: Join, rows: Rows, further: Sequence[exp.Expression], registry: FunctionRegistry) -> Node:
    """An outer join whose rows are a match only where they also meet these conditions; `rows`: of the join."""
    if not further:
        return join
    condition = reduce(
        lambda one, other: logical("AND", one, other, None), [_asked(part, rows, registry) for part in further]
    )
    if join.between == "stream-stream":
        if has_model(condition):
            raise AnalysisError(
                f"a model cannot be called in ON of a {_word(join.kind)} JOIN of streams",
                hint="call it in a sub-query: FROM (SELECT …, model(x) AS y FROM s) AS s JOIN …",
                span=span_of(further[0]),
            )
        return replace(join, match=condition)
    width, columns = len(join.left.schema), join.schema.columns
    passed = [Column(i, c.name, c.type) for i, c in enumerate(columns)]
    asked = Project(join, (*passed, condition), Schema((*columns, ColumnDef("match", BOOLEAN))))
    match = Column(len(columns), "match", BOOLEAN)
    kept = range(width, len(columns)) if join.kind == "RIGHT" else range(width)
    made = [c if c.index in kept else Case(((match, c),), None, c.type) for c in passed]
    return Project(asked, tuple(made), join.schema)


def _asked(part: exp.Expression, rows: Rows, registry: FunctionRegistry) -> Expr:
    return require_boolean(analyze_expression(part, RowScope(rows, registry, "JOIN ON"), registry), "ON", span_of(part))


def _word(kind: str) -> str:
    return "FULL" if kind == "OUTER" else kind


def _before(right: Rows) -> str:
    source = right.sources[0]
    return f"filter a side before they meet: JOIN (SELECT … FROM {source} WHERE …) AS {source} ON …"


def _not_beside(part: exp.Expression, where: str, hint: str, why: str | None = None) -> AnalysisError:
    return AnalysisError(
        f"{text_of(part)} cannot stand in ON {where}",
        detail=why or "a RIGHT or FULL JOIN keeps rows that what ON says of an inner join before it would refuse",
        hint=hint,
        span=span_of(part),
    )
