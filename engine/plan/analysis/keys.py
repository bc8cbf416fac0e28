"""Which column of a projection becomes the key, and what is refused: ksqlDB's rules for persistent queries.

Every key column of the rows (of the source, of the join, of GROUP BY or PARTITION BY) stands in the projection exactly
once, under whatever name; AS_VALUE(key) makes a copy that is a value. At least one column is a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import AnalysisError, Span
from ...sql.expressions import Expr
from ...sql.types import Array as ArrayType
from ...sql.types import Map, SqlType, Struct, quote_if_needed


@dataclass(frozen=True)
class Projected:
    """One column of a result: its name, its expression over the rows, the number of the key column that it is, its place."""

    name: str
    expr: Expr
    key: int | None = None
    span: Span | None = None


class Named(Protocol):
    """What has a name and a place in the statement."""

    @property
    def name(self) -> str: ...

    @property
    def span(self) -> Span | None: ...


@dataclass(frozen=True)
class KeyNeed:
    """A key column that the projection must have: how to write it (any of `labels`), and its value in the rows."""

    labels: tuple[str, ...]
    expr: Expr


def arrange(
    items: Sequence[Projected],
    needs: Sequence[KeyNeed],
    what: str,
    *,
    sink: str,
    may_drop_keys: bool = False,
    value_needed: bool = True,
) -> tuple[list[Projected], list[Projected]]:
    """Key columns, in the order of the keys, and value columns, in the order of the projection.

    `what` names the kind of key in the error: "key column", "grouping expression", "partitioning expression" or "join
    expression". `may_drop_keys` is ksqlDB's new planner, which also orders keys as the projection does.
    """
    found = [[item for item in items if item.key == number] for number in range(len(needs))]
    for need, columns in zip(needs, found, strict=True):
        if len(columns) > 1:
            named = " and ".join(c.name for c in columns)
            raise AnalysisError(
                f"the projection contains a key column more than once: {named}",
                hint=f"write AS_VALUE({need.labels[0]}) to copy a key into the value",
                span=columns[1].span,
            )
    missing = [need for need, columns in zip(needs, found, strict=True) if not columns]
    if missing and not may_drop_keys:
        raise _missing(missing if what != "key column" else list(needs), what, sink)
    values = [item for item in items if item.key is None]
    if not values and value_needed:
        raise AnalysisError(
            "the projection contains no value columns",
            detail=f"all of {', '.join(i.name for i in items)} is the key",
            hint="add a column that is not part of the key, or AS_VALUE(…) of one that is",
        )
    if may_drop_keys:
        return [item for item in items if item.key is not None], values
    return [columns[0] for columns in found], values


def marked(items: Sequence[Projected], needs: Sequence[KeyNeed], what: str, *, of: str, is_table: bool) -> list[int]:
    """The places of a sub-query's key columns, in the order of the keys: of the first column for each. A table's rows cannot
    do without theirs; a stream's whose key is not all there have none, unless it was just made by PARTITION BY."""
    numbers = [item.key for item in items]
    missing = [need for number, need in enumerate(needs) if number not in numbers]
    if missing and (is_table or what == "partitioning expression"):
        raise _missing(missing, what, of)
    return [] if missing else [numbers.index(number) for number in range(len(needs))]


def _missing(missing: Sequence[KeyNeed], what: str, sink: str) -> AnalysisError:
    if len(missing) == 1 and len(missing[0].labels) > 1:
        labels, joiner = missing[0].labels, " or "
    else:
        labels, joiner = tuple(need.labels[0] for need in missing), " and "
    plural = "s" if len(labels) > 1 else ""
    named = labels[0] if len(labels) == 1 else ", ".join(labels[:-1]) + joiner + labels[-1]
    example = labels[0] if joiner == " or " else ", ".join(labels)
    return AnalysisError(
        "key missing from projection",
        detail=f"the query used to build {quote_if_needed(sink)} must include the {what}{plural} {named} in its projection",
        hint=f"write SELECT {example}, …",
    )


def check_key_types(columns: Sequence[tuple[str, SqlType]]) -> None:
    """Refuse maps inside keys: equal maps need not have equal bytes."""
    for name, sql_type in columns:
        if _has_map(sql_type):
            raise AnalysisError(
                "map keys, including types that contain maps, are not supported",
                detail=f"the key column {quote_if_needed(name)} is {sql_type}; equal maps may be written differently",
                hint="take the entries that identify the row: column['key']",
            )


def check_names(columns: Sequence[Named]) -> None:
    """Refuse a name that is given twice."""
    seen: set[str] = set()
    for column in columns:
        if column.name in seen:
            raise AnalysisError(
                f"the projection contains the column {quote_if_needed(column.name)} more than once",
                hint="give one of them an alias: … AS x",
                span=column.span,
            )
        seen.add(column.name)


def _has_map(sql_type: SqlType) -> bool:
    match sql_type:
        case Map():
            return True
        case ArrayType(item):
            return _has_map(item)
        case Struct(fields):
            return any(_has_map(t) for _, t in fields)
        case _:
            return False
