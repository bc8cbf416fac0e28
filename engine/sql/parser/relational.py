"""SELECT beyond one block over one source: DISTINCT, sub-queries, WITH, OVER, set operations, ORDER BY and OFFSET.

Every SELECT is read by this grammar. One that needs none of it comes out as the plain `Query` that it always was. A query
that goes on (EMIT, CREATE … AS, INSERT INTO) may have sub-queries, WITH and UNION ALL; what needs all rows to be there is
refused by its name, with what does instead. A sub-query inside an expression hangs in the tree's meta, with its text as
the node's content, so that trees of different sub-queries differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ...errors import Span, Unsupported
from ..statements.query import NO_SOURCE, FromClause, Join, Query, SelectItem, SourceRef
from ..statements.relational import Body, CommonTable, OrderItem, RelationalQuery, Select, SetKind, SetOperation, Values
from .cut import at_fetch, cut
from .frame import frame
from .grouping import grouping, grouping_at
from .once import ASK, INSTEAD, NOTHING, ONCE
from .query import QueryParser

_QUERIES = ("SELECT", "WITH", "VALUES")
_SETS = ("UNION", "INTERSECT", "EXCEPT")


def subquery_of(node: exp.Expression) -> RelationalQuery:
    """The query that a sub-query's node stands for."""
    found: RelationalQuery = node.meta["query"]
    return found


class RelationalParser(QueryParser):
    """Reads a SELECT, or what starts with WITH, from the cursor it is."""

    beyond_a_block = False
    """Whether anything was read that a `Query` cannot hold."""
    once: tuple[str, Span] | None = None
    """What was read first of `INSTEAD`, and where."""
    unnamed = 0
    """How many sub-queries in FROM have no name: they are SUBQUERY, SUBQUERY2 …"""
    final: Span | None = None
    """Where a sub-query says EMIT FINAL, which feeds a query that goes on."""

    def select(self) -> Query | RelationalQuery:
        """A statement of its own."""
        made = self._select_any()
        if made.emit is not None and self.once is not None:
            what, span = self.once
            hint = f"{ONCE}; or {INSTEAD[what]}" if INSTEAD[what] is not ASK else ONCE
            raise Unsupported(f"EMIT {made.emit} cannot stand in a query with {what}", hint=hint, span=span)
        if made.emit is None and self.final is not None:
            hint = "without it, a query that is answered once sees the windows as they are now"
            raise Unsupported("EMIT FINAL in a sub-query is for queries that go on", hint=hint, span=self.final)
        return made

    def query(self) -> Query | RelationalQuery:
        """The SELECT of a persistent query."""
        made = self._select_any()
        if self.once is not None:
            what, span = self.once
            raise Unsupported(f"{what} is not supported in a persistent query", hint=INSTEAD[what], span=span)
        return made

    def at_query(self, ahead: int = 0) -> bool:
        """Whether a query starts there: SELECT, WITH, or one in parentheses of its own."""
        while self.is_at(TokenType.L_PAREN, ahead):
            ahead += 1
        return self.word(ahead) in ("SELECT", "WITH")

    def _select_any(self) -> Query | RelationalQuery:
        whole, emit = self._whole()
        if not self.beyond_a_block and isinstance(whole.body, Select):
            return replace(whole.body.query, emit=emit, limit=whole.limit, span=whole.span)
        return replace(whole, emit=emit)

    def _uses(self, what: str, start: int) -> None:
        self.beyond_a_block = True
        if self.once is None and what in INSTEAD:
            self.once = (what, self.span(start))

    # ------------------------------------------------------------------------------------------------------ whole queries

    def _whole(self) -> tuple[RelationalQuery, Literal["CHANGES", "FINAL"] | None]:
        start = self.at
        tables = self._tables() if self.take("WITH") else ()
        body = self._body()
        order_by = self._order_by("ORDER BY") if self.sees("ORDER", "BY") else ()
        emit = self._emit() if self.take("EMIT") else None
        behind = self.at
        limit, offset = cut(self)
        if offset is not None:
            self._uses("OFFSET", behind)
        self._check_order()
        if emit is not None and self.word() in _SETS:
            raise self.error("EMIT stands once, at the end of the whole query", hint="write it behind the last SELECT")
        return RelationalQuery(body, tables, order_by, limit, offset, span=self.span(start)), emit

    def _inner(self) -> RelationalQuery:
        """A query inside parentheses that have been opened; the closing one is taken."""
        self.nest()
        start = self.at
        whole, emit = self._whole()
        if emit == "FINAL":
            self.final = whole.span
        elif emit is not None:
            hint = "EMIT stands once, at the end of the whole query; without one it is answered once"
            raise Unsupported(f"EMIT {emit} cannot stand in a sub-query", hint=hint, span=whole.span)
        if whole.limit is not None:
            self._uses("LIMIT in a sub-query", start)
        self.expect_sign(TokenType.R_PAREN, ")")
        self.depth -= 1
        return replace(whole, emit=emit)

    def _tables(self) -> tuple[CommonTable, ...]:
        start = self.at - 1
        self._uses("WITH", start)
        if self.sees("RECURSIVE") and self.at_name(1):
            raise Unsupported("WITH RECURSIVE is not supported", span=self.span())
        return tuple(self.listed(self._common_table))

    def _common_table(self) -> CommonTable:
        start = self.at
        name = self.name("the sub-query's")
        columns = self._column_names()
        span = self.span(start)
        self.expect("AS")
        if not self.take("MATERIALIZED"):  # it is worked out once, however it is written
            self.take("NOT", "MATERIALIZED")
        self.expect_sign(TokenType.L_PAREN, "(")
        return CommonTable(name, self._inner(), columns, span)

    def _body(self) -> Body:
        """UNION and EXCEPT from left to right; INTERSECT binds tighter."""
        left = self._intersection()
        while self.word() in ("UNION", "EXCEPT"):
            left = self._combined(left, self._intersection)
        return left

    def _intersection(self) -> Body:
        left = self._operand()
        while self.word() == "INTERSECT":
            left = self._combined(left, self._operand)
        return left

    def _combined(self, left: Body, right: Any) -> SetOperation:
        start = self.at
        kind = cast(SetKind, self.word())
        self.advance()
        every = self.take("ALL")
        if not every:
            self.take("DISTINCT")
        self._uses("UNION ALL" if every and kind == "UNION" else kind, start)
        return SetOperation(kind, every, left, right(), self.span(start))

    def _operand(self) -> Body:
        start = self.at
        if self.take_sign(TokenType.L_PAREN):
            self._uses("a query in parentheses", start)
            return self._inner()
        if self.take("VALUES"):
            self._uses("VALUES", start)
            return Values(tuple(self.listed(self._row)), self.span(start))
        self.expect("SELECT")
        distinct = self.take("DISTINCT")
        if distinct:
            self._uses("DISTINCT", start)
        return Select(self.block(start), distinct)

    def _row(self) -> tuple[exp.Expression, ...]:
        """A row of VALUES."""
        self.expect_sign(TokenType.L_PAREN, "(")
        values = self.listed(self.expression)
        self.expect_sign(TokenType.R_PAREN, ", or )")
        return tuple(values)

    def qualify(self) -> exp.Expression | None:
        """A condition on window functions."""
        start = self.at
        if not self.take("QUALIFY"):
            return None
        self._uses("QUALIFY", start)
        return self.expression()

    # --------------------------------------------------------------------------------------------------------------- FROM

    def _relation(self) -> FromClause:
        """Sources joined from left to right; parentheses around the first joins change nothing."""
        if not self.is_at(TokenType.L_PAREN) or self.at_query(1) or self.word(1) == "VALUES":
            return super()._relation()
        self.nest()
        self.at += 1
        relation = self._relation()
        self.expect_sign(TokenType.R_PAREN, ")")
        self.depth -= 1
        return self._joined(relation)

    def _no_source(self, select: Sequence[SelectItem]) -> SourceRef:
        """What is selected of nothing is one row, answered once."""
        if any(item.is_star for item in select) or not (self.ended or self._at_clause()):
            return super()._no_source(select)
        self.once = self.once or (NOTHING, self.span())
        return SourceRef(NO_SOURCE, NO_SOURCE, self.span())

    def _source(self) -> SourceRef:
        start = self.at
        if self.word() == "UNNEST" and self.is_at(TokenType.L_PAREN, 1):
            return self._unnest(start)
        lateral = self.is_at(TokenType.L_PAREN, 1) and self.take("LATERAL")
        if lateral:
            self._uses("LATERAL", start)
        if not self.take_sign(TokenType.L_PAREN):
            return self._plain_source()
        if not self.at_query() and self.word() != "VALUES":
            raise self.unexpected("a query")
        self._uses("a sub-query in FROM", start)
        whole = self._inner()
        span = self.span(start)
        self.unnamed += not (named := self._takes_alias())
        alias = self.name("an alias") if named else f"SUBQUERY{self.unnamed if self.unnamed > 1 else ''}"
        if named and self.is_at(TokenType.L_PAREN):
            whole = self._with_columns(whole, alias, start)
        return SourceRef("", alias, span, subquery=whole, lateral=lateral)

    def _plain_source(self) -> SourceRef:
        """A stream or table; `s AS t(a, b)` names its first columns."""
        start = self.at
        source = super()._source()
        names = self.is_at(TokenType.L_PAREN) and (self.is_at(TokenType.COMMA, 2) or self.is_at(TokenType.R_PAREN, 2))
        if not names or source.alias == source.name:
            return source
        self._uses("a sub-query in FROM", start)
        every = Query(
            (SelectItem(None, is_star=True, span=source.span),), replace(source, alias=source.name), span=source.span
        )
        whole = self._with_columns(RelationalQuery(Select(every), span=source.span), source.alias, start)
        return SourceRef("", source.alias, self.span(start), subquery=whole)

    def _unnest(self, start: int) -> SourceRef:
        """`UNNEST(list) AS t(item)`: a row for each item of a list, which may be that of the row before it."""
        self._uses("UNNEST in FROM", start)
        self.at += 2
        items = exp.Anonymous(this="EXPLODE", expressions=[self.expression()])
        self.expect_sign(TokenType.R_PAREN, ")")
        alias = self.name("an alias") if self._takes_alias() else "UNNEST"
        columns, span = self._column_names(), self.span(start)
        if len(columns) > 1:
            raise self.error("UNNEST gives one column", hint="item->a is a field of a struct", span=span)
        item = SelectItem(items, columns[0] if columns else alias, span=span)
        query = Query((item,), SourceRef(NO_SOURCE, NO_SOURCE, span), span=span)
        return SourceRef("", alias, span, subquery=RelationalQuery(Select(query), span=span), lateral=True)

    def _with_columns(self, whole: RelationalQuery, alias: str, start: int) -> RelationalQuery:
        """`(query) AS t(a, b)`, which is what WITH t(a, b) names."""
        table = CommonTable(alias, whole, self._column_names(), self.span(start))
        every = Query((SelectItem(None, is_star=True),), SourceRef(alias, alias, table.span), span=table.span)
        return RelationalQuery(Select(every), (table,), span=table.span)

    def _column_names(self) -> tuple[str, ...]:
        """Names in parentheses, where they are given."""
        if not self.take_sign(TokenType.L_PAREN):
            return ()
        columns = self.listed(lambda: self.name("a column's"))
        self.expect_sign(TokenType.R_PAREN, ", or )")
        return tuple(columns)

    def _takes_alias(self) -> bool:
        joins = self.sees("NATURAL") and self.word(1) in ("JOIN", "INNER", "LEFT", "RIGHT", "FULL")
        return not self._goes_on() and not self.sees("QUALIFY") and not joins and super()._takes_alias()

    def _goes_on(self) -> bool:
        combined = self.word(1) in ("ALL", "DISTINCT", "SELECT", "VALUES") or self.is_at(TokenType.L_PAREN, 1)
        cut_here = self.word() in ("LIMIT", "OFFSET") and self.is_at(TokenType.NUMBER, 1)
        return (self.word() in _SETS and combined) or cut_here or self.sees("ORDER", "BY") or at_fetch(self)

    def _join_kind(self) -> str | None:
        start = self.at
        if self.take("NATURAL"):
            self._uses("NATURAL JOIN", start)
            kind = super()._join_kind()
            if kind is None:
                raise self.unexpected("JOIN")
            return f"NATURAL {kind}"
        if self.take("CROSS", "JOIN") or self.take_sign(TokenType.COMMA):
            self._uses("CROSS JOIN", start)
            return "CROSS"
        return super()._join_kind()

    def _join(self, left: FromClause, kind: str) -> Join:
        start, always = self.at - 1, exp.Boolean(this=True)
        if kind == "CROSS":
            return Join(left, self._source(), "INNER", always, None, self.span(start))
        if kind.startswith("NATURAL"):
            return Join(left, self._source(), kind.split()[1], always, None, self.span(start), natural=True)
        return super()._join(left, kind)

    def _keys(self, clause: str) -> tuple[exp.Expression, ...]:
        starts_with_query = self.is_at(TokenType.L_PAREN) and self.at_query(1)
        return self._values() if starts_with_query else super()._keys(clause)

    def _values(self) -> tuple[exp.Expression, ...]:
        return tuple(self.listed(self._value))

    def _value(self) -> exp.Expression:
        word = grouping_at(self)
        if word is None:
            return self.value()
        self._uses(word, self.at)
        return grouping(self, word)

    def _at_clause(self) -> bool:
        return (
            super()._at_clause() or self.is_at(TokenType.R_PAREN) or self.word() in ("ORDER", "OFFSET", "FETCH", *_SETS)
        )

    # -------------------------------------------------------------------------------------------------------- expressions

    def _primary(self) -> exp.Expression:
        start = self.at
        if self.is_at(TokenType.L_PAREN) and self.word(1) in _QUERIES:
            return self._subquery(start)
        return super()._primary()

    def _subquery(self, start: int) -> exp.Expression:
        """`(SELECT …)` as a node: its text, and the query in the meta."""
        self._uses("a sub-query in an expression", start)
        self.expect_sign(TokenType.L_PAREN, "(")
        whole = self._inner()
        if whole.emit is not None:
            raise Unsupported("EMIT FINAL cannot stand in a sub-query in an expression", span=whole.span)
        first = self.tokens[start].start
        text = exp.Identifier(this=self.text[first : self.tokens[self.at - 1].end + 1], quoted=False)
        node = self.placed(exp.Subquery(this=text), first)
        node.meta["query"] = whole
        return node

    def _worded(self, start: int) -> exp.Expression:
        if self.sees("ARRAY") and self.is_at(TokenType.L_PAREN, 1) and self.word(2) in _QUERIES:
            raise self.error("ARRAY takes no sub-query", hint="(SELECT COLLECT_LIST(x) FROM …) is the list of its rows")
        if self.sees("EXISTS") and self.is_at(TokenType.L_PAREN, 1):
            self.at += 1
            return self.placed(exp.Exists(this=self._subquery(self.at)), start)
        return super()._worded(start)

    def _quantified(self, left: exp.Expression) -> exp.Expression | None:
        """`x = ANY (SELECT …)` is IN, and `x <> ALL (SELECT …)` NOT IN."""
        among = self.is_at(TokenType.EQ) and self.word(1) in ("ANY", "SOME")
        if not among and not (self.is_at(TokenType.NEQ) and self.word(1) == "ALL"):
            return None
        if not self.is_at(TokenType.L_PAREN, 2) or self.word(3) not in _QUERIES:
            return None
        self.at += 2
        asked = exp.In(this=left, query=self._subquery(self.at))
        return asked if among else exp.Not(this=asked)

    def _range(self, left: exp.Expression) -> exp.Expression:
        if self.sees("IN") and self.is_at(TokenType.L_PAREN, 1) and self.word(2) in _QUERIES:
            self.at += 1
            return exp.In(this=left, query=self._subquery(self.at))
        return super()._range(left)

    def _call(self, start: int) -> exp.Expression:
        call = super()._call(start)
        if not self.sees("OVER"):
            return call
        at = self.at
        self.at += 1
        self._uses("a window function", at)
        self.expect_sign(TokenType.L_PAREN, "(")
        partition = self.listed(self.expression) if self.take("PARTITION", "BY") else []
        order = self._order_by("ORDER BY") if self.sees("ORDER", "BY") else ()
        spec = frame(self) if self.word() in ("ROWS", "RANGE") else None
        self.expect_sign(TokenType.R_PAREN, ")")
        ordered = [exp.Ordered(this=o.expression, desc=o.descending, nulls_first=o.nulls_first) for o in order]
        window = exp.Window(this=call, partition_by=partition, spec=spec)
        if ordered:
            window.set("order", exp.Order(expressions=ordered))
        return self.placed(window, start)

    def _order_by(self, clause: str) -> tuple[OrderItem, ...]:
        start = self.at
        self.expect(*clause.split())
        self._uses(clause, start)
        return tuple(self.listed(self._order_item))

    def _order_item(self) -> OrderItem:
        start = self.at
        expression = self.expression()
        descending = self.take("DESC") or (self.take("ASC") and False)
        nulls_first = False
        if self.take("NULLS"):
            nulls_first = self.take("FIRST")
            if not nulls_first:
                self.expect("LAST")
        return OrderItem(expression, descending, nulls_first, self.span(start))
