"""Arrays and maps, and the functions that take lambdas. Elements and entries that are NULL count as values, as in Java."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..compile.java_text import java_double
from ..functions import Function, SqlTemplate
from ..types import STRING, Array, Map, SqlType, Struct, duckdb_type
from .strings import LONGEST, too_long
from .table import function, overload, rows

_FIRST_OF_EACH = "list_filter({0}, lambda x, i: list_position({0}, x) = i)"
_STEP = "CASE WHEN {0} <= {1} THEN 1 ELSE -1 END"
_FROM, _TO = "coalesce({1}, 1)", "coalesce({2}, len({0}))"
_SLICE = f"CASE WHEN {_FROM} >= 1 AND {_TO} <= len({{0}}) AND {_FROM} <= {_TO} + 1 THEN ({{0}})[{_FROM}:{_TO}] END"


def _resized(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    assert isinstance(result, Array)
    items, length = args[:2]
    value = f"CAST({args[2] if len(args) > 2 else 'NULL'} AS {duckdb_type(result.item)})"
    within = f"greatest(0, least({LONGEST}, coalesce({length}, 0)))"  # a constant is worked out though it is not taken
    return (
        f"CASE WHEN {items} IS NULL OR {length} IS NULL OR {length} < 0 THEN NULL WHEN {length} > {LONGEST} "
        f"THEN {too_long(length, f'VARCHAR::{duckdb_type(result)}')} ELSE list_resize({items}, {within}, {value}) END"
    )


def _top(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """Of equal scores the first; NaN, which would be the largest, is none."""
    scores, labels, count = args
    placed = f"list_transform({scores}, lambda s, i: {{'s': s, 'at': -i}})"
    known = f"list_filter({placed}, lambda e: e.s IS NOT NULL AND NOT isnan(CAST(e.s AS DOUBLE)))"
    first = f"list_reverse_sort({known})[1:greatest({count}, 0)]"
    made = f"list_transform({first}, lambda e: {{'f0': ({labels})[-e.at], 'f1': e.s}})"
    return f"CASE WHEN {labels} IS NOT NULL AND {count} IS NOT NULL THEN {made} END"


def _labelled(types: Sequence[SqlType]) -> SqlType:
    assert isinstance(types[0], Array)
    return Array(Struct((("LABEL", STRING), ("SCORE", types[0].item))))


def _map_sorted(descending: bool) -> str:
    return "list_sort({0}, 'DESC', 'NULLS LAST')" if descending else "list_sort({0}, 'ASC', 'NULLS LAST')"


def _first_of_each(items: str) -> str:
    return f"list_filter({items}, lambda x, i: list_position({items}, x) = i)"


def _union(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    both = f"list_concat({args[0]}, {args[1]})"
    return f"CASE WHEN {args[0]} IS NULL OR {args[1]} IS NULL THEN NULL ELSE {_first_of_each(both)} END"


def _kept(present: str) -> SqlTemplate:
    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        left, right = args
        kept = f"list_filter({left}, lambda x: list_position({right}, x) IS {present})"
        return f"CASE WHEN {right} IS NULL THEN NULL ELSE {_first_of_each(kept)} END"

    return SqlTemplate(render)


def _entries(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    ordered = f"list_sort(map_entries({args[0]}))"
    made = f"list_transform(map_entries({args[0]}), lambda e: {{'f0': e.key, 'f1': e.value}})"
    sorted_ = f"list_transform({ordered}, lambda e: {{'f0': e.key, 'f1': e.value}})"
    return f"CASE WHEN {args[1]} THEN {sorted_} ELSE {made} END"


def _entry_list(types: Sequence[SqlType]) -> SqlType:
    assert isinstance(types[0], Map)
    return Array(Struct((("K", types[0].key), ("V", types[0].value))))


def _as_map(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """A key without a value has NULL; of equal keys the last one counts."""
    keys = f"list_transform({args[0]}, lambda k: coalesce(k, 'null'))"
    last = f"list_filter(range(len({keys})), lambda n: list_position(({keys})[n + 2:], ({keys})[n + 1]) IS NULL)"
    pairs = f"list_transform({last}, lambda n: {{'k': ({keys})[n + 1], 'v': ({args[1]})[n + 1]}})"
    made = f"map_from_entries({pairs})"
    return f"CASE WHEN {args[0]} IS NOT NULL AND {args[1]} IS NOT NULL THEN {made} END"


def _map_union(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    first, second = args
    only = f"WHEN {first} IS NULL THEN {second} WHEN {second} IS NULL THEN {first}"
    return f"CASE {only} ELSE map_concat({first}, {second}) END"


def _body(text: str) -> tuple[list[str], str]:
    """The parameters and the body of a compiled lambda."""
    head, _, body = text.removeprefix("lambda ").partition(": ")
    return head.split(", "), body


def _let(names: list[str], body: str, entry: str) -> str:
    """`body` with the two parameters standing for an entry's key and value."""
    for name, part in zip(names, ("key", "value"), strict=True):
        body = re.sub(rf"\b{name}\b", f"{entry}.{part}", body)
    return body


def _transform_map(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    (key_names, key), (value_names, value) = _body(args[1]), _body(args[2])
    entry = f"{key_names[0]}e"
    made = f"{{'k': {_let(key_names, key, entry)}, 'v': {_let(value_names, value, entry)}}}"
    return _without_nulls(f"map_from_entries(list_transform(map_entries({args[0]}), lambda {entry}: {made}))")


def _without_nulls(made: str) -> str:
    """The map that lambdas make, NULL where one of its values is: ksqlDB collects them in a way that takes none."""
    whole = "len(list_filter(map_values(m), lambda v: v IS NULL)) = 0"
    return f"(list_transform([{made}], lambda m: CASE WHEN {whole} THEN m END))[1]"


def _filter_map(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    names, body = _body(args[1])
    entry = f"{names[0]}e"
    return _without_nulls(
        f"map_from_entries(list_filter(map_entries({args[0]}), lambda {entry}: {_let(names, body, entry)}))"
    )


def _reduce(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    names, body = _body(args[2])
    start = f"CAST({args[1]} AS {duckdb_type(result)})"
    folded = f"list_reduce({args[0]}, lambda {', '.join(names)}: CAST({body} AS {duckdb_type(result)}), {start})"
    return f"CASE WHEN {args[0]} IS NULL THEN {start} ELSE {folded} END"


def _reduce_map(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    (state, *rest), body = _body(args[2])
    entry = f"{state}e"
    start = f"CAST({args[1]} AS {duckdb_type(result)})"
    step = f"lambda {state}, {entry}: CAST({_let(rest, body, entry)} AS {duckdb_type(result)})"
    return f"CASE WHEN {args[0]} IS NULL THEN {start} ELSE list_reduce(map_entries({args[0]}), {step}, {start}) END"


def _series(kind: str) -> str:
    """By steps that are given; those that do not lead from the first number to the second fail, by a cast that cannot be
    done: DuckDB's own `error` may not stand where failures are caught."""
    astray = "{2} = 0 OR ({0} < {1} AND {2} < 0) OR ({0} > {1} AND {2} > 0)"
    why = "'steps of ' || {2} || ' do not lead from the first number to the second'"
    return f"CASE WHEN {astray} THEN ({why})::{kind}[] ELSE {_bounded('{2}', kind)} END"


def _bounded(step: str, kind: str) -> str:
    """The series, where it is not too long."""
    count = f"(abs({{1}}::HUGEINT - {{0}}) // nullif(abs(({step})::HUGEINT), 0) + 1)"
    last = f"CASE WHEN {count} > {LONGEST} THEN {{0}} ELSE {{1}} END"  # a constant is worked out though it is not taken
    series = f"generate_series({{0}}, {last}, {step})::{kind}[]"
    return f"CASE WHEN {count} > {LONGEST} THEN {too_long(count, f'VARCHAR::{kind}[]')} ELSE {series} END"


def _joined(separator: str) -> str:
    """Elements as text with a separator that may differ by row (DuckDB's own function wants a constant)."""
    texts = "list_transform({0}, lambda x: coalesce(x::VARCHAR, 'null'))"
    folded = f"list_reduce({texts}, lambda a, b: a || {separator} || b)"
    return f"CASE WHEN len({{0}}) = 0 THEN '' ELSE {folded} END"


def _joined_numbers(items: list[Any] | None, separator: str | None = ",") -> str | None:
    """Row by row: DuckDB writes DOUBLEs otherwise than Java."""
    if items is None:
        return None
    return (separator or "").join(
        "null" if v is None else java_double(v) if isinstance(v, float) else f"{v:f}" for v in items
    )


FUNCTIONS: tuple[Function, ...] = (
    function(
        "ARRAY_LENGTH",
        "How many elements the array has.",
        "ARRAY",
        overload("ARRAY<T> -> INTEGER", "len({0})::INTEGER"),
        examples=("ARRAY_LENGTH(items)",),
    ),
    function(
        "ARRAY_CONTAINS",
        "Whether the array holds the value.",
        "ARRAY",
        overload(
            "ARRAY<T>, T -> BOOLEAN", "CASE WHEN {0} IS NULL THEN false ELSE list_position({0}, {1}) IS NOT NULL END"
        ),
        examples=("ARRAY_CONTAINS(tags, 'new')",),
    ),
    function(
        "ARRAY_MAX",
        "The largest element that is not NULL.",
        "ARRAY",
        overload("ARRAY<T> -> T", "list_max({0})"),
        examples=("ARRAY_MAX(prices)",),
    ),
    function(
        "ARRAY_MIN",
        "The smallest element that is not NULL.",
        "ARRAY",
        overload("ARRAY<T> -> T", "list_min({0})"),
        examples=("ARRAY_MIN(prices)",),
    ),
    function(
        "ARRAY_POSITION",
        "Where in the array the value comes first, counted from 1; 0 where it does not, NULL where array or value is.",
        "ARRAY",
        overload(
            "ARRAY<T>, T -> INTEGER",
            "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL ELSE CAST(coalesce(list_position({0}, {1}), 0) AS INTEGER) END",
        ),
        examples=("labels[ARRAY_POSITION(scores, ARRAY_MAX(scores))]",),
    ),
    function(
        "ARRAY_SORT",
        "The array in order, NULLs last; 'DESC' for the other direction; NULL where that is neither 'ASC' nor 'DESC'.",
        "ARRAY",
        overload("ARRAY<T> -> ARRAY<T>", _map_sorted(False)),
        overload(
            "ARRAY<T>, STRING -> ARRAY<T>",
            f"CASE WHEN upper({{1}}) IN ('DESC', 'DESCENDING') THEN {_map_sorted(True)} "
            f"WHEN upper({{1}}) IN ('ASC', 'ASCENDING') THEN {_map_sorted(False)} END",
        ),
        examples=("ARRAY_SORT(prices, 'DESC')",),
    ),
    function(
        "ARRAY_REMOVE",
        "The array without the elements equal to the value.",
        "ARRAY",
        overload("ARRAY<T>, T -> ARRAY<T>", "list_filter({0}, lambda x: x IS DISTINCT FROM {1})"),
        examples=("ARRAY_REMOVE(tags, 'old')",),
    ),
    function(
        "ARRAY_DISTINCT",
        "The different elements, in order of first appearance.",
        "ARRAY",
        overload("ARRAY<T> -> ARRAY<T>", _FIRST_OF_EACH),
        examples=("ARRAY_DISTINCT(tags)",),
    ),
    function(
        "ARRAY_EXCEPT",
        "The different elements of the first array that the second lacks.",
        "ARRAY",
        overload("ARRAY<T>, ARRAY<T> -> ARRAY<T>", _kept("NULL")),
        examples=("ARRAY_EXCEPT(a, b)",),
    ),
    function(
        "ARRAY_INTERSECT",
        "The different elements that both arrays hold.",
        "ARRAY",
        overload("ARRAY<T>, ARRAY<T> -> ARRAY<T>", _kept("NOT NULL")),
        examples=("ARRAY_INTERSECT(a, b)",),
    ),
    function(
        "ARRAY_UNION",
        "The different elements of both arrays.",
        "ARRAY",
        overload("ARRAY<T>, ARRAY<T> -> ARRAY<T>", SqlTemplate(_union)),
        examples=("ARRAY_UNION(a, b)",),
    ),
    function(
        "ARRAY_CONCAT",
        "The elements of the first array, then those of the second; NULL where both are.",
        "ARRAY",
        overload(
            "ARRAY<T>, ARRAY<T> -> ARRAY<T>",
            "CASE WHEN {0} IS NOT NULL OR {1} IS NOT NULL THEN list_concat({0}, {1}) END",
        ),
        examples=("ARRAY_CONCAT(a, b)",),
    ),
    function(
        "ARRAY_JOIN",
        "The elements as text, with a separator between them (',' when none is given).",
        "ARRAY",
        *(
            overload(f"ARRAY<{item}>{more} -> STRING", _joined(separator))
            for item in ("STRING", "BOOLEAN", "INTEGER", "BIGINT")
            for more, separator in (("", "','"), (", STRING", "coalesce({1}, '')"))
        ),
        *(
            overload(f"ARRAY<{item}>{more} -> STRING", rows("array_join", _joined_numbers, null=True))
            for item in ("DECIMAL", "DOUBLE")
            for more in ("", ", STRING")
        ),
        examples=("ARRAY_JOIN(tags, ', ')",),
    ),
    function(
        "SLICE",
        "The elements from one place to another, counted from 1, both included; NULL for either is the array's own end, and for a"
        " place outside the answer.",
        "ARRAY",
        overload("ARRAY<T>, INTEGER, INTEGER -> ARRAY<T>", _SLICE),
        examples=("SLICE(items, 1, 3)",),
    ),
    function(
        "ARRAY_RESIZE",
        "The array at a length, cut off or filled up with the value (NULL unless told); of 16,777,216 elements at the most,"
        " NULL for a negative length.",
        "ARRAY",
        overload("ARRAY<T>, INTEGER -> ARRAY<T>", SqlTemplate(_resized)),
        overload("ARRAY<T>, INTEGER, T -> ARRAY<T>", SqlTemplate(_resized)),
        examples=("ARRAY_RESIZE(apps, 16, '')",),
    ),
    function(
        "TOP_N",
        "The highest scores, so many, each with the label at its place: STRUCTs of LABEL and SCORE, the highest first.",
        "ARRAY",
        *(
            overload(f"ARRAY<{kind}>, ARRAY<STRING>, INTEGER -> ARRAY<{kind}>", SqlTemplate(_top), _labelled)
            for kind in ("FLOAT", "DOUBLE")
        ),
        examples=("TOP_N(m(photo), ARRAY['cat', 'dog', 'fox'], 2)[1]->label",),
    ),
    function(
        "GENERATE_SERIES",
        "The whole numbers from the first argument to the second, both included, by steps of the third (1 or -1);"
        " 16,777,216 at the most.",
        "ARRAY",
        overload("INTEGER, INTEGER -> ARRAY<INTEGER>", _bounded(_STEP, "INTEGER")),
        overload("BIGINT, BIGINT -> ARRAY<BIGINT>", _bounded(_STEP, "BIGINT")),
        overload("INTEGER, INTEGER, INTEGER -> ARRAY<INTEGER>", _series("INTEGER")),
        overload("BIGINT, BIGINT, INTEGER -> ARRAY<BIGINT>", _series("BIGINT")),
        examples=("GENERATE_SERIES(1, 10, 2)",),
    ),
    function(
        "ENTRIES",
        "The entries of the map as STRUCTs of K and V, in order of K when the second argument is true.",
        "MAP",
        overload("MAP<STRING, V>, BOOLEAN -> ARRAY<V>", SqlTemplate(_entries), _entry_list),
        examples=("ENTRIES(counts, true)",),
    ),
    function(
        "MAP_KEYS",
        "The keys of the map.",
        "MAP",
        overload("MAP<K, V> -> ARRAY<K>", "map_keys({0})"),
        examples=("MAP_KEYS(counts)",),
    ),
    function(
        "MAP_VALUES",
        "The values of the map.",
        "MAP",
        overload("MAP<K, V> -> ARRAY<V>", "map_values({0})"),
        examples=("MAP_VALUES(counts)",),
    ),
    function(
        "MAP_UNION",
        "The entries of both maps; the second's win.",
        "MAP",
        overload("MAP<K, V>, MAP<K, V> -> MAP<K, V>", SqlTemplate(_map_union)),
        examples=("MAP_UNION(a, b)",),
    ),
    function(
        "AS_MAP",
        "A map from an array of keys and an array of values.",
        "MAP",
        overload("ARRAY<STRING>, ARRAY<V> -> MAP<STRING, V>", SqlTemplate(_as_map)),
        examples=("AS_MAP(ARRAY['a'], ARRAY[1])",),
    ),
    function(
        "TRANSFORM",
        "Every element by a lambda, or every entry of a map by one for keys and one for values.",
        "LAMBDA",
        overload("ARRAY<T>, (T) => U -> ARRAY<U>", "list_transform({0}, {1})"),
        overload("MAP<K, V>, (K, V) => R, (K, V) => S -> MAP<R, S>", SqlTemplate(_transform_map)),
        examples=("TRANSFORM(prices, x => x * 2)",),
    ),
    function(
        "FILTER",
        "The elements, or the entries of a map, for which the lambda is true.",
        "LAMBDA",
        overload("ARRAY<T>, (T) => BOOLEAN -> ARRAY<T>", "list_filter({0}, {1})"),
        overload("MAP<K, V>, (K, V) => BOOLEAN -> MAP<K, V>", SqlTemplate(_filter_map)),
        examples=("FILTER(prices, x => x > 10)",),
    ),
    function(
        "REDUCE",
        "One value from all elements or entries: the lambda takes the state so far and gives the next.",
        "LAMBDA",
        overload("ARRAY<T>, S, (S, T) => S -> S", SqlTemplate(_reduce)),
        overload("MAP<K, V>, S, (S, K, V) => S -> S", SqlTemplate(_reduce_map)),
        examples=("REDUCE(prices, 0, (total, x) => total + x)",),
    ),
)
