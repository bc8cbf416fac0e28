"""NULL, `ARRAY[]`, `MAP()` and `STRUCT()` in INSERT's values: without a type of their own they take that of their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from ...errors import Span
from ..expressions import Expr, Literal
from ..scope import Scope
from ..types import Array, Map, SqlType, Struct
from . import constructors
from .coercion import coerce


@dataclass(frozen=True)
class Expected:
    """`scope`, in which some nodes, by their id, are expressions already."""

    scope: Scope
    told: Mapping[int, Expr]

    def claim(self, node: exp.Expression) -> Expr | None:
        told = self.told.get(id(node))
        return self.scope.claim(node) if told is None else told

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        return self.scope.column(name_parts, span)


def told(node: exp.Expression, expected: SqlType) -> Iterator[tuple[int, Expr]]:
    """The nodes, by their id, that take their type from `expected`, that of `node`; elements of which one has a type take its."""
    match node, expected:
        case exp.Null(), _:
            yield id(node), Literal(None, expected)
        case exp.Array(), Array(item):
            if not node.expressions:
                yield id(node), constructors.empty(expected)
            yield from _elements(node.expressions, item)
        case exp.Map(), Map(_, value):
            if not node.args.get("keys"):
                yield id(node), constructors.empty(expected)
            yield from _elements([given for _, given in constructors.entries(node)], value)
        case exp.Struct(), Struct(fields):
            if not node.expressions:
                yield id(node), coerce(constructors.EMPTY_STRUCT, expected)
            for name, given in constructors.entries(node):
                wanted = dict(fields).get(name.name)
                if wanted is not None:
                    yield from told(given, wanted)


def _elements(nodes: Sequence[exp.Expression], expected: SqlType) -> Iterator[tuple[int, Expr]]:
    typed = [node for node in nodes if not isinstance(node, exp.Null)]
    for node in typed or nodes:
        yield from told(node, expected)
