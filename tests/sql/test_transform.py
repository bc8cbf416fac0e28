"""TRANSFORM of a model, typed: what it makes, and what no version may depend on."""

import pytest

from mergus.engine.errors import MergusError
from mergus.engine.sql.builtin import default_registry
from mergus.engine.sql.functions import Generic, ModelCall, Overload, ScalarFunction
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.statements.model import CreateModel
from mergus.engine.sql.transform import Transform
from mergus.engine.sql.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING
from mergus.engine.sql.typing.transform import typed
from mergus.engine.sql.udf.load import function_from_source

COLUMNS = (("TEXT", STRING), ("N", INTEGER))
DICE = """from mergus import udf
@udf(deterministic=False)
def dice(n: int) -> int:
    return n
"""


def transform(items: str) -> Transform:
    statement = parse_statement(
        f"CREATE MODEL m INPUT (text STRING, n INT) TRANSFORM ({items}) WITH (provider = 'x', path = 'y')"
    )
    assert isinstance(statement, CreateModel)
    registry = default_registry()
    registry.add(function_from_source("DICE", DICE))
    other = Overload((Generic("T"),), DOUBLE, ModelCall("other"))
    registry.add(ScalarFunction("OTHER", (other,)))
    return typed(statement.before, COLUMNS, registry)


def test_columns_have_the_names_and_types_of_what_is_said() -> None:
    made = transform("LCASE(text) AS lower, n, n > 3 AS `Many`, CAST(n AS BIGINT) * 2 AS twice")
    assert made.gives == (("LOWER", STRING), ("N", INTEGER), ("Many", BOOLEAN), ("TWICE", BIGINT))
    assert str(made) == "LCASE(text) AS LOWER, n AS N, n > 3 AS `Many`, CAST(n AS BIGINT) * 2 AS TWICE"


def test_a_star_is_all_columns() -> None:
    made = transform("*, LEN(text) AS length")
    assert str(made) == "TEXT, N, LEN(text) AS LENGTH"
    assert [kind for _, kind in made.gives] == [STRING, INTEGER, INTEGER]


def test_what_is_kept_reads_the_same_again() -> None:
    made = transform("LCASE(text) AS text, n")
    again = Transform.of_json(made.as_json())
    assert (again.takes, again.gives, str(again)) == (made.takes, made.gives, str(made))


@pytest.mark.parametrize(
    ("items", "wanted", "place"),
    [
        ("LCASE(txt) AS a", "column TXT does not exist.*did you mean TEXT", "txt"),
        ("ROWTIME AS a", "column ROWTIME does not exist", "ROWTIME"),
        ("LCASE(n) AS a", "LCASE", "LCASE(n"),
        ("text AS a, n AS a", "makes A twice", "n AS a"),
        ("*, n", "makes N twice", "n"),
        ("SUM(n) AS a", "SUM is an aggregate", "SUM(n"),
        ("EXPLODE(ARRAY[n]) AS a", "EXPLODE is a table function", "EXPLODE(ARRAY[n"),
        ("other(n) AS a", "calls no model", "other(n"),
        ("n + other(n) AS a", "calls no model", "other(n"),
        ("RANDOM() AS a", "depends on nothing but its columns", "RANDOM()"),
        ("UNIX_TIMESTAMP() - n AS a", "depends on nothing but its columns", "UNIX_TIMESTAMP() - n"),
        ("dice(n) AS a", "depends on nothing but its columns", "dice(n)"),
        ("NULL AS a", "A is NULL of no type", "NULL"),
    ],
)
def test_what_is_no_function_of_the_columns_is_refused_with_its_place(items: str, wanted: str, place: str) -> None:
    with pytest.raises(MergusError, match=f"(?s){wanted}") as refused:
        transform(items)
    text = f"CREATE MODEL m INPUT (text STRING, n INT) TRANSFORM ({items})"
    assert refused.value.span is not None
    assert text[refused.value.span.start : refused.value.span.end].startswith(place)
    assert str(refused.value)


def test_a_constant_that_looks_like_the_clock_is_none() -> None:
    assert transform("text || 'now()' AS a").gives == (("A", STRING),)
