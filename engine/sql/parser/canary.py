"""The grammar of canaries: ALTER MODEL m SET CANARY … and END CANARY …."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from ..statements.model import EndCanary, SetCanary

if TYPE_CHECKING:
    from .source import SourceParser

_ROWS_MIN = 100


def set_canary(at: SourceParser, name: str, start: int) -> SetCanary:
    """alias n PERCENT [BY input, …] FOR 10 MINUTES [AFTER n ROWS] ROLLBACK WHEN condition [OR condition …]."""
    alias, percent = at.name("the alias's"), at.integer("a number of percent")
    at.expect("PERCENT")
    by = at.listed(lambda: at.name("an input's")) if at.take("BY") else []
    at.expect("FOR")
    duration_ms, rows_min = at.duration_ms(), _ROWS_MIN
    if at.take("AFTER"):
        rows_min = at.integer("a number of rows")
        at.expect("ROWS")
    at.expect("ROLLBACK", "WHEN")
    limits: dict[str, float | str] = {}
    while not limits or at.take("OR"):
        if at.take("ERROR_RATE"):
            limits["error_rate"] = _above(at)
            if float(limits["error_rate"]) >= 1:
                raise at.error("an ERROR_RATE is a share of the rows, below 1", span=at.span(at.at - 1))
        elif at.take("LATENCY_MS"):
            limits["latency_ms"] = _above(at)
        elif at.is_at(TokenType.STRING):
            limits["query"] = at.string().strip().removesuffix(";").rstrip()
        else:
            raise at.unexpected("ERROR_RATE > …, LATENCY_MS > … or a query in single quotes")
    return SetCanary(
        name,
        alias,
        percent,
        tuple(by),
        duration_ms,
        rows_min,
        _number(limits.get("error_rate")),
        _number(limits.get("latency_ms")),
        None if "query" not in limits else str(limits["query"]),
        at.span(start),
    )


def end_canary(at: SourceParser, name: str, start: int) -> EndCanary:
    """PROMOTE or ROLLBACK [BECAUSE 'reason']."""
    promote = at.take("PROMOTE")
    if not promote:
        at.expect("ROLLBACK")
    reason = at.string("the reason in single quotes") if at.take("BECAUSE") else ""
    return EndCanary(name, promote, reason, at.span(start))


def _above(at: SourceParser) -> float:
    at.expect_sign(TokenType.GT, ">")
    if not at.is_at(TokenType.NUMBER):
        raise at.unexpected("a number")
    return float(at.advance().text)


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)
