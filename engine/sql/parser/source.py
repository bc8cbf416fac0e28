"""CREATE, ALTER and DROP of streams, tables, types and functions, and INSERT: what changes the catalog or a topic."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ...errors import ParseError, Span, Unsupported
from ..dialect import body_at
from ..scope import span_of, suggestion
from ..statements.statement import (
    AlterSource,
    AlterSystem,
    ColumnElement,
    CreateFunction,
    CreateSource,
    CreateSourceAs,
    CreateType,
    DropFunction,
    DropSource,
    DropType,
    FunctionParameter,
    InsertInto,
    InsertValues,
    Property,
    SourceKind,
    Statement,
)
from ..types import BYTES, STRING, Array, SqlType, Struct
from . import elsewhere
from .model import alter_model, create_model, drop_model
from .relational import RelationalParser

HEADERS_TYPE = Array(Struct((("KEY", STRING), ("VALUE", BYTES))))
CREATED = ("STREAM", "TABLE", "TYPE", "FUNCTION")


def no_connectors(span: Span) -> Unsupported:
    """CREATE, DROP or SHOW of a connector."""
    return Unsupported(
        "connectors are not supported",
        hint="Kafka Connect runs them beside the engine; CREATE STREAM reads the topics that they fill",
        span=span,
    )


class SourceParser(RelationalParser):
    """Reads the statements that make, change and drop things."""

    # ----------------------------------------------------------------------------------------------------------- CREATE

    def create(self) -> Statement:
        """CREATE …"""
        start = self.at
        self.expect("CREATE")
        or_replace = self.take("OR", "REPLACE")
        if self.sees("MODEL"):
            return create_model(self, start, or_replace)
        if self.word() in ("TEMPORARY", "TEMP") and self.word(1) == "MODEL":
            raise self.error("a model lasts until it is dropped", hint="CREATE MODEL …; DROP MODEL …")
        is_source = self.sees("SOURCE") and self.word(1) in ("STREAM", "TABLE") and self.take("SOURCE")
        what = self._thing(CREATED)
        if what in ("TYPE", "FUNCTION") and is_source:
            raise self.unexpected("STREAM or TABLE")
        if what == "TYPE":
            return self._create_type(start, or_replace)
        if_not_exists = self.take("IF", "NOT", "EXISTS")
        if what == "FUNCTION":
            return self._create_function(start, or_replace, if_not_exists)
        kind: SourceKind = "STREAM" if what == "STREAM" else "TABLE"
        name = self.name(f"the {kind.lower()}'s")
        elements = self._elements() if self.is_at(TokenType.L_PAREN) else ()
        properties = self.with_properties()
        if self.sees("AS"):
            if elements:
                raise self.error("CREATE … AS SELECT takes no columns", hint="the SELECT names and types them")
            if is_source:
                raise self.error("CREATE SOURCE … declares what a topic holds, and takes no AS SELECT")
            self.advance()
            query = self.query()
            return CreateSourceAs(kind, name, query, properties, or_replace, if_not_exists, self.span(start))
        return CreateSource(kind, name, elements, properties, or_replace, if_not_exists, is_source, self.span(start))

    def _thing(self, known: tuple[str, ...]) -> str:
        word = self.word()
        if word in ("CONNECTOR", "SINK") or (word == "SOURCE" and self.word(1) == "CONNECTOR"):
            raise no_connectors(self.span())
        if word not in known:
            made = elsewhere.THINGS.get(word) if self.tokens[0].text.upper() == "CREATE" else None
            near = made or (suggestion(word, known) if word else None)
            error = self.unexpected(" or ".join([", ".join(known[:-1]), known[-1]]))
            error.hint = near
            raise error
        self.advance()
        return word

    def _create_type(self, start: int, or_replace: bool) -> CreateType:
        if or_replace:
            raise self.error("a type cannot be replaced", hint="DROP TYPE first")
        if_not_exists = self.take("IF", "NOT", "EXISTS")
        name = self.name("the type's")
        self.expect("AS")
        return CreateType(name, self.sql_type(), if_not_exists, self.span(start))

    def _elements(self) -> tuple[ColumnElement, ...]:
        self.expect_sign(TokenType.L_PAREN, "(")
        if self.is_at(TokenType.R_PAREN):
            raise self.unexpected("a column")
        elements = self.listed(self._element)
        if not self.take_sign(TokenType.R_PAREN):
            error = self.unexpected(", or )")
            error.hint = error.hint or elsewhere.column_hint(self.word())
            raise error
        return tuple(elements)

    def _element(self) -> ColumnElement:
        start = self.at
        if hint := elsewhere.clause_hint([self.word(ahead) for ahead in range(3)]):
            raise self.error(f"unexpected {self.word()}, expected a column", hint=hint)
        name = self.name("the column's")
        sql_type = self.sql_type()
        is_primary = self.take("PRIMARY", "KEY")
        is_key = is_primary or self.take("KEY")
        header = None
        if self.take("HEADERS"):
            header = ""
        elif self.take("HEADER"):
            self.expect_sign(TokenType.L_PAREN, "('key')")
            header = self.string("the header's key in single quotes")
            self.expect_sign(TokenType.R_PAREN, ")")
        span = self.span(start)
        self._check_header(name, sql_type, header, span)
        return ColumnElement(name, sql_type, is_key, is_primary, header, span)

    @staticmethod
    def _check_header(name: str, sql_type: SqlType, header: str | None, span: Span) -> None:
        wanted = None if header is None else BYTES if header else HEADERS_TYPE
        if wanted is not None and sql_type != wanted:
            shown = f"HEADER('{header}')" if header else "HEADERS"
            raise ParseError(
                f"invalid type for the {shown} column {name}: expected {wanted}, got {sql_type}", span=span
            )

    def with_properties(self) -> tuple[Property, ...]:
        """[WITH (NAME = value, …)]."""
        return self.properties() if self.take("WITH") else ()

    def properties(self) -> tuple[Property, ...]:
        """(NAME = value, …)."""
        self.expect_sign(TokenType.L_PAREN, "(")
        found: list[Property] = []
        while not self.take_sign(TokenType.R_PAREN):
            if found:
                self.expect_sign(TokenType.COMMA, ", or )")
            start = self.at
            plain = self.is_at(TokenType.STRING) or (self.sees("WINDOW") and self.is_at(TokenType.EQ, 1))
            name = self.advance().text if plain else self.name("the property's")
            if self.is_at(TokenType.DOT):
                raise self.error("a property's name with dots is written in single quotes")
            self.expect_sign(TokenType.EQ, "=")
            value = self._property_value()
            if any(p.name.upper() == name.upper() for p in found):
                raise ParseError(f"property {name} is given twice", span=self.span(start))
            found.append(Property(name.upper(), value, self.span(start)))
        return tuple(found)

    def _property_value(self) -> str | int | float | bool | None:
        if self.is_at(TokenType.STRING):
            return self.advance().text
        if self.take("TRUE"):
            return True
        if self.take("FALSE"):
            return False
        if self.take("NULL"):
            return None
        sign = "-" if self.take_sign(TokenType.DASH) else ""
        if self.is_at(TokenType.NUMBER):
            text = sign + self.advance().text
            return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else float(text)
        raise self.unexpected("a value: a string in single quotes, a number, TRUE or FALSE")

    # -------------------------------------------------------------------------------------------------------- functions

    def _create_function(self, start: int, or_replace: bool, if_not_exists: bool) -> CreateFunction:
        name = self.name("the function's")
        parameters: list[FunctionParameter] = []
        self.expect_sign(TokenType.L_PAREN, "(")
        while not self.take_sign(TokenType.R_PAREN):
            if parameters:
                self.expect_sign(TokenType.COMMA, ", or )")
            parameters.append(FunctionParameter(self.name("the parameter's"), self.sql_type()))
        returns = self.sql_type() if self.take("RETURNS") else None
        self.expect("LANGUAGE")
        language = self.name("the language's")
        properties = self.with_properties()
        self.expect("AS")
        if not self.is_at(TokenType.STRING):
            raise self.unexpected("the body between $$ and $$")
        token = self.advance()
        body = body_at(self.text, token)
        return CreateFunction(
            name,
            tuple(parameters),
            returns,
            token.text if body is None else body,
            language,
            or_replace,
            if_not_exists,
            properties,
            self.span(start),
        )

    # ------------------------------------------------------------------------------------------------- DROP, ALTER, INSERT

    def drop(self) -> Statement:
        """DROP …"""
        start = self.at
        self.expect("DROP")
        if self.sees("MODEL"):
            return drop_model(self, start)
        what = self._thing(CREATED)
        if_exists = self.take("IF", "EXISTS")
        name = self.name(f"the {what.lower()}'s")
        if what == "TYPE":
            return DropType(name, if_exists, self.span(start))
        if what == "FUNCTION":
            return DropFunction(name, if_exists, self.span(start))
        delete_topic = self.take("DELETE")
        if delete_topic:
            self.expect("TOPIC")
        return DropSource("STREAM" if what == "STREAM" else "TABLE", name, if_exists, delete_topic, self.span(start))

    def alter(self) -> Statement:
        """ALTER STREAM / TABLE … ADD COLUMN …, ALTER SYSTEM 'k' = 'v'."""
        start = self.at
        self.expect("ALTER")
        if self.sees("MODEL"):
            return alter_model(self, start)
        if self.take("SYSTEM"):
            name = self.string()
            self.expect_sign(TokenType.EQ, "=")
            return AlterSystem(name, self.string(), self.span(start))
        kind: SourceKind = "STREAM" if self._thing(("STREAM", "TABLE")) == "STREAM" else "TABLE"
        source = self.name(f"the {kind.lower()}'s")
        return AlterSource(kind, source, tuple(self.listed(self._added)), self.span(start))

    def _added(self) -> ColumnElement:
        self.expect("ADD")
        if self.sees("COLUMN") and self.at_name(1):
            self.advance()
        start = self.at
        return ColumnElement(self.name("the column's"), self.sql_type(), span=self.span(start))

    def insert(self) -> InsertInto | InsertValues:
        """INSERT INTO … SELECT or VALUES."""
        start = self.at
        self.expect("INSERT", "INTO")
        place = self.span()
        name = self.name("the stream's")
        properties = self.with_properties() if self.is_at(TokenType.L_PAREN, 1) else ()
        if self.at_query():
            return InsertInto(name, self.query(), properties, place)
        if properties:
            raise self.unexpected("SELECT")
        columns, values = self.columns_and_values()
        rows = [values]
        while self.take_sign(TokenType.COMMA):
            rows.append(self._row())
        self.end()
        if columns and any(len(columns) != len(row) for row in rows):
            place = self.span(start)
        names = tuple(str(c.this) for c in columns)
        return InsertValues(name, names, tuple(rows), place, tuple(span_of(c) for c in columns))

    def columns_and_values(self, word: str = "VALUES") -> tuple[list[exp.Identifier], tuple[exp.Expression, ...]]:
        """[(columns)] VALUES (values); `word` may stand in the place of VALUES."""
        columns: list[exp.Identifier] = []
        if self.take_sign(TokenType.L_PAREN):
            columns = self.listed(lambda: self.identifier("a column's"))
            self.expect_sign(TokenType.R_PAREN, ", or )")
        if not self.take(word) and not self.take("VALUES"):
            raise self.unexpected(word if columns else f"{word} or a list of columns")
        return columns, self._row()

    def _row(self) -> tuple[exp.Expression, ...]:
        self.expect_sign(TokenType.L_PAREN, "(")
        return tuple(self._list(TokenType.R_PAREN, ")"))
