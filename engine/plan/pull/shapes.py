"""Pull queries of one shape, planned once: statements that differ in their constants only.

A client that looks up keys sends one text a key. Its shape is the text with strings and whole numbers taken out. What the
planner makes of a shape is found by planning it with constants that occur nowhere else: where they turn up again in the
plan as they are, and nothing else depends on them, any others may stand in their place. The text of a time that becomes a
number, or a LIMIT, does not turn up again: such shapes are planned each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ...errors import MergusError
from ...sql.compile.expression import compile_sql, guarded
from ...sql.expressions import Call, Expr, Literal, transform, walk
from ...sql.functions import ModelCall, SqlTemplate
from ..physical.steps import Evaluate, Infer
from .plan import PullPlan, step_exprs

_PIECE = re.compile(
    r"(?P<kept>`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|\$\{[^}]*\}|[^\W\d]\w*"
    r"|\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d{10,}|\d+[^\W\d]\w*)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>\d+)",
    re.DOTALL,
)
"""A number of ten digits may be a BIGINT where others are INT: it is part of the shape."""

CONSTANTS_MAX = 1_000
"""A statement with more constants is planned each time: to find them again, each is compared with each."""


@dataclass(frozen=True)
class Slot:
    """In place of a constant's value: the constant of that number."""

    number: int


@dataclass(frozen=True, eq=False)
class PullShape:
    """A plan with slots. What can be read off constants (keys, ranges) is left open in it. Found by identity."""

    plan: PullPlan

    @cached_property
    def in_columns(self) -> bool:
        """Whether what is selected depends on the constants."""
        return any(isinstance(n, Literal) and isinstance(n.value, Slot) for e in self.plan.columns for n in walk(e))

    def filled(self, values: Sequence[Any]) -> PullPlan:
        """The plan of the statement with these constants."""

        def fill(expr: Expr) -> Expr | None:
            if isinstance(expr, Literal) and isinstance(expr.value, Slot):
                return Literal(values[expr.value.number], expr.type)
            return None

        return replace(_changed(self.plan, fill), shape=self, values=tuple(values))


def constants_of(text: str) -> tuple[str, tuple[Any, ...]]:
    """A statement's shape, and the constants that were taken out of it.

    >>> constants_of("SELECT a1 FROM t WHERE k = 'it''s' AND n IN (3, 2.5);")
    ("SELECT a1 FROM t WHERE k = 't' AND n IN (0, 2.5);", ("it's", 3))
    """
    values: list[Any] = []

    def take(piece: re.Match[str]) -> str:
        match piece.lastgroup:
            case "text":
                values.append(piece.group()[1:-1].replace("''", "'"))
                return "'t'"
            case "number":
                values.append(int(piece.group()))
                return "0"
            case _:
                return piece.group()

    return _PIECE.sub(take, text), tuple(values)


def shape_of(text: str, plan: Callable[[str], PullPlan]) -> PullShape | None:
    """The shape that `text` is of; None where its plan depends on its constants in another way than carrying them.
    `plan` gives the plan of a statement's text."""
    _, values = constants_of(text)
    if len(values) > CONSTANTS_MAX:
        return None
    marks = [f"\ue000{i}\ue000" if isinstance(v, str) else 999_999_999 - i for i, v in enumerate(values)]
    if set(marks) & set(values):
        return None
    numbers = iter(range(len(marks)))

    def mark(piece: re.Match[str]) -> str:
        if piece.lastgroup == "kept":
            return piece.group()
        made = marks[next(numbers)]
        return f"'{made}'" if isinstance(made, str) else str(made)

    try:
        marked = plan(_PIECE.sub(mark, text))
    except MergusError:
        return None

    def open_slot(expr: Expr) -> Expr | None:
        if isinstance(expr, Literal) and type(expr.value) in (str, int) and expr.value in marks:
            return Literal(Slot(marks.index(expr.value)), expr.type)
        return None

    exprs = [*marked.columns, *([] if marked.where is None else [marked.where])]
    if not all(_is_sql(e) for e in (*exprs, *(e for step in marked.steps for e in step_exprs(step)))):
        return None
    shape = PullShape(_changed(marked, open_slot))
    return shape if _says(shape.filled(values)) == _says(plan(text)) else None


def _is_sql(expr: Expr) -> bool:
    """Whether an expression calls nothing that was made for its constants, as a Python function may be. Models are called by
    steps."""
    return all(isinstance(node.implementation, SqlTemplate) for node in walk(expr) if isinstance(node, Call))


def _says(plan: PullPlan) -> tuple[object, ...]:
    """All that an answer depends on."""
    steps = [(step.input, step.output, step.schema, _models(step), _texts(step)) for step in plan.steps]
    return plan.sql("t"), plan.relation, plan.schema, plan.limit, plan.window, plan.is_stream, steps


def _models(step: Evaluate | Infer) -> list[ModelCall]:
    return [call for call, _ in step.calls] if isinstance(step, Infer) else []


def _texts(step: Evaluate | Infer) -> list[str]:
    return [compile_sql(guarded(expr)) for expr in step_exprs(step)]


def _changed(plan: PullPlan, change: Callable[[Expr], Expr | None]) -> PullPlan:
    """A plan with expressions changed, without what says where they stood in the text, or what was read off them."""

    def deeper(expr: Expr) -> Expr | None:
        changed = change(expr)
        if changed is None and getattr(expr, "span", None) is not None:
            return transform(replace(expr, span=None), deeper)  # type: ignore[arg-type]
        return changed

    def all_of(exprs: Sequence[Expr]) -> tuple[Expr, ...]:
        return tuple(transform(e, deeper) for e in exprs)

    def step(one: Evaluate | Infer) -> Evaluate | Infer:
        if isinstance(one, Infer):
            return replace(one, calls=tuple((call, all_of(args)) for call, args in one.calls))
        return replace(one, columns=all_of(one.columns), where=one.where and transform(one.where, deeper))

    where = plan.where and transform(plan.where, deeper)
    steps = tuple(map(step, plan.steps))
    return replace(plan, columns=all_of(plan.columns), where=where, steps=steps, keys=None, key_range=None, windows={})
