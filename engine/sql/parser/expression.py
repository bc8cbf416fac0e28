"""Expressions: ksqlDB's grammar by recursive descent, giving sqlglot trees whose leaves carry their places.

From loose to tight: OR, AND, NOT, a predicate (comparison, BETWEEN, IN, LIKE, IS), + - ||, * / %, a sign, subscripts and ->.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ...errors import ParseError
from ..dialect import with_place
from .call import called
from .times import interval, typed_text
from .type import TypeParser

_COMPARISONS: dict[TokenType, type[exp.Expression]] = {
    TokenType.EQ: exp.EQ,
    TokenType.NEQ: exp.NEQ,
    TokenType.LT: exp.LT,
    TokenType.LTE: exp.LTE,
    TokenType.GT: exp.GT,
    TokenType.GTE: exp.GTE,
}
_TERMS: dict[TokenType, type[exp.Expression]] = {TokenType.PLUS: exp.Add, TokenType.DASH: exp.Sub}
_FACTORS: dict[TokenType, type[exp.Expression]] = {
    TokenType.STAR: exp.Mul,
    TokenType.SLASH: exp.Div,
    TokenType.MOD: exp.Mod,
}
_CASTS: dict[str, type[exp.Cast]] = {"CAST": exp.Cast, "TRY_CAST": exp.TryCast}


class ExpressionParser(TypeParser):
    """Reads expressions from the cursor it is."""

    def whole_expression(self) -> exp.Expression:
        """An expression and nothing after it."""
        node = self.expression()
        self.end()
        return node

    def expression(self) -> exp.Expression:
        """Any expression: OR binds loosest."""
        self.nest()
        alternatives = [self._conjunction()]
        while self.take("OR"):
            alternatives.append(self._conjunction())
        self.depth -= 1
        return _chained(exp.Or, alternatives)

    def _conjunction(self) -> exp.Expression:
        conditions = [self._negation()]
        while self.take("AND"):
            conditions.append(self._negation())
        return _chained(exp.And, conditions)

    def _negation(self) -> exp.Expression:
        negations = 0
        while self.take("NOT"):
            negations += 1
        node = self._predicate()
        for _ in range(negations % 2 or (2 if negations else 0)):
            node = exp.Not(this=node)
        return node

    # ------------------------------------------------------------------------------------------------------ predicates

    def _predicate(self) -> exp.Expression:
        left = self.value()
        quantified = self._quantified(left)
        if quantified is not None:
            return quantified
        token = self.token()
        if token is not None and token.token_type in _COMPARISONS:
            self.advance()
            made: exp.Expression = _COMPARISONS[token.token_type](this=left, expression=self.value())
            following = self.token()
            if following is not None and following.token_type in _COMPARISONS:
                raise self.error("comparisons do not chain", hint="write a < b AND b < c")
            return made
        if self.take("IS"):
            return self._is(left)
        negated = self.sees("NOT") and self.word(1) in ("BETWEEN", "IN", "LIKE", "ILIKE")
        if negated:
            self.advance()
        node = self._range(left)
        return exp.Not(this=node) if negated and node is not left else node

    def _quantified(self, left: exp.Expression) -> exp.Expression | None:
        """A comparison with all rows of a sub-query; None where none follows."""
        return None

    def _range(self, left: exp.Expression) -> exp.Expression:
        if self.take("BETWEEN"):
            low = self.value()
            self.expect("AND")
            return exp.Between(this=left, low=low, high=self.value())
        if self.take("IN"):
            self.expect_sign(TokenType.L_PAREN, "(")
            items = self._list(TokenType.R_PAREN, ")")
            return exp.In(this=left, expressions=items)
        if self.word() in ("LIKE", "ILIKE"):
            lower = self.advance().text.upper() == "ILIKE"
            sides = [_in_lower_case(side) if lower else side for side in (left, self.value())]
            like: exp.Expression = exp.Like(this=sides[0], expression=sides[1])
            if self.take("ESCAPE"):
                start = self.span()
                escape = self.string("one character in single quotes")
                if len(escape) != 1:
                    raise ParseError("ESCAPE takes one character", detail=f"got {escape!r}", span=start)
                like = exp.Escape(this=like, expression=exp.Literal.string(escape))
            return like
        return left

    def _is(self, left: exp.Expression) -> exp.Expression:
        negated = self.take("NOT")
        if self.take("DISTINCT"):
            self.expect("FROM")
            # sqlglot names these by when they are true: NullSafeEQ is IS NOT DISTINCT FROM
            kind = exp.NullSafeEQ if negated else exp.NullSafeNEQ
            return kind(this=left, expression=self.value())
        values = {"NULL": exp.Null(), "TRUE": exp.true(), "FALSE": exp.false()}
        value = next((made for word, made in values.items() if self.take(word)), None)
        if value is None:
            raise self.unexpected("[NOT] NULL, TRUE, FALSE or DISTINCT FROM")
        node = exp.Is(this=left, expression=value)
        return exp.Not(this=node) if negated else node

    def _list(self, closing: TokenType, shown: str) -> list[exp.Expression]:
        items = self.listed(lambda: self._constant(closing) or self.expression())
        self.expect_sign(closing, f", or {shown}")
        return items

    def _constant(self, closing: TokenType) -> exp.Expression | None:
        """An item that is a constant and nothing more: lists may have a hundred thousand of them."""
        token, after = self.token(), self.token(1)
        if token is None or after is None or after.token_type not in (TokenType.COMMA, closing):
            return None
        if token.token_type not in (TokenType.NUMBER, TokenType.STRING):
            return None
        self.at += 1
        made = exp.Literal(this=token.text, is_string=token.token_type is TokenType.STRING)
        return self.placed(made, token.start)

    # ---------------------------------------------------------------------------------------------------------- values

    def value(self) -> exp.Expression:
        """An expression without AND, OR, NOT or a predicate, unless in parentheses."""
        left = self._factor()
        for length in count():
            self.check_chain(length)
            token = self.token()
            if token is not None and token.token_type in _TERMS:
                self.advance()
                left = _TERMS[token.token_type](this=left, expression=self._factor())
            elif self.take_sign(TokenType.DPIPE):
                left = exp.Anonymous(this="CONCAT", expressions=[left, self._factor()])
            else:
                break
        return left

    def _factor(self) -> exp.Expression:
        left = self._signed()
        length = 0
        while (token := self.token()) is not None and token.token_type in _FACTORS:
            length += 1
            self.check_chain(length)
            self.advance()
            left = _FACTORS[token.token_type](this=left, expression=self._signed())
        return left

    def _signed(self) -> exp.Expression:
        sign = self.token()
        if self.take_sign(TokenType.PLUS):
            return self._nested_sign()
        if self.take_sign(TokenType.DASH):
            if self.is_at(TokenType.NUMBER):
                token = self.advance()
                assert sign is not None
                return self._postfix(
                    with_place(exp.Literal(this="-" + token.text, is_string=False), sign.start, token.end)
                )
            return exp.Neg(this=self._nested_sign())
        return self._postfix(self._primary())

    def _nested_sign(self) -> exp.Expression:
        self.nest()
        node = self._signed()
        self.depth -= 1
        return node

    def _postfix(self, node: exp.Expression) -> exp.Expression:
        """Subscripts and field references; `->*` is left to the projection."""
        for length in count():
            self.check_chain(length)
            if self.take_sign(TokenType.L_BRACKET):
                index = self.expression()
                self.expect_sign(TokenType.R_BRACKET, "]")
                node = exp.Bracket(this=node, expressions=[index])
            elif self.take_sign(TokenType.DCOLON):
                node = exp.Cast(this=node, to=self.type_node())
            elif self.is_at(TokenType.ARROW) and not self.is_at(TokenType.STAR, 1):
                self.advance()
                node = exp.JSONExtract(this=node, expression=self.identifier("the field's"))
            else:
                break
        return node

    # -------------------------------------------------------------------------------------------------------- primaries

    def operand(self) -> exp.Expression:
        """A name, a call or what stands in parentheses."""
        return self._primary()

    def _primary(self) -> exp.Expression:
        token = self.token()
        if token is None:
            raise self.unexpected("an expression")
        start = token.start
        match token.token_type:
            case TokenType.NUMBER:
                self.advance()
                return self.placed(exp.Literal(this=token.text, is_string=False), start)
            case TokenType.DOT if self.is_at(TokenType.NUMBER, 1):
                self.advance()
                return self.placed(exp.Literal(this="0." + self.advance().text, is_string=False), start)
            case TokenType.STRING:
                self.advance()
                return self.placed(exp.Literal.string(token.text), start)
            case TokenType.L_BRACKET:
                self.advance()
                items = [] if self.take_sign(TokenType.R_BRACKET) else self._list(TokenType.R_BRACKET, "]")
                return self.placed(exp.Array(expressions=items), start)
            case TokenType.L_PAREN:
                self.advance()
                inner = self.expression()
                self.expect_sign(TokenType.R_PAREN, ")")
                return exp.Paren(this=inner)
        return self._worded(start)

    def placed(self, node: Any, start: int) -> exp.Expression:
        """The node, which stands from character `start` to the last token taken."""
        made: exp.Expression = with_place(node, start, self.tokens[self.at - 1].end)
        return made

    def _worded(self, start: int) -> exp.Expression:
        word = self.word()
        if word in ("TRUE", "FALSE"):
            self.advance()
            return self.placed(exp.Boolean(this=word == "TRUE"), start)
        if word == "NULL":
            self.advance()
            return self.placed(exp.Null(), start)
        if word == "CASE":
            return self._case(start)
        if word in _CASTS and self.is_at(TokenType.L_PAREN, 1):
            return self._cast(_CASTS[word], start)
        if word == "ARRAY" and self.is_at(TokenType.L_BRACKET, 1):
            self.at += 2
            items = [] if self.take_sign(TokenType.R_BRACKET) else self._list(TokenType.R_BRACKET, "]")
            return self.placed(exp.Array(expressions=items), start)
        if word in ("MAP", "STRUCT") and self.is_at(TokenType.L_PAREN, 1):
            return self._constructor(word, start)
        time = typed_text(self, start) or interval(self, start)
        if time is not None:
            return time
        names_call = word in ("LEFT", "RIGHT") and self.is_at(TokenType.L_PAREN, 1)
        if not self.at_name() and not names_call:
            raise self.unexpected("an expression")
        if self.is_at(TokenType.L_PAREN, 1) or (
            self.is_at(TokenType.PARAMETER, 1) and self.is_at(TokenType.L_PAREN, 3)
        ):
            return self._call(start)
        return self._column()

    def _column(self) -> exp.Expression:
        first = self.identifier()
        if not self.take_sign(TokenType.DOT):
            return exp.Column(this=first)
        column = exp.Column(this=self.identifier("the column's"), table=first)
        if self.is_at(TokenType.DOT):
            raise self.error("a column is written NAME or SOURCE.NAME", hint="a struct's field is reached with ->")
        return column

    def _case(self, start: int) -> exp.Expression:
        self.expect("CASE")
        self.nest()
        subject = None if self.sees("WHEN") else self.expression()
        branches = []
        while self.take("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append(exp.If(this=condition, true=self.expression()))
        if not branches:
            raise self.unexpected("WHEN")
        default = self.expression() if self.take("ELSE") else None
        self.expect("END")
        self.depth -= 1
        return self.placed(exp.Case(this=subject, ifs=branches, default=default), start)

    def _cast(self, kind: type[exp.Cast], start: int) -> exp.Expression:
        self.at += 2
        operand = self.expression()
        self.expect("AS")
        target = self.type_node()
        self.expect_sign(TokenType.R_PAREN, ")")
        return self.placed(kind(this=operand, to=target), start)

    def _constructor(self, word: str, start: int) -> exp.Expression:
        """MAP(key := value, …) and STRUCT(NAME := value, …)."""
        self.at += 2
        pairs: list[exp.Expression] = []
        while not self.take_sign(TokenType.R_PAREN):
            if pairs:
                self.expect_sign(TokenType.COMMA, ", or )")
            key = self.identifier("the field's") if word == "STRUCT" else self.expression()
            self.expect_sign(TokenType.COLON_EQ, ":=")
            pairs.append(exp.PropertyEQ(this=key, expression=self.expression()))
        node = exp.Struct(expressions=pairs) if word == "STRUCT" else exp.Map(keys=pairs)
        return self.placed(node, start)

    def _call(self, start: int) -> exp.Expression:
        return called(self, start)


def _in_lower_case(node: exp.Expression) -> exp.Expression:
    """ILIKE is LIKE of what both sides are in lower case."""
    return exp.Anonymous(this="LCASE", expressions=[node])


def _chained(kind: type[exp.Expression], parts: Sequence[exp.Expression]) -> exp.Expression:
    """`a AND b AND c`, leaning to the left as it is read; a long chain (a list of thousands) is halved again and again
    instead, which means the same and is not deep."""
    if len(parts) > 32:
        half = len(parts) // 2
        return kind(this=_chained(kind, parts[:half]), expression=_chained(kind, parts[half:]))
    left = parts[0]
    for part in parts[1:]:
        left = kind(this=left, expression=part)
    return left
