"""TRANSFORM of a model: what makes the artefact's inputs of a call's arguments, and the answer of the artefact's outputs.

A version is immutable, and what it answers may depend on its input only: it is remembered, asked again after a crash, and
compared with other versions. So chance, the clock and other models (whose aliases move) are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AnalysisError, Unsupported
from .compile import varies
from .expressions import Call, Column, Expr, walk
from .functions import FunctionRegistry, ModelCall
from .schema import ColumnDef, Schema
from .scope import SchemaScope
from .statements_model import ModelColumns, TransformItem
from .types import NULL, SqlType, parse_type, quote_if_needed
from .typing import analyze_expression

INPUT, OUTPUT = "INPUT", "OUTPUT"
"""The two sides of an artefact."""


@dataclass(frozen=True)
class Transform:
    """Expressions over the columns `takes` that make the columns `gives`: their texts as they were written. The typed ones
    are not in a version's record: they are made anew of the statement at each start."""

    takes: ModelColumns
    gives: ModelColumns
    texts: tuple[str, ...]
    expressions: tuple[Expr, ...] = ()

    def __str__(self) -> str:
        named = [(text, quote_if_needed(name)) for text, (name, _) in zip(self.texts, self.gives, strict=True)]
        return ", ".join(name if text == name else f"{text} AS {name}" for text, name in named)

    def as_json(self) -> dict[str, Any]:
        """What a version's record keeps."""
        return {"takes": column_texts(self.takes), "gives": column_texts(self.gives), "texts": list(self.texts)}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Transform:
        """The opposite of `as_json`, without typed expressions."""
        return cls(columns_of_texts(value["takes"]), columns_of_texts(value["gives"]), tuple(value["texts"]))


def column_texts(columns: ModelColumns) -> list[list[str]]:
    """Columns as JSON values."""
    return [[name, str(kind)] for name, kind in columns]


def columns_of_texts(given: Sequence[Sequence[str]]) -> ModelColumns:
    """The opposite of `column_texts`."""
    return tuple((name, parse_type(kind)) for name, kind in given)


def kept_transforms(record: Mapping[str, Any]) -> dict[str, Transform]:
    """What a version's record says of its TRANSFORMs, by side."""
    return {side: Transform.of_json(value) for side, value in record.get("transforms", {}).items()}


def typed(items: Sequence[TransformItem], takes: ModelColumns, registry: FunctionRegistry) -> Transform:
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
