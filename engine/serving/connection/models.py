"""`connection.models`: the statements about models as methods, for notebooks. Each says the SQL that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...sql.types import parse_type, quote_if_needed
from ..results import Listing


class Models:
    """The models of one connection. Every method raises what its statement raises."""

    def __init__(self, execute: Callable[[str], Sequence[Any]]) -> None:
        self._execute = execute

    def create(
        self,
        name: str,
        *,
        provider: str,
        path: str,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        before: Mapping[str, str] | None = None,
        after: Mapping[str, str] | None = None,
        replace: bool = False,
        **properties: Any,
    ) -> str:
        """CREATE [OR REPLACE] MODEL; `before` and `after` are the TRANSFORMs of INPUT and OUTPUT, expressions by name;
        `properties` are those of WITH. Answers what was said."""
        words = "CREATE OR REPLACE MODEL" if replace else "CREATE MODEL"
        clauses = _clause("INPUT", inputs, before) + _clause("OUTPUT", outputs, after)
        chosen = {"provider": provider, "path": path, **properties}
        shown = ", ".join(f"{_name(n)} = {_literal(v)}" for n, v in chosen.items())
        return self._said(f"{words} {_name(name)}{clauses} WITH ({shown});")

    def set_alias(self, name: str, alias: str, version: int, reason: str = "") -> str:
        """ALTER MODEL … SET ALIAS."""
        return self._said(f"ALTER MODEL {_name(name)} SET ALIAS {_name(alias)} = {version:d}{_because(reason)};")

    def rollback(self, name: str, alias: str = "champion", reason: str = "") -> str:
        """ALTER MODEL … ROLLBACK."""
        return self._said(f"ALTER MODEL {_name(name)} ROLLBACK {_name(alias)}{_because(reason)};")

    def drop(self, name: str, version: int | None = None) -> str:
        """DROP MODEL name, or one version of it."""
        return self._said(f"DROP MODEL {_name(name)}{'' if version is None else f'${version:d}'};")

    def list(self) -> Sequence[dict[str, Any]]:
        """SHOW MODELS."""
        found: Sequence[dict[str, Any]] = self._body("SHOW MODELS;")["models"]
        return found

    def describe(self, name: str) -> dict[str, Any]:
        """DESCRIBE MODEL."""
        found: dict[str, Any] = self._body(f"DESCRIBE MODEL {_name(name)};")["modelDescription"]
        return found

    def history(self, name: str) -> Sequence[dict[str, Any]]:
        """SHOW MODEL HISTORY."""
        found: Sequence[dict[str, Any]] = self._body(f"SHOW MODEL HISTORY {_name(name)};")["history"]
        return found

    def _said(self, sql: str) -> str:
        return str(self._execute(sql)[0].message)

    def _body(self, sql: str) -> Mapping[str, Any]:
        answer = self._execute(sql)[0]
        assert isinstance(answer, Listing)  # SHOW and DESCRIBE answer nothing else
        return answer.body


def _clause(word: str, columns: Mapping[str, str] | None, made: Mapping[str, str] | None) -> str:
    """` INPUT (…) TRANSFORM (…)`, where there is one."""
    declared = ", ".join(f"{_name(n)} {parse_type(t)}" for n, t in (columns or {}).items())
    transform = ", ".join(f"{text} AS {_name(n)}" for n, text in (made or {}).items())
    return (f" {word} ({declared})" if declared else "") + (f" TRANSFORM ({transform})" if transform else "")


def _name(name: str) -> str:
    """A name as SQL folds it: any case for a plain word, as it is where it must be quoted."""
    return quote_if_needed(name.upper() if name.isidentifier() else name)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def _because(reason: str) -> str:
    return f" BECAUSE {_literal(reason)}" if reason else ""
