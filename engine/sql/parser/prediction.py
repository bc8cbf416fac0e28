"""Models in FROM: ML_PREDICT and ML_EVALUATE as Flink writes them, by place or by name, and as BigQuery does (ML.PREDICT).

`ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a) [, MAP['k', 'v']])` is `ML_PREDICT(INPUT => TABLE s, MODEL => MODEL m,
ARGS => DESCRIPTOR(a) [, CONFIG => MAP['k', 'v']])`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot.tokenizer_core import TokenType

from ..call_settings import KNOWN, NO_SETTINGS, CallSettings, known_name, settings_of
from ..statements.query import UNSAID, Prediction, SourceRef

if TYPE_CHECKING:
    from .query import QueryParser

_PLACES = {
    "ML_PREDICT": ("INPUT", "MODEL", "ARGS", "CONFIG"),
    "ML_EVALUATE": ("INPUT", "MODEL", "LABEL", "ARGS", "TASK", "CONFIG"),
}
_OPTIONAL = ("CONFIG",)
_BIGQUERYS = ("PREDICT", "EVALUATE")
TASKS = ("classification", "regression")


def at_prediction(at: QueryParser) -> bool:
    """Whether a model stands here in place of a source."""
    return at.word() in _PLACES or (at.sees("ML") and at.word(2) in _BIGQUERYS)


def predicted_source(at: QueryParser) -> SourceRef:
    """A source with a model over it."""
    start = at.at
    function = at.word()
    if function not in _PLACES:
        return _bigquery(at, start)
    at.advance()
    at.expect_sign(TokenType.L_PAREN, "(")
    given = _arguments(at, function)
    for name in _PLACES[function]:
        if name not in given and name not in _OPTIONAL:
            hint = f"{function}({', '.join(_PLACES[function])})"
            raise at.error(f"{function} wants {name}", hint=hint, span=at.span(start))
    source, place = given["INPUT"]
    label = given["LABEL"][0] if "LABEL" in given else None
    settings = given.get("CONFIG", NO_SETTINGS)
    prediction = Prediction(given["MODEL"], given["ARGS"], at.span(start), label, given.get("TASK"), settings)
    return SourceRef(source, source, place, prediction)


def _arguments(at: QueryParser, function: str) -> dict[str, Any]:
    places = _PLACES[function]
    given: dict[str, Any] = {}
    while not given or at.take_sign(TokenType.COMMA):
        place = at.span()
        if at.is_at(TokenType.FARROW, 1):
            name = at.advance().text.upper()
            at.advance()
        elif len(given) < len(places):
            name = places[len(given)]
        else:
            raise at.unexpected(")")
        if name not in places or name in given:
            hint = f"its arguments are {', '.join(places)}"
            raise at.error(f"{function} has no {name}, or it stands twice", hint=hint, span=place)
        given[name] = _argument(at, name)
    at.expect_sign(TokenType.R_PAREN, ", or )")
    return given


def _argument(at: QueryParser, name: str) -> Any:
    match name:
        case "INPUT":
            at.expect("TABLE")
            place = at.span()
            return at.name("a stream's or table's"), place
        case "MODEL":
            return _called(at)
        case "LABEL":
            start, columns = at.at, _descriptor(at)
            if len(columns) != 1:
                raise at.error("one column holds the label", hint="DESCRIPTOR(label)", span=at.span(start))
            return columns
        case "ARGS":
            return _descriptor(at)
        case "TASK":
            task = at.string("a task in single quotes").lower()
            if task not in TASKS:
                raise at.error(f"a task is {' or '.join(TASKS)}, not {task}", span=at.span(at.at - 1))
            return task
        case _:
            return _config(at)


def _descriptor(at: QueryParser) -> tuple[str, ...]:
    at.expect("DESCRIPTOR")
    at.expect_sign(TokenType.L_PAREN, "(")
    columns = at.listed(lambda: at.name("a column's"))
    at.expect_sign(TokenType.R_PAREN, ", or )")
    return tuple(columns)


def _config(at: QueryParser) -> CallSettings:
    """MAP['key', 'value', …]."""
    at.expect("MAP")
    at.expect_sign(TokenType.L_BRACKET, "[")
    start, given = at.at, dict[str, str]()
    while not given or at.take_sign(TokenType.COMMA):
        place = at.span()
        said = at.string("a setting's name")
        name = known_name(said)
        if name is None:
            hint = f"settings are {', '.join(KNOWN)}; what else a model does is set by CREATE MODEL … WITH (…)"
            raise at.error(f"'{said}' is not a setting of a call", hint=hint, span=place)
        if name in given:
            raise at.error(f"'{said}' stands twice", span=place)
        if not at.take_sign(TokenType.COMMA):
            raise at.error("MAP[…] holds a value for each name", span=place)
        given[name] = at.string("a text")
    values = at.span(start)
    at.expect_sign(TokenType.R_BRACKET, ", or ]")
    try:
        return settings_of(given)
    except ValueError as error:
        raise at.error(str(error), span=values) from None


def _called(at: QueryParser) -> str:
    """MODEL name, with an alias or a version behind it."""
    at.expect("MODEL")
    name = at.name("the model's")
    return f"{name}@{at.name('an alias of the model')}" if at.take_sign(TokenType.PARAMETER) else name


def _bigquery(at: QueryParser, start: int) -> SourceRef:
    """ML.PREDICT and ML.EVALUATE: columns, and what a label is, follow from the model's signature."""
    task = UNSAID if at.word(2) == "EVALUATE" else None
    at.at += 3  # ML . PREDICT
    at.expect_sign(TokenType.L_PAREN, "(")
    model = _called(at)
    at.expect_sign(TokenType.COMMA, ", TABLE")
    if at.is_at(TokenType.L_PAREN):
        raise at.error(
            "a query does not stand here",
            hint=f"SELECT …, {model}(…) FROM (SELECT …) q, or a stream of its own and TABLE",
        )
    at.expect("TABLE")
    place = at.span()
    source = at.name("a stream's or table's")
    at.expect_sign(TokenType.R_PAREN, ")")
    return SourceRef(source, source, place, Prediction(model, (), at.span(start), task=task))
