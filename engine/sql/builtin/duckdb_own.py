"""Functions that ksqlDB has not, and DuckDB evaluates as everybody knows them; patterns of C's, which it takes as constants
only, are read by Python."""

from __future__ import annotations

import datetime as dt

from ..functions import Function, ScalarFunction
from .strings import LONGEST, too_long
from .table import function, overload, rows

_REPEATED = "(length({0}) * {1}::BIGINT)"
_TIMES = (
    f"least({{1}}, {LONGEST} // greatest(length({{0}}), 1))"  # a constant is worked out in branches that are not taken
)
_WHITE = "' \t\n\r\f\v'"
_FIELDS = {
    "YEAR": "The year",
    "QUARTER": "The quarter, from 1,",
    "MONTH": "The month, from 1,",
    "WEEK": "The week of the year, as ISO 8601 counts,",
    "DAY": "The day of the month",
    "DAYOFWEEK": "The day of the week, Sunday 0,",
    "DAYOFYEAR": "The day of the year, from 1,",
    "HOUR": "The hour",
    "MINUTE": "The minute",
    "SECOND": "The second",
}


def _text(name: str, description: str, signature: str, sql: str, example: str) -> ScalarFunction:
    return function(name, description, "STRING", overload(signature, sql), examples=(example,))


def _of_times(name: str, description: str, sql: str, result: str) -> ScalarFunction:
    overloads = [overload(f"{kind} -> {result}", sql.format(f"({{0}})::{kind}")) for kind in ("TIMESTAMP", "DATE")]
    return function(name, description, "DATE / TIME", *overloads, examples=(f"{name}(at)",))


FUNCTIONS: tuple[Function, ...] = (
    function(
        "IF",
        "The second argument where the first is true, else the third.",
        "CONDITIONAL",
        overload("BOOLEAN, T, T -> T", "CASE WHEN {0} THEN {1} ELSE {2} END"),
        examples=("IF(amount > 100, 'large', 'small')",),
    ),
    _text("LEFT", "The first n characters.", "STRING, INTEGER -> STRING", "left({0}, {1})", "LEFT(code, 2)"),
    _text("RIGHT", "The last n characters.", "STRING, INTEGER -> STRING", "right({0}, {1})", "RIGHT(card, 4)"),
    _text(
        "LTRIM", "The text without white space before it.", "STRING -> STRING", f"ltrim({{0}}, {_WHITE})", "LTRIM(name)"
    ),
    _text(
        "RTRIM", "The text without white space behind it.", "STRING -> STRING", f"rtrim({{0}}, {_WHITE})", "RTRIM(name)"
    ),
    _text("REVERSE", "The text backwards.", "STRING -> STRING", "reverse({0})", "REVERSE(code)"),
    _text(
        "REPEAT",
        "The text n times, 16,777,216 characters at the most.",
        "STRING, INTEGER -> STRING",
        f"CASE WHEN {_REPEATED} > {LONGEST} THEN {too_long(_REPEATED)} ELSE repeat({{0}}, {_TIMES}) END",
        "REPEAT('ab', 3)",
    ),
    _text(
        "TRANSLATE",
        "The text with each character of the second argument in the form of the one at its place in the third; without one"
        " there, without it.",
        "STRING, STRING, STRING -> STRING",
        "translate({0}, {1}, {2})",
        "TRANSLATE(phone, '-/ ', '')",
    ),
    _text(
        "SPLIT_PART",
        "The n-th of the parts between delimiters, empty where there is none; from the end when negative.",
        "STRING, STRING, INTEGER -> STRING",
        "split_part({0}, {1}, {2})",
        "SPLIT_PART(path, '/', 2)",
    ),
    _text(
        "STARTS_WITH",
        "Whether the text begins with another.",
        "STRING, STRING -> BOOLEAN",
        "starts_with({0}, {1})",
        "STARTS_WITH(path, '/api')",
    ),
    _text(
        "ENDS_WITH",
        "Whether the text ends with another.",
        "STRING, STRING -> BOOLEAN",
        "ends_with({0}, {1})",
        "ENDS_WITH(file, '.csv')",
    ),
    _text(
        "CONTAINS",
        "Whether another text is in the text.",
        "STRING, STRING -> BOOLEAN",
        "contains({0}, {1})",
        "CONTAINS(message, 'error')",
    ),
    _text(
        "SHA256",
        "The SHA-256 digest of the text, in hexadecimal digits.",
        "STRING -> STRING",
        "sha256({0})",
        "SHA256(email)",
    ),
    function(
        "LOG10",
        "The logarithm to the base of 10.",
        "MATHEMATICAL",
        overload("DOUBLE -> DOUBLE", "log10({0})"),
        examples=("LOG10(size)",),
    ),
    function(
        "MOD",
        "The rest of a division, as % gives it.",
        "MATHEMATICAL",
        overload("INTEGER, INTEGER -> INTEGER", "({0} % {1})"),
        overload("BIGINT, BIGINT -> BIGINT", "({0} % {1})"),
        overload("DOUBLE, DOUBLE -> DOUBLE", "({0} % {1})"),
        examples=("MOD(id, 10)",),
    ),
    *(
        _of_times(name, f"{what} of a timestamp or date.", f"date_part('{name.lower()}', {{}})::INTEGER", "INTEGER")
        for name, what in _FIELDS.items()
    ),
    _of_times("DAYNAME", "The day of the week in English.", "dayname({})", "STRING"),
    _of_times("MONTHNAME", "The month in English.", "monthname({})", "STRING"),
    _of_times("LAST_DAY", "The last day of the month that a timestamp or date is in.", "last_day({})", "DATE"),
    _of_times("DATE", "The day of a timestamp, in UTC.", "({})::DATE", "DATE"),
    function(
        "STRFTIME",
        "A timestamp as text by a pattern of C's: %Y-%m-%d %H:%M:%S.",
        "DATE / TIME",
        overload("TIMESTAMP, STRING -> STRING", rows("strftime", lambda at, pattern: at.strftime(pattern))),
        overload("DATE, STRING -> STRING", rows("strftime", lambda day, pattern: day.strftime(pattern))),
        examples=("STRFTIME(at, '%d.%m.%Y')",),
    ),
    function(
        "STRPTIME",
        "A timestamp from text by a pattern of C's.",
        "DATE / TIME",
        overload("STRING, STRING -> TIMESTAMP", rows("strptime", dt.datetime.strptime)),
        examples=("STRPTIME(text, '%d.%m.%Y %H:%M')",),
    ),
)
