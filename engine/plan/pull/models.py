"""Models in pull queries: what is read of the table as one SELECT, and the steps that run over its rows afterwards.

The rules that take model calls out of a query that runs on (`rules/`) do it here too, over the rows that WHERE leaves; the
lowest evaluation is what the table is asked, the rest runs where the table is.
"""

from __future__ import annotations

from dataclasses import replace

from ...sql.expressions import Expr
from ...sql.schema import Schema
from ..logical import Filter, Node, Project, Read
from ..physical.stages import stage
from ..physical.steps import Evaluate, Infer
from ..rules import optimize


def hoisted(
    read: Read, columns: tuple[Expr, ...], where: Expr | None, schema: Schema
) -> tuple[tuple[Expr, ...], Expr | None, tuple[Evaluate | Infer, ...]]:
    """(what is selected of the table's rows, their condition, the steps over what that gives)."""
    rows: Node = Read(replace(read.source, is_table=False), read.alias)  # what a table holds now is no changelog
    root = Project(rows if where is None else Filter(rows, where), columns, schema)
    made = stage(optimize(root)).stages[0].steps
    steps = tuple(step for step in made if isinstance(step, Evaluate | Infer))
    assert len(steps) == len(made)  # a projection of a filter is made of nothing else
    first = steps[0]
    if isinstance(first, Evaluate):
        return first.columns, first.where, steps[1:]
    return read.schema_columns(), None, steps
