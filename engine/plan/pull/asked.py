"""Models in a query that is answered once: rows are laid into a table, the models asked about them, and the query goes on.

Where the expressions of a block's clause call models, the rows that the clause sees are a table first, with the calls'
arguments as columns; the answers lie in a table beside it, row by row. So a call stands wherever a scalar function may, and
sees the rows that the clauses before have left. What a branch of an expression asks is asked about its rows (`branches`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ...errors import Unsupported
from ...sql.expressions import Call, Column, Expr, transform
from ...sql.functions import ModelCall
from ..branches import Reached
from ..predicates import split
from ..rules.hoist_models import has_model, is_model_call, refuse_in_lambdas, without_spans
from .texts import Texts

_NUMBERED = re.compile(r"\bc(\d+)\b")


@dataclass(frozen=True)
class Ask:
    """A call to be made over a table's columns; `result`: the column of its answers."""

    model: ModelCall
    args: tuple[Column, ...]
    result: Column


@dataclass(frozen=True)
class Laid:
    """A table to be made of `sql` before the query goes on; the answers of `asks` are the table `answers`, row by row."""

    name: str
    sql: str
    asks: tuple[Ask, ...] = ()

    @property
    def answers(self) -> str:
        """The name of the table of answers."""
        return f"{self.name}a"


@dataclass(frozen=True)
class Input:
    """What a clause is made over: a FROM as text, which may have a WHERE (`filtered`). `answers`: the calls whose answers are
    columns of it."""

    text: str
    answers: Mapping[Expr, Column] = field(default_factory=dict)
    filtered: bool = False

    def where(self, condition: str) -> Input:
        """The rows for which it holds."""
        text = f"(SELECT * FROM {self.text})" if self.filtered else self.text
        return replace(self, text=f"{text} WHERE {condition}", filtered=True)

    def beside(self, columns: Sequence[str]) -> Input:
        """The rows with more columns."""
        return replace(self, text=f"(SELECT *, {', '.join(columns)} FROM {self.text})", filtered=False)


class Around(Protocol):
    """A query around a sub-query, as its scope knows it."""

    @property
    def outer(self) -> Around | None:
        """The query around it."""
        ...

    @property
    def columns_here(self) -> Sequence[Column]:
        """Its own columns that a sub-query may name."""
        ...

    @property
    def source(self) -> Callable[[], str]:
        """A FROM of the rows that the sub-query is asked for."""
        ...


class Asking:
    """Plans the asking of one statement. `laid`: the tables to be made, in their order."""

    def __init__(self, texts: Texts, numbers: Callable[[], int]) -> None:
        self.laid: list[Laid] = []
        self._texts = texts
        self._numbers = numbers

    def passing(self, given: Input, condition: Expr, outer: Around | None) -> Input:
        """The rows for which a condition holds; what needs no model is asked first."""
        bound, free = split(condition, has_model)
        if free is not None:
            given = given.where(self._texts.condition(free))
        if bound is None:
            return given
        given, (bound,) = self.over(given, [bound], outer)
        return given.where(self._texts.condition(bound))

    def over(self, given: Input, exprs: Sequence[Expr], outer: Around | None) -> tuple[Input, list[Expr]]:
        """Rows on which the expressions call no models any more, and these: what each call is answered is a column."""
        if not any(map(has_model, exprs)):
            return given, list(exprs)
        refuse_in_lambdas(exprs)
        made = [transform(without_spans(e), given.answers.get) for e in exprs]
        while any(map(has_model, made)):
            first = self._numbers()
            reached = Reached(has_model, is_model_call, first)
            looked = [reached.look(e) for e in made]
            if reached.added:  # which branch a row takes comes before what stands there
                numbers = [first, *(self._numbers() for _ in reached.added[1:])]
                texts = [self._texts.value(e) for e in reached.added]
                given = given.beside([f"{text} AS c{n}" for text, n in zip(texts, numbers, strict=True)])
                made = looked
                continue
            given, answers = self._round(given, reached.ready(made), outer)
            made = [transform(e, answers.get) for e in made]
        return given, made

    def as_table(self, given: Input, outer: Around | None) -> str:
        """The rows as a table, to be read several times."""
        if free(given.text, outer):
            raise Unsupported(
                "a model in ON of an outer join cannot be asked in a sub-query that speaks of the query around it",
                hint="write the sub-query as a join",
            )
        return self._lay(f"SELECT * FROM {given.text}", ()).name

    def _lay(self, sql: str, asks: Sequence[Ask]) -> Laid:
        self.laid.append(Laid(f"m{len(self.laid)}", sql, tuple(asks)))
        return self.laid[-1]

    def _round(
        self, given: Input, calls: Mapping[Expr, Call], outer: Around | None
    ) -> tuple[Input, dict[Expr, Column]]:
        """The rows with the answers of these calls, which can all be made now."""
        args: dict[Expr, Column] = {}
        elsewhere = set(_columns_around(outer))
        for arg in (arg for call in calls.values() for arg in call.args):
            if isinstance(arg, Column) and arg not in elsewhere:
                args[arg] = arg
            elif arg not in args:
                args[arg] = Column(self._numbers(), "argument", arg.type)
        asks, answers, lasting = list[Ask](), dict[Expr, Column](), dict(given.answers)
        for written, call in calls.items():
            assert isinstance(call.implementation, ModelCall)  # `Reached` finds no others
            result = Column(self._numbers(), call.function, call.type)
            asks.append(Ask(call.implementation, tuple(args[a] for a in call.args), result))
            answers[written] = result
            if call == written:  # one in a branch has no answers for other rows
                lasting[written] = result
        texts = [f"{self._texts.value(e)} AS c{c.index}" for e, c in args.items() if e != c]
        self._texts.exprs += [e for e, c in args.items() if e == c]
        rows = f"SELECT {', '.join(['*', *texts])} FROM {given.text}"
        return Input(self._answered(rows, asks, outer), lasting), answers

    def _answered(self, rows: str, asks: Sequence[Ask], outer: Around | None) -> str:
        """The rows with the answers beside them. Of a sub-query that speaks of the query around it (`outer`), they are laid down
        for all values there, which each row then finds again."""
        named = free(rows, outer)
        if outer is None or not named:
            laid = self._lay(rows, asks)
            return f"(SELECT * FROM {laid.name} POSITIONAL JOIN {laid.answers})"
        self._texts.exprs += named
        kept = {column.index: self._numbers() for column in named}
        values = ", ".join(f"c{n}" for n in kept)
        of_each = ", ".join(f"a.c{n} AS c{k}" for n, k in kept.items())
        each = f"(SELECT DISTINCT {values} FROM {_rows_around(outer, named)}) AS a"
        laid = self._lay(f"SELECT b.*, {of_each} FROM {each} CROSS JOIN LATERAL ({rows}) AS b", asks)
        found = " AND ".join(f"c{k} IS NOT DISTINCT FROM c{n}" for n, k in kept.items())
        apart = ", ".join(f"c{k}" for k in kept.values())
        return f"(SELECT * EXCLUDE ({apart}) FROM {laid.name} POSITIONAL JOIN {laid.answers} WHERE {found})"


def free(text: str, outer: Around | None) -> list[Column]:
    """The columns of the queries around that a text names: every column of a statement has a number of its own."""
    numbers = {int(n) for n in _NUMBERED.findall(text)}
    return [c for c in dict.fromkeys(_columns_around(outer)) if c.index in numbers]


def _columns_around(outer: Around | None) -> Iterator[Column]:
    while outer is not None:
        yield from outer.columns_here
        outer = outer.outer


def _rows_around(outer: Around, named: Sequence[Column]) -> str:
    """A FROM with these columns of the queries around."""
    own = set(outer.columns_here)
    text = outer.source()
    here = own & set(named)
    further = [c for c in named if c not in own] + (free(text, outer.outer) if here else [])
    if outer.outer is None or not further:
        return text
    around = _rows_around(outer.outer, further)
    return f"(SELECT * FROM {around}) CROSS JOIN LATERAL (SELECT * FROM {text})" if here else around
