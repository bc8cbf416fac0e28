"""SELECT: projection, FROM with joins, and the clauses, in the one order that ksqlDB takes them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ...errors import ParseError
from ..statements.query import WINDOW_ADVANCES, WINDOW_KINDS
from ..statements.statement import FromClause, Join, Query, SelectItem, SourceRef, WindowClause, WithinClause
from ..synonyms import INSTEAD
from .elsewhere import IN_FROM
from .expression import ExpressionParser
from .prediction import at_prediction, predicted_source

_AFTER_SOURCE = frozenset(["EMIT", "PARTITION", "WINDOW", "CROSS", "UNION"])
_FROM = "FROM names streams and tables; table functions stand in SELECT: SELECT …, EXPLODE(items) AS item FROM s"
_CLAUSES = ("WINDOW", "WHERE", "GROUP BY", "PARTITION BY", "HAVING", "QUALIFY", "ORDER BY", "EMIT", "LIMIT", "OFFSET")


class QueryParser(ExpressionParser):
    """Reads a block of a SELECT from the cursor it is; what stands around blocks is `relational`'s."""

    def block(self, start: int) -> Query:
        """What follows SELECT, up to HAVING; `start`: the token that SELECT is."""
        select = self.listed(self._select_item)
        relation = self._relation() if self.take("FROM") else self._no_source(select)
        window = self._window() if self.take("WINDOW") else None
        where = self.expression() if self.take("WHERE") else None
        group_by = self._keys("GROUP BY") if self._take_by("GROUP") else ()
        partition_by = self._keys("PARTITION BY") if self._take_by("PARTITION") else ()
        having = self.expression() if self.take("HAVING") else None
        qualify = self.qualify()
        span = self.span(start)
        return Query(tuple(select), relation, where, group_by, partition_by, having, qualify, window, span=span)

    def qualify(self) -> exp.Expression | None:
        """QUALIFY, which only a query that is answered once may have."""
        return None

    def _take_by(self, word: str) -> bool:
        if not self.take(word):
            return False
        self.expect("BY")
        return True

    def _check_order(self) -> None:
        for clause in _CLAUSES:
            if self.sees(*clause.split()):
                raise self.error(
                    f"{clause} stands in the wrong place", hint=f"the clauses come in this order: {', '.join(_CLAUSES)}"
                )

    # ------------------------------------------------------------------------------------------------------- projection

    def _select_item(self) -> SelectItem:
        start = self.at
        if self.take_sign(TokenType.STAR):
            return self._star(None, start)
        if self.at_name() and self.is_at(TokenType.DOT, 1) and self.is_at(TokenType.STAR, 2):
            source = self.name()
            self.at += 2
            return self._star(source, start)
        expression = self.expression()
        if self.is_at(TokenType.ARROW):
            self.at += 2
            return SelectItem(expression, is_struct_star=True, span=self.span(start))
        span = self.span(start)
        alias = None
        if self.take("AS") or (self.at_name() and not self._goes_on()):
            alias = self.name("an alias")
        return SelectItem(expression, alias, span=span)

    def _goes_on(self) -> bool:
        """Whether the words there are those of a clause, and no name that is given without AS."""
        return False

    def _star(self, source: str | None, start: int) -> SelectItem:
        """What may follow `*`: EXCLUDE (a, b) and REPLACE (expression AS a)."""
        excluded: list[str] = []
        replaced: list[tuple[str, exp.Expression]] = []
        if self.take("EXCLUDE") or (self.is_at(TokenType.L_PAREN, 1) and self.take("EXCEPT")):
            if self.take_sign(TokenType.L_PAREN):
                excluded = self.listed(lambda: self.name("a column's"))
                self.expect_sign(TokenType.R_PAREN, ", or )")
            else:
                excluded = [self.name("a column's")]
        if self.take("REPLACE"):
            self.expect_sign(TokenType.L_PAREN, "(")
            replaced = self.listed(self._replacement)
            self.expect_sign(TokenType.R_PAREN, ", or )")
        kept = tuple(excluded), tuple(replaced)
        return SelectItem(None, is_star=True, source=source, span=self.span(start), excluded=kept[0], replaced=kept[1])

    def _replacement(self) -> tuple[str, exp.Expression]:
        node = self.expression()
        self.expect("AS")
        return self.name("a column's"), node

    # ------------------------------------------------------------------------------------------------------------- FROM

    def _no_source(self, select: Sequence[SelectItem]) -> SourceRef:
        """Where FROM is missing."""
        raise self.unexpected(", or FROM")

    def _relation(self) -> FromClause:
        return self._joined(self._source())

    def _joined(self, relation: FromClause) -> FromClause:
        while (kind := self._join_kind()) is not None:
            relation = self._join(relation, kind)
        return relation

    def _source(self) -> SourceRef:
        start = self.at
        if at_prediction(self):
            source = predicted_source(self)
            return replace(source, alias=self.name("an alias")) if self._takes_alias() else source
        name = self.name("a stream's or table's")
        if self.is_at(TokenType.L_PAREN):
            inner = self.word(1) if name == "TABLE" else name
            hint = INSTEAD.get(inner) or IN_FROM.get(name) or _FROM
            raise self.error(f"{name}(…) cannot stand in FROM", hint=hint)
        span = self.span(start)
        if self._takes_alias():
            return SourceRef(name, self.name("an alias"), span)
        return SourceRef(name, name, span)

    def _takes_alias(self) -> bool:
        joins = self.sees("USING") and self.is_at(TokenType.L_PAREN, 1)
        return self.take("AS") or (self.at_name() and self.word() not in _AFTER_SOURCE and not joins)

    def _join_kind(self) -> str | None:
        """The kind of the join that follows; None where none does."""
        if self.take("JOIN") or self.take("INNER", "JOIN"):
            return "INNER"
        for word, kind in (("LEFT", "LEFT"), ("RIGHT", "RIGHT"), ("FULL", "OUTER")):
            if self.take(word):
                self.take("OUTER")
                self.expect("JOIN")
                return kind
        if self.take("OUTER"):
            self.expect("JOIN")
            return "OUTER"
        return None

    def _join(self, left: FromClause, kind: str) -> Join:
        start = self.at - 1
        right = self._source()
        within = self._within() if self.take("WITHIN") else None
        if self.sees("USING") and self.is_at(TokenType.L_PAREN, 1):
            on, using = self._using(left, right)
            return Join(left, right, kind, on, within, self.span(start), using)
        if not self.take("ON"):
            raise self.unexpected("ON" if within is not None else "WITHIN or ON")
        on = self.expression()
        return Join(left, right, kind, on, within, self.span(start))

    def _using(self, left: FromClause, right: SourceRef) -> tuple[exp.Expression, tuple[str, ...]]:
        """USING (a, b): equality of columns of one name, of the first source and of the one that is joined; and the names."""
        self.at += 2
        first = left
        while isinstance(first, Join):
            first = first.left
        names = self.listed(lambda: self.identifier("a column's"))
        self.expect_sign(TokenType.R_PAREN, ", or )")
        on: exp.Expression | None = None
        for name in names:
            sides = [
                exp.Column(this=name.copy(), table=exp.to_identifier(s.alias, quoted=True)) for s in (first, right)
            ]
            equal = exp.EQ(this=sides[0], expression=sides[1])
            on = equal if on is None else exp.And(this=on, expression=equal)
        assert on is not None  # a list has one item at least
        return on, tuple(name.name for name in names)

    def _within(self) -> WithinClause:
        start = self.at - 1
        if self.take_sign(TokenType.L_PAREN):
            before = self.duration_ms()
            self.expect_sign(TokenType.COMMA, ",")
            after = self.duration_ms()
            self.expect_sign(TokenType.R_PAREN, ")")
        else:
            before = after = self.duration_ms()
        grace = self.duration_ms() if self.take("GRACE", "PERIOD") else None
        return WithinClause(before, after, grace, self.span(start))

    # ---------------------------------------------------------------------------------------------------------- clauses

    def _window(self) -> WindowClause:
        start = self.at
        kind = self.word()
        if kind not in WINDOW_KINDS and self.at_name() and self.word(1) in WINDOW_KINDS:
            self.advance()  # ksqlDB lets a window have a name, and gives it no meaning
            kind = self.word()
        if kind not in WINDOW_KINDS:
            raise self.unexpected("TUMBLING, HOPPING, CUMULATIVE or SESSION")
        self.advance()
        self.expect_sign(TokenType.L_PAREN, "(")
        if kind != "SESSION":
            self.expect("SIZE")
        size = self._positive("a window's size")
        times: dict[str, int] = {}
        while self.take_sign(TokenType.COMMA):
            self._window_time(kind, times)
        self.expect_sign(TokenType.R_PAREN, ", or )")
        if kind in WINDOW_ADVANCES and "ADVANCE" not in times:
            raise self.error(f"a {kind} window needs {WINDOW_ADVANCES[kind]}", span=self.span(start))
        return WindowClause(
            kind, size, times.get("ADVANCE"), times.get("GRACE"), times.get("RETENTION"), self.span(start)
        )

    def _window_time(self, kind: str, times: dict[str, int]) -> None:
        start = self.at
        advance = WINDOW_ADVANCES.get(kind)
        if advance is not None and self.take(*advance.split()):
            name, value = "ADVANCE", self._positive(advance)
        elif self.take("RETENTION"):
            name, value = "RETENTION", self.duration_ms()
        elif self.take("GRACE", "PERIOD"):
            name, value = "GRACE", self.duration_ms()
        else:
            raise self.unexpected(f"{advance}, RETENTION or GRACE PERIOD" if advance else "RETENTION or GRACE PERIOD")
        if name in times:
            raise self.error(f"{name} is given twice", span=self.span(start))
        if value < 0:
            raise self.error(f"{name} must not be negative", span=self.span(start))
        times[name] = value

    def _positive(self, what: str) -> int:
        start = self.at
        value = self.duration_ms()
        if value <= 0:
            raise self.error(f"{what} must be larger than zero", span=self.span(start))
        return value

    def _keys(self, clause: str) -> tuple[exp.Expression, ...]:
        """Values, or a list of values in parentheses."""
        start = self.at
        if self.take_sign(TokenType.L_PAREN):
            if self.is_at(TokenType.R_PAREN):
                raise ParseError(f"{clause} requires at least one expression", span=self.span(start))
            listed = self._values()
            if self.take_sign(TokenType.R_PAREN) and (self.ended or self._at_clause()):
                return listed
            self.at = start  # the parenthesis was the first value's own
        return self._values()

    def _values(self) -> tuple[exp.Expression, ...]:
        return tuple(self.listed(self.value))

    def _at_clause(self) -> bool:
        return self.word() in ("HAVING", "QUALIFY", "EMIT", "LIMIT", "PARTITION", "GROUP", "WHERE", "WINDOW")

    def _emit(self) -> Literal["CHANGES", "FINAL"]:
        word = self.word()
        if word not in ("CHANGES", "FINAL"):
            raise self.unexpected("CHANGES or FINAL")
        self.advance()
        return cast(Literal["CHANGES", "FINAL"], word)
