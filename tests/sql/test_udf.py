"""User functions: types from annotations, NULLs, failures of one row, files, source text, and errors that name the place."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlglot

from mergus.engine.errors import Conflict, UserError
from mergus.engine.sql.builtin import default_registry
from mergus.engine.sql.compile.expression import bind_functions, compile_sql
from mergus.engine.sql.dialect import Ksql
from mergus.engine.sql.functions import AggregateFunction, FunctionRegistry, PythonAggregate, TableFunction
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.scope import SchemaScope
from mergus.engine.sql.types import BIGINT, STRING, parse_type
from mergus.engine.sql.typing.calls import aggregate_use, table_use
from mergus.engine.sql.udf.declare import udaf, udf, udtf
from mergus.engine.sql.udf.load import function_from_source, load_functions

from .evaluating import evaluate

COLUMNS = {"T": "STRING", "I": "BIGINT", "M": "MAP<STRING, BIGINT>", "R": "STRUCT<X INTEGER, Y STRING>"}
ROW = ["hello", 3, {"a": 1}, {"X": 1, "Y": "y"}]
NULLS: list[Any] = [None] * 4


def _with(*functions: Any) -> FunctionRegistry:
    registry = default_registry()
    for function in functions:
        registry.add(function.sql_function())
    return registry


def test_types_come_from_annotations() -> None:
    @udf
    def shout(text: str, times: int) -> str:
        """Louder."""
        return text.upper() * times

    function = shout.sql_function()
    assert (function.name, function.description) == ("SHOUT", "Louder.")
    assert evaluate("shout(T, I)", COLUMNS, [ROW, NULLS], _with(shout)) == ["HELLOHELLOHELLO", None]
    assert shout("a", 2) == "AA"


def test_maps_structs_lists_and_times_are_plain_python() -> None:
    @udf(params=["MAP<STRING, BIGINT>", "STRUCT<X INTEGER, Y STRING>"], returns="STRUCT<A ARRAY<STRING>, B TIMESTAMP>")
    def mixed(counts: dict[str, int], row: dict[str, Any]) -> dict[str, Any]:
        return {"A": [*counts, row["Y"]], "b": datetime.datetime(2020, 1, row["X"])}

    got = evaluate("mixed(M, R)", COLUMNS, [ROW], _with(mixed))
    assert got == [{"A": ["a", "y"], "B": datetime.datetime(2020, 1, 1)}]


def test_a_parameter_that_may_be_none_gets_null() -> None:
    @udf
    def described(text: str | None, count: int) -> str:
        return f"{text}:{count}"

    rows = [ROW, [None, 1, None, None], NULLS]
    assert evaluate("described(T, I)", COLUMNS, rows, _with(described)) == ["hello:3", "None:1", None]


def test_a_function_that_raises_spoils_its_row_only() -> None:
    @udf
    def inverse(x: int) -> float:
        return 1 / x

    assert evaluate("inverse(I)", COLUMNS, [ROW, ["", 0, None, None], ROW], _with(inverse)) == [1 / 3, "FAILS", 1 / 3]


def test_a_result_of_another_type_is_a_failure() -> None:
    @udf
    def wrong(x: int) -> str:
        return x  # type: ignore[return-value]

    assert evaluate("wrong(I)", COLUMNS, [ROW], _with(wrong)) == ["FAILS"]


def test_vectorized_functions_get_arrow_arrays_without_nulls() -> None:
    seen: list[int] = []

    @udf(vectorized=True, params=["BIGINT"], returns="BIGINT")
    def doubled(values: pa.Array) -> pa.Array:
        seen.append(values.null_count)
        return pc.multiply(values, 2)

    assert evaluate("doubled(I)", COLUMNS, [ROW, NULLS, ROW], _with(doubled)) == [6, None, 6]
    assert seen == [0]


def test_a_vectorized_function_must_answer_for_every_row() -> None:
    @udf(vectorized=True, params=["BIGINT"], returns="BIGINT")
    def short(values: pa.Array) -> pa.Array:
        return values.slice(1)

    assert evaluate("short(I)", COLUMNS, [ROW, ROW], _with(short)) == ["FAILS", "FAILS"]


def test_variadic_generic_and_decimal_signatures() -> None:
    @udf
    def longest(*texts: str) -> str:
        return max(texts, key=len)

    @udf(params=["ARRAY<T>", "BIGINT"], returns="ARRAY<T>")
    def repeated(items: list[Any], count: int) -> list[Any]:
        return items * count

    @udf(params=["DECIMAL(6, 2)"], returns="DECIMAL(6, 2)")
    def halved(amount: Decimal) -> Decimal:
        return amount / 2

    registry = _with(longest, repeated, halved)
    assert evaluate("longest(T, 'a', 'much longer')", COLUMNS, [ROW], registry) == ["much longer"]
    assert evaluate("repeated(ARRAY['x'], 2)", COLUMNS, [ROW], registry) == [["x", "x"]]
    assert evaluate("repeated(ARRAY[R], 1)", COLUMNS, [ROW], registry) == [[{"X": 1, "Y": "y"}]]
    assert evaluate("halved(5.5)", COLUMNS, [ROW], registry) == [Decimal("2.75")]


def test_a_function_without_arguments() -> None:
    @udf(deterministic=False)
    def answer() -> int:
        return 42

    assert evaluate("answer()", COLUMNS, [ROW, ROW], _with(answer)) == [42, 42]


def test_table_functions_yield_rows() -> None:
    @udtf
    def words(text: str) -> Iterator[str]:
        yield from text.split("l")

    scope = SchemaScope(Schema(tuple(ColumnDef(n, parse_type(t)) for n, t in COLUMNS.items())))
    use = table_use(sqlglot.parse_one("words(T)", read=Ksql), scope, _with(words))
    assert str(use.item) == "STRING"
    with duckdb.connect() as connection:
        bind_functions(connection, [use.call])
        connection.execute("CREATE TABLE batch AS SELECT 'hello' AS c0")
        assert connection.execute(f"SELECT {compile_sql(use.call)} FROM batch").fetchall() == [(["he", "", "o"],)]
    assert isinstance(words.sql_function(), TableFunction)


def test_aggregates_are_classes_whose_states_are_stored() -> None:
    @udaf(state="STRUCT<SEEN MAP<STRING, BIGINT>>")
    class MostOften:
        """The most frequent text."""

        def __init__(self, least: int) -> None:
            self.least = least

        def initialize(self) -> dict[str, Any]:
            return {"SEEN": {}}

        def aggregate(self, text: str, state: dict[str, Any]) -> dict[str, Any]:
            seen = {**state["SEEN"], text: state["SEEN"].get(text, 0) + 1}
            return {"SEEN": seen}

        def merge(self, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
            keys = {**left["SEEN"], **right["SEEN"]}
            return {"SEEN": {k: left["SEEN"].get(k, 0) + right["SEEN"].get(k, 0) for k in keys}}

        def map(self, state: dict[str, Any]) -> str | None:
            word, count = max(state["SEEN"].items(), key=lambda e: e[1])
            return word if count >= self.least else None

    entry = MostOften.sql_function()
    assert isinstance(entry, AggregateFunction)
    scope = SchemaScope(Schema((ColumnDef("T", parse_type("STRING")),)))
    use = aggregate_use(sqlglot.parse_one("MostOften(T, 2)", read=Ksql), scope, _with(MostOften))
    assert isinstance(use.spec, PythonAggregate)
    assert str(use.spec.type) == "STRING"
    aggregator = use.spec.aggregator
    state = aggregator.initialize()
    for text in "abb":
        state = aggregator.aggregate(text, state)
    assert state == {"f0": [("a", 1), ("b", 2)]}
    assert aggregator.map(aggregator.merge(state, state)) == "b"
    assert aggregator.map(aggregator.aggregate("x", aggregator.initialize())) is None


def test_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "_shared.py").write_text("raise RuntimeError('not to be loaded')\n")
    (tmp_path / "text.py").write_text(
        "from mergus import udf\n\n@udf\ndef twice(t: str) -> str:\n    return t * 2\n\n"
        "@udf(name='twice')\ndef twice_int(i: int) -> int:\n    return i * 2\n"
    )
    (function,) = load_functions(tmp_path)
    registry = default_registry()
    registry.add(function)
    assert evaluate("CONCAT(twice(T), CAST(twice(I) AS STRING))", COLUMNS, [ROW], registry) == ["hellohello6"]
    with pytest.raises(Conflict, match="TWICE exists already"):
        registry.add(function)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(x) -> int:\n    return x", "parameter x has no annotation"),
        ("def f(x: int):\n    return x", "its result has no annotation"),
        ("def f(x: int) -> int\n    return x", "line 1"),
        ("def g(x: int) -> int:\n    return x", "f is not defined in its text"),
        ("def f(x: complex) -> int:\n    return 1", "no SQL type is known for complex"),
        ("def f(x: Missing) -> int:\n    return 1", "Missing"),
        ("import nonexistent_module_of_nobody", "ModuleNotFoundError"),
        ("def f(x: int, *, y: int) -> int:\n    return 1", "no keyword arguments"),
    ],
)
def test_a_text_that_is_no_function_is_its_authors_error(source: str, words: str) -> None:
    with pytest.raises(UserError) as raised:
        function_from_source("f", source)
    assert words in str(raised.value)


def test_a_file_that_does_not_run_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ny = x / 0\n")
    with pytest.raises(UserError) as raised:
        load_functions(tmp_path)
    assert "broken.py" in str(raised.value)
    assert "line 2" in str(raised.value)


def test_source_text_with_helpers_replaced_while_the_old_one_runs() -> None:
    first = function_from_source("next_one", "STEP = 1\n\ndef next_one(x: int) -> int:\n    return x + STEP\n")
    second = function_from_source("next_one", "def next_one(x: int) -> int:\n    return x + 100\n")
    registry = default_registry()
    registry.add(first)
    assert evaluate("NEXT_ONE(I)", COLUMNS, [ROW], registry) == [4]
    registry.add(second, replace=True)
    assert evaluate("NEXT_ONE(I)", COLUMNS, [ROW], registry) == [103]


def test_a_statement_declares_the_types_of_a_text_without_annotations() -> None:
    types = [parse_type("INTEGER")]
    function = function_from_source(
        "half", "def half(x):\n    return x / 2\n", params=types, returns=parse_type("DOUBLE")
    )
    registry = default_registry()
    registry.add(function)
    assert evaluate("HALF(CAST(I AS INTEGER))", COLUMNS, [ROW], registry) == [1.5]


class _Longest:
    """How long the longest of several texts is, from a least length on."""

    def __init__(self, least: int, *more: int) -> None:
        self.least = max([least, *more])

    def initialize(self) -> int:
        return self.least

    def aggregate(self, text: str | None, state: int) -> int:
        return max(state, len(text or ""))

    def merge(self, earlier: int, later: int) -> int:
        return max(earlier, later)

    def map(self, state: int) -> int:
        return state


def test_an_aggregate_s_constants_may_repeat():
    (overload,) = udaf(_Longest).sql_function().overloads
    assert overload.constants_of(2) == 1
    assert overload.constants_of(4) == 3
    made = overload.resolve([STRING], [3, 7, 5]).aggregator
    assert made.aggregate("ab", made.initialize()) == 7


class _Pairs:
    """Rows as lists."""

    def initialize(self) -> list[str]:
        return []

    def aggregate(self, first, *rest, state):
        return [*state, first]

    def merge(self, earlier, later):
        return earlier + later

    def map(self, state):
        return state


def test_an_aggregate_s_types_may_be_bound_by_its_arguments():
    (overload,) = udaf(_Pairs, params=["T", "U…"], state="ARRAY<T>", returns="ARRAY<T>").sql_function().overloads
    found = overload.resolve([BIGINT, STRING, STRING], [])
    assert str(found.type) == "ARRAY<BIGINT>"
    assert found.aggregator.aggregate((1, "a", "b"), []) == [1]
    assert overload.constants_of(3) == 0
