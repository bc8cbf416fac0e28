"""Syntax trees as text again, for messages and EXPLAIN: near to what the user wrote."""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp
from sqlglot.generator import Generator

from ..sql.dialect import Ksql
from ..sql.types import quote_if_needed


def _call(self: Generator, node: exp.Expression) -> str:
    return f"{node.key.upper()}({', '.join(self.sql(e) for e in node.iter_expressions())})"


class _Text(Generator):
    TRANSFORMS: ClassVar = {
        **Generator.TRANSFORMS,
        exp.Identifier: lambda self, node: quote_if_needed(node.name),
        exp.JSONExtract: lambda self, node: f"{self.sql(node, 'this')}->{self.sql(node, 'expression')}",
        exp.PropertyEQ: lambda self, node: f"{self.sql(node, 'this')} := {self.sql(node, 'expression')}",
        exp.Struct: _call,
        exp.Map: _call,
        exp.Subquery: lambda self, node: node.name,
    }


def text_of(node: exp.Expression) -> str:
    """The text of an expression.

    >>> text_of(exp.JSONExtract(this=exp.column("PLACE", quoted=True), expression=exp.to_identifier("Zip", quoted=True)))
    'PLACE->`Zip`'
    """
    return _Text(dialect=Ksql).generate(node)
