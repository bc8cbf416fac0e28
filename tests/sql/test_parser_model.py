"""The grammar of models."""

import pytest

from mergus.engine.errors import ParseError
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.statements.model import (
    CreateModel,
    DescribeModel,
    DropAlias,
    DropModel,
    Rollback,
    SetAlias,
    SetShadow,
    SetSplit,
)
from mergus.engine.sql.types import STRING, Vector


def test_create_takes_columns_and_properties() -> None:
    made = parse_statement(
        "CREATE OR REPLACE MODEL m INPUT (text STRING) OUTPUT (v FLOAT[4]) WITH (PROVIDER='x', path='y')"
    )
    assert isinstance(made, CreateModel)
    assert (made.name, made.inputs, made.outputs) == ("M", (("TEXT", STRING),), (("V", Vector(4)),))
    assert made.or_replace
    assert [p.name for p in made.properties] == ["PROVIDER", "PATH"]


def test_create_without_columns() -> None:
    made = parse_statement("CREATE MODEL IF NOT EXISTS m WITH (provider='x')")
    assert isinstance(made, CreateModel)
    assert made.if_not_exists
    assert made.inputs is None
    assert made.outputs is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ALTER MODEL m SET ALIAS champion = 4", ("CHAMPION", 4, "")),
        ("ALTER MODEL m SET ALIAS champion = 4 BECAUSE 'it is better'", ("CHAMPION", 4, "it is better")),
    ],
)
def test_set_alias(text: str, wanted: tuple[str, int, str]) -> None:
    made = parse_statement(text)
    assert isinstance(made, SetAlias)
    assert (made.alias, made.version, made.reason) == wanted


def test_rollback_drop_and_looking() -> None:
    def plain(text: str) -> object:
        made = parse_statement(text)
        object.__setattr__(made, "span", None)
        return made

    assert plain("ALTER MODEL m ROLLBACK") == Rollback("M")
    assert plain("ALTER MODEL m ROLLBACK beta BECAUSE 'x'") == Rollback("M", "BETA", "x")
    assert plain("ALTER MODEL m DROP ALIAS beta BECAUSE 'x'") == DropAlias("M", "BETA", "x")
    assert plain("ALTER MODEL m RESET ALIAS beta") == DropAlias("M", "BETA")
    assert plain("DROP MODEL m$3") == DropModel("M", 3)
    assert plain("DROP MODEL IF EXISTS m") == DropModel("M", if_exists=True)
    assert plain("DESCRIBE MODEL m") == DescribeModel("M")
    assert plain("SHOW MODEL HISTORY m") == DescribeModel("M", "HISTORY")
    assert plain("SHOW CREATE MODEL m") == DescribeModel("M", "CREATE")
    assert plain("ALTER MODEL m RESET SPLIT") == SetSplit("M", ())
    assert plain("ALTER MODEL m SET SHADOW beta INTO t") == SetShadow("M", "BETA", 100, "T")
    assert plain("ALTER MODEL m SET SHADOW beta SAMPLE 10 PERCENT INTO 't'") == SetShadow("M", "BETA", 10, "t")
    assert plain("ALTER MODEL m RESET SHADOW") == SetShadow("M")


def test_split_takes_shares_and_keys() -> None:
    made = parse_statement("ALTER MODEL m SET SPLIT (champion 90, challenger 10) BY user_id, shop")
    assert isinstance(made, SetSplit)
    assert made.arms == (("CHAMPION", 90), ("CHALLENGER", 10))
    assert made.by == ("USER_ID", "SHOP")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE MODEL m",
        "CREATE MODEL m INPUT (a INT, a INT) WITH (path='x')",
        "CREATE MODEL m$3 WITH (path='x')",
        "ALTER MODEL m$3 SET ALIAS champion = 3",
        "ALTER MODEL m SET ALIAS champion = best",
        "ALTER MODEL m SET SPLIT (a 0, b 0)",
        "ALTER MODEL m SET SPLIT (a 1, a 2)",
        "CREATE OR REPLACE MODEL IF NOT EXISTS m WITH (path='x')",
        "SELECT m@(a) FROM s",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_statement(text)


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("ALTER MODEL m RENAME TO n", "a model keeps its name", "RENAME"),
        ("ALTER MODEL m SET ('k' = 'v')", "a version never changes", "SET"),
        ("CREATE TEMPORARY MODEL m WITH (path='x')", "a model lasts until it is dropped", "TEMPORARY"),
        ("DROP MODEL m$all", "M\\$ALL is no version", "m$all"),
        ("SELECT MODEL_VERSION(a + 1) FROM s", "takes a model's call", "a + 1"),
        ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m)", "wants LABEL", "ML_EVALUATE(TABLE s, MODEL m)"),
        ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(a, b))", "one column", "DESCRIPTOR(a, b)"),
        ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m, TASK => 'art')", "a task is", "'art'"),
        ("SELECT * FROM ML_PREDICT(TABLE s, MODEL m, LABEL => 1)", "has no LABEL", "LABEL"),
        ("SELECT * FROM ML.PREDICT(MODEL m, (SELECT * FROM s))", "a query does not stand here", "("),
        ("ALTER MODEL m SET CANARY b 9 PERCENT FOR 1 DAY ROLLBACK WHEN ERROR_RATE > 5", "a share of the rows", "5"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, said: str, place: str) -> None:
    with pytest.raises(ParseError, match=said) as refused:
        parse_statement(text)
    span = refused.value.span
    assert span is not None
    assert text[span.start : span.end] == place


def test_transforms_stand_behind_the_columns_that_they_take() -> None:
    made = parse_statement(
        "CREATE MODEL m INPUT (a STRING, b STRING) TRANSFORM (LCASE( a ) AS text, b, *)"
        " OUTPUT (score DOUBLE) TRANSFORM (score > 0.5 alarm) WITH (provider = 'x')"
    )
    assert isinstance(made, CreateModel)
    assert [(i.name, i.text) for i in made.before] == [("TEXT", "LCASE( a )"), ("B", "b"), ("*", "*")]
    assert [(i.name, i.text) for i in made.after] == [("ALARM", "score > 0.5")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("INPUT (a INT) TRANSFORM (a + 1) WITH (provider = 'x')", r"unexpected \), expected AS and a name"),
        ("INPUT (a INT) TRANSFORM () WITH (provider = 'x')", r"unexpected \), expected an expression"),
        ("INPUT (a INT) TRANSFORM a AS b WITH (provider = 'x')", r"unexpected a, expected \("),
        ("TRANSFORM (a AS b) INPUT (a INT) WITH (provider = 'x')", "TRANSFORM stands behind the columns that it takes"),
        ("OUTPUT (a INT) TRANSFORM (a) TRANSFORM (a) WITH (provider = 'x')", "TRANSFORM stands behind"),
    ],
)
def test_a_transform_out_of_place_is_refused_with_its_place(text: str, wanted: str) -> None:
    with pytest.raises(ParseError, match=wanted) as refused:
        parse_statement(f"CREATE MODEL m {text}")
    assert refused.value.span is not None
