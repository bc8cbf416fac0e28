"""From text to statements: the language's front door.

A text is cut into statements, variables are put in, and each statement is read by the grammar. CREATE TYPE and DEFINE
are followed while reading, because what they name may be used by the very next statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ...errors import MergusError, Span
from ..defines import substitute
from ..statements.statement import CreateType, Define, DropType, Statement, Undefine
from ..types import SqlType
from .split import StatementText, split_statements
from .statement import StatementParser

__all__ = ["Parsed", "StatementText", "iterate_statements", "parse_statement", "parse_statements", "split_statements"]


@dataclass(frozen=True)
class Parsed:
    """A statement, the text it was read from (variables in place; spans count in it), and where it stands in the whole."""

    statement: Statement
    text: str
    span: Span


def parse_statement(text: str, types: Mapping[str, SqlType] | None = None) -> Statement:
    """The one statement that `text` is, without a semicolon; `types`: those that CREATE TYPE has named. Raises
    ParseError or another UserError that knows the text."""
    try:
        return StatementParser(text, types=types).statement()
    except MergusError as error:
        raise error.at(text) from None


def iterate_statements(
    text: str,
    types: Mapping[str, SqlType] | None = None,
    variables: Mapping[str, str] | None = None,
    substitutes: Callable[[], bool] = lambda: True,
) -> Iterator[Parsed]:
    """The statements of a text, one at a time, so that what stands before a faulty one can be carried out. `substitutes`:
    whether variables are put in place, asked before each statement is read."""
    known_types, known = dict(types or {}), dict(variables or {})
    for piece in split_statements(text):
        with_values = substitute(piece.text, known) if substitutes() else piece.text
        statement = parse_statement(with_values, known_types)
        match statement:
            case CreateType(name=name, type=sql_type):
                known_types.setdefault(name, sql_type)
            case DropType(name=name):
                known_types.pop(name, None)
            case Define(name=name, value=value):
                known[name] = value
            case Undefine(name=name):
                known.pop(name, None)
        yield Parsed(statement, with_values, piece.span)


def parse_statements(
    text: str, types: Mapping[str, SqlType] | None = None, variables: Mapping[str, str] | None = None
) -> list[Parsed]:
    """All statements of a text; raises at the first that cannot be read.

    >>> [type(p.statement).__name__ for p in parse_statements("SHOW TABLES; SELECT * FROM t WHERE id = 1;")]
    ['Show', 'Query']
    """
    return list(iterate_statements(text, types, variables))
