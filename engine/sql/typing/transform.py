"""TRANSFORM of a model, typed.

A version is immutable, and what it answers may depend on its input only: it is remembered, asked again after a crash, and
compared with other versions. So chance, the clock and other models (whose aliases move) are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...errors import AnalysisError, Unsupported
from ..compile.expression import varies
from ..expressions import Call, Column, Expr, walk
from ..functions import FunctionRegistry, ModelCall
from ..schema import ColumnDef, Schema
from ..scope import SchemaScope
from ..statements.model import TransformItem
from ..transform import Transform
from ..types import NULL, Columns, SqlType, quote_if_needed
from .expression import analyze_expression


def typed(items: Sequence[TransformItem], takes: Columns, registry: FunctionRegistry) -> Transform:
    """The transform over `takes`. Raises what the typing of expressions raises, and AnalysisError or Unsupported for what
    no version may depend on."""
    scope = SchemaScope(Schema(tuple(ColumnDef(name, kind) for name, kind in takes)), systems=())
    names: list[tuple[str, SqlType]] = []
    texts, expressions = [], []
    for item in items:
        for name, text, expression in _made(item, scope, registry):
            if name in dict(names):
                raise AnalysisError(f"TRANSFORM makes {name} twice", hint="AS gives a column a name", span=item.span)
            names.append((name, expression.type))
            texts.append(text)
            expressions.append(expression)
    return Transform(takes, tuple(names), tuple(texts), tuple(expressions))


def _made(item: TransformItem, scope: SchemaScope, registry: FunctionRegistry) -> Iterator[tuple[str, str, Expr]]:
    """The name, text and expression of each column that an item stands for."""
    if item.expression is None:
        for index, column in enumerate(scope.schema):
            yield column.name, quote_if_needed(column.name), Column(index, column.name, column.type)
        return
    expression = analyze_expression(item.expression, scope, registry)
    for node in walk(expression):
        if isinstance(node, Call) and isinstance(node.implementation, ModelCall):
            raise Unsupported(
                "a TRANSFORM calls no model",
                detail=f"what {node.function} answers may change, and a version may not",
                hint="nest the calls where they are made, as in classify(embed(x))",
                span=node.span or item.span,
            )
    if varies(expression):
        raise Unsupported(
            "a TRANSFORM depends on nothing but its columns",
            detail="chance and the clock would give another answer each time",
            hint="give the value as an argument: a column of INPUT",
            span=item.span,
        )
    if expression.type is NULL:
        raise AnalysisError(f"{item.name} is NULL of no type", hint="CAST(NULL AS …)", span=item.span)
    yield item.name, item.text, expression
