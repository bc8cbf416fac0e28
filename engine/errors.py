"""Errors, drawn as a tree by whose fault they are.

A user's error names the thing, the place and what to do; it is the only kind that a REST client sees as status 400. An
environment's fault is the machine's (disk, port, broker); an internal error is ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """Characters `start` (inclusive) to `end` (exclusive) of the text of one statement."""

    start: int
    end: int

    def line_column(self, text: str) -> tuple[int, int]:
        """The place of `start` in `text`, both counted from 1."""
        before = text[: self.start]
        return before.count("\n") + 1, self.start - (before.rfind("\n") + 1) + 1


class MergusError(Exception):
    """The root. `message` says what is wrong, `detail` why, `hint` what to do, `span` where in `statement`."""

    kind = "internal"

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        span: Span | None = None,
        statement: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.span = span
        self.statement = statement

    def at(self, statement: str, span: Span | None = None) -> MergusError:
        """Remember the statement's text, and the place of what it concerns as a whole, unless a closer place has done so."""
        if self.statement is None:
            self.statement = statement
            self.span = self.span or span
        return self

    def __str__(self) -> str:
        """The whole story: message, place with a caret, Detail, Hint."""
        parts = [self.message]
        if self.span is not None and self.statement is not None:
            parts.append(self._place(self.span, self.statement))
        if self.detail:
            parts.append(f"Detail: {self.detail}")
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return "\n".join(parts)

    @staticmethod
    def _place(span: Span, statement: str) -> str:
        line, column = span.line_column(statement)
        lines = statement.splitlines() or [""]
        text, at = _excerpt(lines[min(line, len(lines)) - 1], column - 1)
        width = max(1, min(span.end - span.start, len(text) - at))
        prefix = f"line {line}:{column}: "
        return f"{prefix}{text}\n{' ' * (len(prefix) + at)}{'^' * width}"


_LINE_MAX = 160


def _excerpt(line: str, at: int) -> tuple[str, int]:
    """What is shown of a long line around a place, and where the place is in it."""
    if len(line) <= _LINE_MAX:
        return line, at
    start = max(0, min(at - _LINE_MAX // 3, len(line) - _LINE_MAX))
    head, tail = "…" if start else "", "…" if start + _LINE_MAX < len(line) else ""
    return f"{head}{line[start : start + _LINE_MAX]}{tail}", at - start + len(head)


class UserError(MergusError):
    """A statement, a function or a setting is wrong; its author can mend it."""

    kind = "user"


class ParseError(UserError):
    """The text is not a statement of the language."""


class AnalysisError(UserError):
    """The statement reads well but means nothing here: a name, a type, a rule."""


class UnknownName(AnalysisError):
    """A column, source, function, topic or query that does not exist."""


class TypeMismatch(AnalysisError):
    """An operand or argument of a type that the operation does not take."""


class Conflict(UserError):
    """Something of that name exists, or is still in use."""


class Unsupported(UserError):
    """The language has it, Mergus does not (yet): said, never ignored."""

    kind = "unsupported"


class RecordError(MergusError):
    """One record or row cannot be processed; it goes to the processing log, the query goes on."""

    kind = "record"


class EnvironmentFault(MergusError):
    """The machine or a service: a full disk, a port in use, a locked data folder, an unreachable broker."""

    kind = "environment"


class NotLetIn(EnvironmentFault):
    """A service is there and refuses this user: a wrong password, a certificate that is not trusted. Waiting mends nothing."""


class InternalError(MergusError):
    """A broken invariant: our fault."""


_AROUND_PYTHON = "Invalid Input Error: Python exception occurred while executing the UDF: "
"""What DuckDB puts before the words of a function in Python."""


def reason(error: BaseException) -> str:
    """The first line of what DuckDB, a model or a user's function said.

    >>> reason(ValueError(_AROUND_PYTHON + "ValueError: no image"))
    'ValueError: no image'
    >>> reason(KeyError())
    'KeyError'
    """
    return (str(error).removeprefix(_AROUND_PYTHON).strip().splitlines() or [type(error).__name__])[0]
