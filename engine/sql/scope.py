"""Names in reach of an expression: what a column reference may mean, and who may claim a node before it is analyzed.

The analyzer of expressions knows no sources, joins or aggregations: it asks a scope. A scope that stands for the rows
behind a GROUP BY claims the grouping expressions and the aggregate calls, and so they become columns.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from ..errors import Span, UnknownName
from .expressions import Column, Expr, System
from .schema import Schema
from .types import BIGINT, INTEGER

PSEUDO_COLUMNS = ("ROWTIME", "ROWPARTITION", "ROWOFFSET")
WINDOW_BOUNDS = ("WINDOWSTART", "WINDOWEND")


class Scope(Protocol):
    """What an expression may refer to."""

    def claim(self, node: exp.Expression) -> Expr | None:
        """The expression that stands for `node` here, or None to have it analyzed as usual. Asked before every node."""
        ...

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        """The column `NAME` or `SOURCE.NAME`; raises UnknownName, with a suggestion where a name is near."""
        ...


@dataclass
class SchemaScope:
    """The columns of one source, by bare name or by any of its `names`."""

    schema: Schema
    names: tuple[str, ...] = ()
    systems: tuple[str, ...] = PSEUDO_COLUMNS
    claims: Callable[[exp.Expression], Expr | None] = field(default=lambda node: None)

    def claim(self, node: exp.Expression) -> Expr | None:
        return self.claims(node)

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        *source, name = name_parts
        if source and (len(source) > 1 or source[0] not in self.names):
            raise unknown("source", ".".join(source), self.names, span)
        index = self.schema.index(name)
        if index is not None:
            return Column(index, name, self.schema.columns[index].type)
        if name in self.systems:
            return system_column(name)
        raise unknown("column", name, [c.name for c in self.schema], span)


@dataclass(frozen=True)
class NoColumns:
    """The scope of constants: INSERT VALUES and defaults."""

    def claim(self, node: exp.Expression) -> Expr | None:
        return None

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        raise UnknownName(
            f"column {'.'.join(name_parts)} cannot be used here",
            detail="only constants and functions of constants have a value without a row",
            span=span,
        )


def system_column(name: str) -> System:
    """The pseudo-column of that name."""
    return System(name, INTEGER if name == "ROWPARTITION" else BIGINT)


def unknown(what: str, name: str, known: Iterable[str], span: Span | None) -> UnknownName:
    """An UnknownName that suggests what may have been meant."""
    names = list(known)
    return UnknownName(
        f"{what} {name} does not exist", detail=_listing(what, names), hint=suggestion(name, names), span=span
    )


def _listing(what: str, names: Sequence[str]) -> str | None:
    if not names:
        return None
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"the {what}s here are {shown}"


def as_spelt(name: str, known: Iterable[str]) -> str:
    """The one of `known` that a name in upper case means where a file has spelt them: itself, or the only one that differs in
    case alone.

    >>> as_spelt("WHO", ["who", "Id"]), as_spelt("ID", ["id", "Id"]), as_spelt("ID", ["id", "ID"])
    ('who', 'ID', 'ID')
    """
    names = list(known)
    fitting = [n for n in names if n.upper() == name]
    return fitting[0] if name not in names and len(fitting) == 1 else name


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """`did you mean X?` for the nearest known SQL name; one that is not all upper case is shown in back-quotes."""
    names = list(known)
    same = [n for n in names if n.upper() == name.upper() and n != name]
    if same:
        return f"did you mean `{same[0]}`? A name that is not all upper case is written in back-quotes"
    near = _nearest(name, names)
    if near is None:
        return None
    return f"did you mean {near}?" if near == near.upper() else f"did you mean `{near}`?"


def suggestion_as_spelled(name: str, known: Iterable[str]) -> str | None:
    """The same for what SQL does not spell in capitals: topics, properties, variables, words of a property.

    >>> suggestion_as_spelled("auto.ofset.reset", ["auto.offset.reset"])
    'did you mean auto.offset.reset?'
    """
    near = _nearest(name, list(known))
    return None if near is None else f"did you mean {near}?"


def _nearest(name: str, names: list[str]) -> str | None:
    spelled = {n.upper(): n for n in names}
    near = difflib.get_close_matches(name.upper(), spelled, n=1, cutoff=0.6)
    return spelled[near[0]] if near else None


def span_of(node: exp.Expression) -> Span | None:
    """The place of `node` in the statement's text, from the positions that its leaves carry."""
    starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
    ends = [n.meta["end"] for n in node.walk() if "end" in n.meta]
    return Span(min(starts), max(ends) + 1) if starts and ends else None
