"""Types in statements: ksqlDB's, `FLOAT[n]`, and the names that CREATE TYPE gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from ...errors import ParseError
from ..dialect import with_place
from ..scope import suggestion
from ..types import FLOAT, SCALARS, Array, Decimal, Map, SqlType, Struct, Vector
from .cursor import Cursor

_BUILT = ("ARRAY", "MAP", "STRUCT", "DECIMAL", "DEC")


class TypeParser(Cursor):
    """A cursor that reads types; `types` are the custom ones by name."""

    def __init__(
        self, text: str, tokens: Sequence[Token] | None = None, types: Mapping[str, SqlType] | None = None
    ) -> None:
        super().__init__(text, tokens)
        self.types = dict(types or {})

    def type_node(self) -> exp.Expression:
        """A type as the target of a CAST; the type itself is in `meta["sql_type"]`."""
        start = self.at
        sql_type = self.sql_type()
        node = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=str(sql_type))
        node.meta["sql_type"] = sql_type
        placed: exp.Expression = with_place(node, self.tokens[start].start, self.tokens[self.at - 1].end)
        return placed

    def sql_type(self) -> SqlType:
        """Take a type."""
        self.nest()
        start = self.at
        made = self._plain_type()
        while True:
            if self.is_at(TokenType.L_BRACKET):
                made = self._bracketed(made, start)
            elif self.sees("ARRAY"):
                self.advance()
                made = Array(made)
            else:
                self.depth -= 1
                return made

    def _plain_type(self) -> SqlType:
        word, start = self.word(), self.at
        if word == "ARRAY":
            self.advance()
            self.expect_sign(TokenType.LT, "<")
            item = self.sql_type()
            self._close()
            return Array(item)
        if word == "MAP":
            self.advance()
            self.expect_sign(TokenType.LT, "<")
            key = self.sql_type()
            self.expect_sign(TokenType.COMMA, ",")
            value = self.sql_type()
            self._close()
            return Map(key, value)
        if word == "STRUCT":
            return self._struct()
        if word in ("DECIMAL", "DEC"):
            return self._decimal(start)
        return self._named(word)

    def _close(self) -> None:
        self.expect_sign(TokenType.GT, ">")

    def _struct(self) -> Struct:
        self.advance()
        start = self.at
        if self.take_sign(TokenType.NEQ):  # STRUCT<> without a blank
            return Struct(())
        self.expect_sign(TokenType.LT, "<")
        fields: list[tuple[str, SqlType]] = []
        while not self.take_sign(TokenType.GT):
            if fields:
                self.expect_sign(TokenType.COMMA, ", or >")
            name = self.name("the field's")
            if any(name == known for known, _ in fields):
                raise ParseError(f"duplicate field name {name} in a STRUCT", span=self.span(start))
            self.take_sign(TokenType.COLON)
            fields.append((name, self.sql_type()))
        return Struct(tuple(fields))

    def _decimal(self, start: int) -> Decimal:
        self.advance()
        self.expect_sign(TokenType.L_PAREN, "(precision, scale)")
        precision, scale = self.integer(), 0
        if self.take_sign(TokenType.COMMA):
            scale = self.integer()
        self.expect_sign(TokenType.R_PAREN, ")")
        try:
            return Decimal(precision, scale)
        except ParseError as error:
            raise ParseError(error.message, span=self.span(start)) from None

    def _named(self, word: str) -> SqlType:
        if word in SCALARS:
            self.advance()
            if word in ("VARCHAR", "STRING") and self.is_at(TokenType.L_PAREN):
                self.advance()
                if not self.take("STRING"):  # as in ksqlDB it is read and means nothing
                    self.integer("a length")
                self.expect_sign(TokenType.R_PAREN, ")")
            if word == "TIMESTAMP" and self.is_at(TokenType.L_PAREN):
                self.advance()
                if self.integer("3, for milliseconds") != 3:
                    raise ParseError(
                        "a TIMESTAMP counts milliseconds", hint="leave the digits out", span=self.span(self.at - 1)
                    )
                self.expect_sign(TokenType.R_PAREN, ")")
            return SCALARS[word]
        if not self.at_name():
            raise self.unexpected("a type")
        place = self.span()
        name = self.name("a type's")
        if name in self.types:
            return self.types[name]
        known = [*SCALARS, *_BUILT, *self.types]
        hint = suggestion(name, known) or f"CREATE TYPE {name} AS … gives a type this name"
        raise ParseError(f"Cannot resolve unknown type: {name}", hint=hint, span=place)

    def _bracketed(self, item: SqlType, start: int) -> SqlType:
        self.advance()
        if self.take_sign(TokenType.R_BRACKET):
            return Array(item)
        size = self.integer("the vector's size")
        self.expect_sign(TokenType.R_BRACKET, "]")
        if item is not FLOAT or size < 1:
            raise ParseError("a fixed vector is FLOAT[n], n at least 1", span=self.span(start))
        return Vector(size)
