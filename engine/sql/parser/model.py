"""The grammar of models: CREATE, ALTER, DROP, SHOW and DESCRIBE MODEL.

Functions over the cursor that meets their leading words, so that the table of statements only points here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ...errors import MergusError, Span
from ..statements.model import (
    CreateModel,
    DescribeModel,
    DropAlias,
    DropModel,
    ModelStatement,
    ReplayDeadLetters,
    Rollback,
    SetAlias,
    SetMonitor,
    SetShadow,
    SetSplit,
    TransformItem,
)
from ..statements.source import Property
from ..types import Columns
from .canary import end_canary, set_canary

if TYPE_CHECKING:
    from .source import SourceParser


def create_model(at: SourceParser, start: int, or_replace: bool) -> CreateModel:
    """MODEL [IF NOT EXISTS] name [INPUT (…) [TRANSFORM (…)]] [OUTPUT (…) [TRANSFORM (…)]] WITH (…)."""
    at.expect("MODEL")
    if_not_exists = at.take("IF", "NOT", "EXISTS")
    name, version = _name(at)
    if version is not None:
        raise at.error("a version is not chosen at CREATE: it gets the next number", hint="CREATE OR REPLACE MODEL")
    inputs, before = _side(at, "INPUT")
    outputs, after = _side(at, "OUTPUT")
    if at.sees("TRANSFORM"):
        raise at.error(
            "TRANSFORM stands behind the columns that it takes",
            hint="INPUT (…) TRANSFORM (…) makes what the artefact takes, OUTPUT (…) TRANSFORM (…) the answer",
        )
    properties = _properties(at, "WITH (PROVIDER = …, PATH = …)" if outputs else "INPUT, OUTPUT or WITH")
    return CreateModel(
        name, inputs, outputs, properties, or_replace, if_not_exists, at.span(start), before=before, after=after
    )


_BIGQUERY = {"MODEL_TYPE": "PROVIDER", "MODEL_PATH": "PATH"}
_MODEL_TYPES = {"TENSORFLOW_LITE": "tflite"}


def _properties(at: SourceParser, wanted: str) -> tuple[Property, ...]:
    """WITH (…), or BigQuery's OPTIONS (MODEL_TYPE = …, MODEL_PATH = …)."""
    if at.take("WITH"):
        return at.properties()
    if not at.take("OPTIONS"):
        raise at.unexpected(wanted)
    made = tuple(_as_with(known) for known in at.properties())
    for known in made:
        if sum(known.name == other.name for other in made) > 1:
            raise at.error(f"{known.name} is given twice", span=known.span)
    return made


def _as_with(known: Property) -> Property:
    """A property of OPTIONS as WITH has it."""
    name, value = _BIGQUERY.get(known.name, known.name), known.value
    return replace(known, name=name, value=_MODEL_TYPES.get(str(value).upper(), value) if name == "PROVIDER" else value)


def alter_model(at: SourceParser, start: int) -> ModelStatement:
    """MODEL name and what about it: SET and RESET of its parts, END CANARY, ROLLBACK, REPLAY DEAD LETTERS."""
    at.expect("MODEL")
    name, version = _name(at)
    if version is not None:
        raise at.error("a version never changes", hint=f"ALTER MODEL {name} SET ALIAS champion = {version}")
    if at.take("SET", "ALIAS"):
        alias = at.name("the alias's")
        at.expect_sign(TokenType.EQ, "=")
        return SetAlias(name, alias, at.integer("a version's number"), _reason(at), at.span(start))
    if at.take("DROP", "ALIAS") or at.take("RESET", "ALIAS"):
        return DropAlias(name, at.name("the alias's"), _reason(at), at.span(start))
    if at.take("ROLLBACK"):
        alias_or_none = at.name("an alias's") if at.at_name() and not at.sees("BECAUSE") else None
        return Rollback(name, alias_or_none, _reason(at), at.span(start))
    if at.take("REPLAY", "DEAD", "LETTERS"):
        return ReplayDeadLetters(name, _reason(at), at.span(start))
    if at.take("RESET", "SPLIT"):
        return SetSplit(name, (), span=at.span(start))
    if at.take("SET", "SPLIT"):
        return _split(at, name, start)
    if at.take("RESET", "SHADOW"):
        return SetShadow(name, span=at.span(start))
    if at.take("SET", "SHADOW"):
        return _shadow(at, name, start)
    if at.take("RESET", "MONITOR"):
        return SetMonitor(name, (), at.span(start))
    if at.take("SET", "MONITOR"):
        return SetMonitor(name, at.properties(), at.span(start))
    if at.take("SET", "CANARY"):
        return set_canary(at, name, start)
    if at.take("END", "CANARY"):
        return end_canary(at, name, start)
    raise _no_change(at, name)


def _no_change(at: SourceParser, name: str) -> MergusError:
    """What is told of a change that there is not."""
    if at.sees("RENAME"):
        return at.error(
            "a model keeps its name, which queries call", hint=f"SHOW CREATE MODEL {name} is what makes it anew"
        )
    if at.sees("SET") and at.is_at(TokenType.L_PAREN, 1):
        return at.error(
            "a version never changes", hint=f"CREATE OR REPLACE MODEL {name} … adds one with other properties"
        )
    return at.unexpected(
        "SET or DROP ALIAS, SET or RESET SPLIT, SHADOW or MONITOR, SET or END CANARY, ROLLBACK, or REPLAY DEAD LETTERS"
    )


def drop_model(at: SourceParser, start: int) -> DropModel:
    """MODEL [IF EXISTS] name[$version]."""
    at.expect("MODEL")
    if_exists = at.take("IF", "EXISTS")
    name, version = _name(at)
    return DropModel(name, version, if_exists, at.span(start))


def described_model(at: SourceParser, what: str) -> DescribeModel:
    """name, after DESCRIBE MODEL, SHOW MODEL HISTORY or SHOW CREATE MODEL."""
    place: Span = at.span()
    name, _ = _name(at)
    return DescribeModel(name, what, place)


def _name(at: SourceParser) -> tuple[str, int | None]:
    """A model's name and the version behind `$`, if any."""
    text = at.name("the model's")
    name, dollar, number = text.rpartition("$")
    if dollar and name and number.isdecimal():
        return name, int(number)
    if dollar and name and number == "ALL":
        raise at.error(f"{text} is no version", hint=f"{name} alone is all of its versions", span=at.span(at.at - 1))
    return text, None


def _columns(at: SourceParser) -> Columns:
    at.expect_sign(TokenType.L_PAREN, "(")
    found = at.listed(lambda: (at.name("the column's"), at.sql_type()))
    at.expect_sign(TokenType.R_PAREN, ", or )")
    return tuple(found)


def _side(at: SourceParser, word: str) -> tuple[Columns | None, tuple[TransformItem, ...]]:
    """[word (…) [TRANSFORM (…)]]."""
    if not at.take(word):
        return None, ()
    columns = _columns(at)
    return columns, _transform(at) if at.take("TRANSFORM") else ()


def _transform(at: SourceParser) -> tuple[TransformItem, ...]:
    at.expect_sign(TokenType.L_PAREN, "(")
    found = at.listed(lambda: _transform_item(at))
    at.expect_sign(TokenType.R_PAREN, ", or )")
    return tuple(found)


def _transform_item(at: SourceParser) -> TransformItem:
    start = at.at
    if at.take_sign(TokenType.STAR):
        return TransformItem("*", None, "*", at.span(start))
    expression = at.expression()
    place = at.span(start)
    text = at.text[place.start : place.end]
    if at.take("AS") or at.at_name():
        name = at.name("the column's")
    elif isinstance(expression, exp.Column | exp.Identifier):
        name = expression.name
    else:
        raise at.unexpected("AS and a name")
    return TransformItem(name, expression, text, at.span(start))


def _split(at: SourceParser, name: str, start: int) -> SetSplit:
    at.expect_sign(TokenType.L_PAREN, "(")
    arms = at.listed(lambda: (at.name("the alias's"), at.integer("its share")))
    at.expect_sign(TokenType.R_PAREN, ", or )")
    by = at.listed(lambda: at.name("an input's or a column's")) if at.take("BY") else []
    salt = at.string("a text in single quotes") if at.take("SALT") else ""
    return SetSplit(name, tuple(arms), tuple(by), salt, at.span(start))


def _shadow(at: SourceParser, name: str, start: int) -> SetShadow:
    alias, percent = at.name("the alias's"), 100
    if at.take("SAMPLE"):
        percent = at.integer("a number of percent")
        at.expect("PERCENT")
    at.expect("INTO")
    return SetShadow(name, alias, percent, _topic(at), at.span(start))


def _topic(at: SourceParser) -> str:
    return at.string("a topic's name") if at.is_at(TokenType.STRING) else at.name("a topic's name")


def _reason(at: SourceParser) -> str:
    return at.string("the reason in single quotes") if at.take("BECAUSE") else ""
