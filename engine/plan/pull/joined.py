"""JOIN … ON of a query that is answered once, where ON may call models.

What speaks of one side alone is asked about that side's rows, before they meet; the rest about the pairs that the rest of ON
leaves. Rows of an outer join without a partner are put beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from ...errors import Unsupported
from ...sql.compile.expression import SUBQUERIES
from ...sql.expressions import TRUE, Call, Case, Expr, children, columns_used, transform, walk
from ..branches import is_choice
from ..predicates import conjoined, conjuncts, split
from ..rules.hoist_models import has_model, without_spans
from .asked import Around, Asking, Input
from .from_clause import Side
from .texts import Texts

_JOINS = {"INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "OUTER": "FULL JOIN"}


class Joins:
    """Writes the joins of one block. `outer`: the query around it."""

    def __init__(self, asking: Asking, texts: Texts, number: Callable[[], int], outer: Around | None) -> None:
        self._asking = asking
        self._texts = texts
        self._number = number
        self._outer = outer

    def joined(self, left: str, side: Side, kind: str, on: Expr, of_left: Set[int], of_right: Set[int]) -> str:
        """The rows of two sides as a FROM; `of_left`, `of_right`: the numbers of their columns."""
        right = side.text
        if side.lateral and has_model(on):
            if kind == "LEFT":
                raise Unsupported(
                    "a model in ON cannot be asked where a LEFT JOIN's right side is asked for each row",
                    hint="ask it in the sub-query: LEFT JOIN LATERAL (SELECT … WHERE …) x ON TRUE",
                )
            return self._by_pairs(left, right, kind, without_spans(on))
        if has_model(on):
            on = without_spans(on)
            left, on = self._one_side(left, on, of_left)
            right, on = self._one_side(right, on, of_right)
        if has_model(on):
            return self._by_pairs(left, right, kind, on)
        return f"{left} {_JOINS[kind]} {right} ON {self._texts.condition(on)}"

    def _one_side(self, side: str, on: Expr, columns: Set[int]) -> tuple[str, Expr]:
        """A side on whose rows has been asked what ON asks about them alone, and ON with the answers. Rows that another part
        of ON refuses are not asked about."""
        found = [e for part in conjuncts(on) for e in _of_one_side(part, columns)]
        _, free = split(on, has_model)
        conditions = [] if free is None else [c for c in conjuncts(free) if columns_used([c]) and _speaks(c, columns)]
        guard = conjoined(conditions, on)
        guarded = [e if guard is None else Case(((guard, e),), None, e.type) for e in found]
        given, answers = self._asking.over(Input(side), guarded, self._outer)
        known = dict(zip(found, answers, strict=True))
        return given.text, transform(on, known.get)

    def _by_pairs(self, left: str, right: str, kind: str, on: Expr) -> str:
        """What is asked about both sides: about each pair that the rest of ON leaves."""
        bound, free = split(on, has_model)
        assert bound is not None  # ON calls a model
        condition = self._texts.condition(free or TRUE)
        if kind == "INNER":
            pairs = self._asking.passing(Input(f"{left} JOIN {right} ON {condition}"), bound, self._outer)
            return f"(SELECT * FROM {pairs.text})"
        places = [f"c{self._number()}" for _ in (left, right)]
        sides = [
            f"(SELECT *, rowid AS {place} FROM {self._asking.as_table(Input(side), self._outer)})"
            for side, place in zip((left, right), places, strict=True)
        ]
        pairs = self._asking.passing(Input(f"{sides[0]} JOIN {sides[1]} ON {condition}"), bound, self._outer)
        met = self._asking.as_table(pairs, self._outer)
        parts = [f"SELECT * FROM {met}"]
        for side, place, kinds in zip(sides, places, (("LEFT", "OUTER"), ("RIGHT", "OUTER")), strict=True):
            if kind in kinds:
                parts.append(f"SELECT * FROM {side} WHERE {place} NOT IN (SELECT {place} FROM {met})")
        return f"(SELECT * EXCLUDE ({', '.join(places)}) FROM ({' UNION ALL BY NAME '.join(parts)}))"


def _of_one_side(expr: Expr, columns: Set[int]) -> Iterator[Expr]:
    """The largest parts that call a model and speak of these columns alone; none of a branch that also hangs on others."""
    if not has_model(expr):
        return
    if _speaks(expr, columns):
        yield expr
    elif not is_choice(expr):
        for part in children(expr):
            yield from _of_one_side(part, columns)


def _speaks(expr: Expr, columns: Set[int]) -> bool:
    """Whether an expression names these columns alone."""
    queries = any(isinstance(e, Call) and e.function in SUBQUERIES for e in walk(expr))
    return not queries and columns_used([expr]) <= columns
