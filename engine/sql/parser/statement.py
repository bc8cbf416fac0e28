"""Every statement by its leading word: one table, and a suggestion where the word is misspelt."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from sqlglot.tokenizer_core import TokenType

from ...errors import Unsupported
from ..defines import check_name
from ..scope import suggestion
from ..statements.statement import (
    GRAPH_FORMS,
    SHOWN,
    AssertSchema,
    AssertSource,
    AssertTopic,
    AssertValues,
    CreateSource,
    CreateSourceAs,
    Define,
    Describe,
    DescribeFunction,
    Explain,
    InsertInto,
    Pause,
    Print,
    Query,
    RelationalQuery,
    Resume,
    RunScript,
    SetProperty,
    Show,
    Statement,
    Terminate,
    Undefine,
    UnsetProperty,
)
from . import elsewhere
from .model import described_model
from .source import SourceParser, no_connectors

_EXTENDABLE = ("STREAMS", "TABLES", "TOPICS", "QUERIES")


class StatementParser(SourceParser):
    """Reads one statement."""

    def statement(self) -> Statement:
        """The statement that the text is, whole."""
        made = self._any()
        self.end()
        return made

    def _any(self) -> Statement:
        word = self.word()
        read = self.LEADING.get(word)
        if read is not None:
            return read(self)
        if word in ("SPOOL", "HELP", "EXIT", "QUIT", "CLEAR"):
            raise Unsupported(
                f"{word} is a command of the prompt, not a statement",
                hint="mergus run FILE > OUTPUT keeps what statements answer" if word == "SPOOL" else None,
                span=self.span(),
            )
        error = self.error("this is not a statement")
        error.hint = elsewhere.STATEMENTS.get(word) or (suggestion(word, self.LEADING) if word else None)
        error.detail = f"a statement starts with one of {', '.join(self.LEADING)}"
        raise error

    # ---------------------------------------------------------------------------------------------------- running queries

    def _select(self) -> Statement:
        return self.select()

    def _query_id(self) -> str | None:
        """A query's id, None for ALL."""
        if self.take("ALL"):
            return None
        return self.name("a query's id, or ALL")

    def _terminate(self) -> Statement:
        start = self._leading()
        return Terminate(self._query_id(), self.span(start))

    def _pause(self) -> Statement:
        start = self._leading()
        return Pause(self._query_id(), self.span(start))

    def _resume(self) -> Statement:
        start = self._leading()
        return Resume(self._query_id(), self.span(start))

    def _leading(self) -> int:
        self.advance()
        return self.at - 1

    # ------------------------------------------------------------------------------------------------------ looking about

    def _show(self) -> Statement:
        start = self._leading()
        if self.take("MODEL", "HISTORY"):
            return described_model(self, "HISTORY")
        if self.take("CREATE", "MODEL"):
            return described_model(self, "CREATE")
        every = self.take("ALL")
        what = self.word()
        if what in ("CONNECTORS", "CONNECTOR", "SOURCE", "SINK"):
            raise no_connectors(self.span())
        if what not in SHOWN or (every and what != "TOPICS"):
            error = self.unexpected(", ".join(SHOWN) if not every else "TOPICS")
            error.hint = elsewhere.SHOWN.get(what) or (suggestion(what, SHOWN) if what else None)
            raise error
        self.advance()
        extended = what in _EXTENDABLE and self.take("EXTENDED")
        form = self._graph_form() if what == "TOPOLOGY" and self.take("AS") else None
        return Show(what, every, extended, self.span(start), form)

    def _graph_form(self) -> str:
        """The language that a graph is wanted in."""
        form = self.word()
        if form not in GRAPH_FORMS:
            error = self.unexpected(" or ".join(GRAPH_FORMS))
            error.hint = suggestion(form, GRAPH_FORMS) if form else None
            raise error
        self.advance()
        return form

    def _describe(self) -> Statement:
        start = self._leading()
        if self.sees("FUNCTION") and self.at_name(1):
            self.advance()
            return DescribeFunction(self.name("the function's"), self.span(start))
        if self.sees("MODEL") and self.at_name(1):
            self.advance()
            return described_model(self, "DESCRIBE")
        for kind in ("STREAM", "TABLE"):
            if self.sees(kind + "S") and (self.token(1) is None or self.word(1) == "EXTENDED"):
                self.advance()
                return Describe(
                    None, self.take("EXTENDED"), "STREAM" if kind == "STREAM" else "TABLE", self.span(start)
                )
        place = self.span()
        return Describe(self.name("a stream's, table's or query's"), self.take("EXTENDED"), span=place)

    def _explain(self) -> Statement:
        start = self._leading()
        analyze = self.take("ANALYZE")
        first = self.token()
        text = "" if first is None else self.text[first.start :]
        if self.word() in ("SELECT", "WITH", "CREATE", "INSERT"):
            place = self.span()
            subject = self._any()
            if not isinstance(subject, Query | RelationalQuery | CreateSourceAs | InsertInto):
                raise self.error("EXPLAIN takes a statement with a SELECT, or the id of a query", span=place)
            return Explain(subject, analyze, text, self.span(start))
        return Explain(self.name("a query's id, or SELECT"), analyze, text, self.span(start))

    def _print(self) -> Statement:
        start = self._leading()
        topic = self._topic()
        from_beginning = self.take("FROM", "BEGINNING")
        interval = self._at_least(1) if self.take("INTERVAL") or self.take("SAMPLE") else 1
        limit = self._at_least(0) if self.take("LIMIT") else None
        return Print(topic, from_beginning, interval, limit, self.span(start))

    def _at_least(self, least: int) -> int:
        start = self.at
        what = f"a whole number of at least {least}"
        number = self.integer(what)
        if number < least:
            raise self.error(f"{what} is wanted, not {number}", span=self.span(start))
        return number

    def _topic(self) -> str:
        """A topic's name as it is written: a string, a quoted name, or a bare word in its own case."""
        if self.is_at(TokenType.STRING):
            return self.advance().text
        if not self.at_name():
            raise self.unexpected("a topic's name")
        start = self.advance()
        end = start
        while (token := self.token()) is not None and token.start == end.end + 1:
            end = self.advance()  # my-topic.v1 is several tokens without a blank
        return start.text if start is end else self.text[start.start : end.end + 1]

    # ---------------------------------------------------------------------------------------------------------- settings

    def _set(self) -> Statement:
        start = self._leading()
        name = self.string("a setting's name in single quotes")
        self.expect_sign(TokenType.EQ, "=")
        return SetProperty(name, self.string("a value in single quotes"), self.span(start))

    def _unset(self) -> Statement:
        start = self._leading()
        return UnsetProperty(self.string("a setting's name in single quotes"), self.span(start))

    def _define(self) -> Statement:
        start = self._leading()
        name = check_name(self.name("the variable's"), self.span(start))
        self.expect_sign(TokenType.EQ, "=")
        return Define(name, self.string("a value in single quotes"), self.span(start))

    def _undefine(self) -> Statement:
        start = self._leading()
        return Undefine(check_name(self.name("the variable's")), self.span(start))

    def _run(self) -> Statement:
        start = self._leading()
        self.expect("SCRIPT")
        return RunScript(self.string("a file's name in single quotes"), self.span(start))

    # -------------------------------------------------------------------------------------------------------- assertions

    def _assert(self) -> Statement:
        start = self._leading()
        if self.take("VALUES") or self.take("NULL", "VALUES") or self.take("TOMBSTONE"):
            return self._assert_values(start)
        exists = not self.take("NOT", "EXISTS")
        if self.take("TOPIC"):
            topic = self._topic()
            properties = {p.name: int(p.value) for p in self.with_properties() if isinstance(p.value, int)}
            return AssertTopic(topic, exists, properties, self._timeout(), self.span(start))
        if self.take("SCHEMA"):
            subject = None
            if self.take("SUBJECT"):
                subject = self._topic()
            number = self.integer() if self.take("ID") else None
            return AssertSchema(subject, number, exists, self._timeout(), self.span(start))
        kind = self.word()
        if exists and kind in ("STREAM", "TABLE"):
            self.advance()
            name = self.name(f"the {kind.lower()}'s")
            elements = self._elements() if self.is_at(TokenType.L_PAREN) else ()
            source = CreateSource("STREAM" if kind == "STREAM" else "TABLE", name, elements, self.with_properties())
            return AssertSource(source, self.span(start))
        raise self.unexpected("VALUES, NULL VALUES, TOMBSTONE, STREAM, TABLE, TOPIC or SCHEMA")

    def _assert_values(self, start: int) -> AssertValues:
        """(columns) VALUES (values); a row without a value gives its key: (columns) KEY (values)."""
        null = self.word(-1) == "TOMBSTONE" or self.word(-2) == "NULL"
        name = self.name("the stream's or table's")
        columns, values = self.columns_and_values("KEY" if null else "VALUES")
        return AssertValues(name, tuple(str(c.this) for c in columns), values, null, self.span(start))

    def _timeout(self) -> int | None:
        return self.duration_ms() if self.take("TIMEOUT") else None

    LEADING: ClassVar[dict[str, Callable[[StatementParser], Statement]]] = {}


StatementParser.LEADING.update(
    {
        "SELECT": StatementParser._select,
        "WITH": StatementParser._select,
        "CREATE": StatementParser.create,
        "INSERT": StatementParser.insert,
        "DROP": StatementParser.drop,
        "ALTER": StatementParser.alter,
        "SHOW": StatementParser._show,
        "LIST": StatementParser._show,
        "DESCRIBE": StatementParser._describe,
        "EXPLAIN": StatementParser._explain,
        "TERMINATE": StatementParser._terminate,
        "PAUSE": StatementParser._pause,
        "RESUME": StatementParser._resume,
        "PRINT": StatementParser._print,
        "SET": StatementParser._set,
        "UNSET": StatementParser._unset,
        "DEFINE": StatementParser._define,
        "UNDEFINE": StatementParser._undefine,
        "ASSERT": StatementParser._assert,
        "RUN": StatementParser._run,
    }
)
