"""Which rows reach what stands in a branch: of CASE, COALESCE, IFNULL, AND and OR.

A model is taken out of the expression that calls it, and would be asked about every row: also where SQL takes another branch,
and the call may fail, or cost. So the branch that each row takes is a column first; a call in a branch is asked about the
rows that take it, and gets NULL, which no model is asked about, for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..sql.expressions import Call, Case, Column, Expr, Literal, transform, walk
from ..sql.functions import SqlTemplate
from ..sql.types import BOOLEAN, INTEGER
from ..sql.typing.compare import is_null

TAKES = "takes branch"
"""The function of a test whether a row takes a branch: of the column that says which, and a number."""
_TRUE, _FALSE = Literal(True, BOOLEAN), Literal(False, BOOLEAN)
_TAKES = SqlTemplate(lambda args, types, result: f"({args[0]} = {args[1]})")
_UNKNOWN = Literal(None, BOOLEAN)


@dataclass
class Reached:
    """What a look at expressions finds. `calls`: those that can be made now, each with the tests of the branches where it
    stands (None: in no branch); `added`: the columns that say which branch a row takes, to be made first, behind `width`
    others."""

    has_call: Callable[[Expr], bool]
    is_call: Callable[[Expr], bool]
    width: int
    calls: dict[Call, list[Expr | None]] = field(default_factory=dict)
    added: list[Expr] = field(default_factory=list)

    def look(self, expr: Expr, guard: Expr | None = None) -> Expr:
        """The expression, with columns for the choices that are made before what stands in its branches."""
        if not self.has_call(expr):
            return expr
        if isinstance(expr, Call) and self.is_call(expr) and not any(map(self.has_call, expr.args)):
            self.calls.setdefault(expr, []).append(guard)
            return expr
        chosen = _as_case(expr)
        if chosen is None or not any(map(self.has_call, _results(chosen))):
            return transform(expr, lambda e: None if e is expr else self.look(e, guard))
        if any(self.has_call(condition) for condition, _ in chosen.whens):
            return self._in_conditions(expr, guard)
        if all(isinstance(c, Call) and c.function == TAKES for c, _ in chosen.whens):
            return replace(chosen, whens=tuple((c, self.look(r, c)) for c, r in chosen.whens))
        return self._by_column(chosen, guard)

    def ready(self, everything: Sequence[Expr]) -> dict[Expr, Call]:
        """The calls to make now, each as it is to be made: about the rows that reach one of the places where it stands, where
        all of these are known. Where no call is so far, all that were found, about all rows."""
        stands = Counter(e for expr in everything for e in walk(expr) if isinstance(e, Call) and e in self.calls)
        known: dict[Expr, Call] = {
            call: _guarded(call, places)
            for call, places in self.calls.items()
            if None in places or len(places) == stands[call]
        }
        return known or {call: call for call in self.calls}

    def _in_conditions(self, expr: Expr, guard: Expr | None) -> Expr:
        """What decides comes first; the branches wait."""
        match expr:
            case Case(whens=whens):
                return replace(expr, whens=tuple((self.look(c, guard), r) for c, r in whens))
            case Call(args=(first, *rest)):
                return replace(expr, args=(self.look(first, guard), *rest))
        raise AssertionError(expr)  # `_as_case` makes a CASE of these only

    def _by_column(self, chosen: Case, guard: Expr | None) -> Expr:
        """The branches by a column that says which one a row takes: none where a condition fails, or where the row is not in
        the branch that all of this stands in."""
        numbers = tuple((c, Literal(i, INTEGER)) for i, (c, _) in enumerate(chosen.whens, 1))
        which = Case(numbers, Literal(0, INTEGER), INTEGER)
        column = Column(self.width + len(self.added), f"branch {len(self.added)}", INTEGER)
        self.added.append(which if guard is None else Case(((guard, which),), None, INTEGER))
        takes = [Call(TAKES, (column, Literal(i, INTEGER)), BOOLEAN, _TAKES) for i in range(len(numbers) + 1)]
        whens = [(takes[i], result) for i, (_, result) in enumerate(chosen.whens, 1)]
        if chosen.default is not None:
            whens.append((takes[0], chosen.default))
        return Case(tuple(whens), None, chosen.type)


def is_choice(expr: Expr) -> bool:
    """Whether a part of it is evaluated only where another part wants it."""
    return _as_case(expr) is not None


def _as_case(expr: Expr) -> Case | None:
    """The CASE that says the same, for what evaluates a part only where another part wants it."""
    match expr:
        case Case():
            return expr
        case Call(function="COALESCE" | "IFNULL", args=(first, *rest)) if rest:
            others = rest[0] if len(rest) == 1 else replace(expr, args=tuple(rest))
            return Case(((is_null(first, False, None), others),), first, expr.type)
        case Call(function="OR", args=(left, right)):
            unknown = Case(((right, _TRUE),), _UNKNOWN, BOOLEAN)
            return Case(((left, _TRUE), (is_null(left, False, None), unknown)), right, BOOLEAN)
        case Call(function="AND", args=(left, right)):
            unknown = Case(((right, _UNKNOWN), (is_null(right, False, None), _UNKNOWN)), _FALSE, BOOLEAN)
            return Case(((left, right), (is_null(left, False, None), unknown)), _FALSE, BOOLEAN)
    return None


def _results(chosen: Case) -> list[Expr]:
    return [*(result for _, result in chosen.whens), *([] if chosen.default is None else [chosen.default])]


def _guarded(call: Call, places: Sequence[Expr | None]) -> Call:
    tests = [test for test in dict.fromkeys(places) if test is not None]
    if None in places:
        return call
    return replace(call, args=tuple(Case(tuple((test, arg) for test in tests), None, arg.type) for arg in call.args))
