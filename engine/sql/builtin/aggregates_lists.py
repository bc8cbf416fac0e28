"""Aggregates whose state is a list or a map: COLLECT, TOPK, BY_OFFSET, HISTOGRAM and the count of distinct values.

Order is that of the rows ({seq}), so that every cut into batches gives the same list. A batch's own list is made first and
then joined to the stored one, which costs one list copy a key and batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import TypeMismatch
from ..functions import AggregateFunction, AggregateSpec, Function, Generic, StateColumn
from ..types import BIGINT, BOOLEAN, INTEGER, STRING, Array, Map, SqlType, Struct, duckdb_type
from .aggregates import ANY, COMPARABLE, Resolve, overload

_ROWS = "list({0} ORDER BY {seq})"
_PRESENT = "coalesce(list({0} ORDER BY {seq}) FILTER (WHERE {0} IS NOT NULL), [])"


def without_last(items: str, value: str) -> str:
    """SQL: `items` without the last element that equals `value`."""
    place = f"(len({items}) - list_position(list_reverse({items}), {value}) + 1)"
    rest = f"list_concat({items}[:{place} - 1], {items}[{place} + 1:])"
    return f"CASE WHEN list_position({items}, {value}) IS NULL THEN {items} ELSE {rest} END"


def _collect_list(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    made = Array(types[0])
    undo = f"list_reduce({{b}}, lambda kept, x: {without_last('kept', 'x')}, {{s}})"
    state = StateColumn(duckdb_type(made), _ROWS, "list_concat({s}, {b})")
    return AggregateSpec((state,), "{0}", made, (undo,))


def _collect_set(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    made = Array(types[0])
    if isinstance(types[0], Map):  # two maps are the same in whatever order their entries lie
        same = "list_position(list_transform({l}, lambda y: list_sort(map_entries(y))), list_sort(map_entries(x)))"
    else:
        same = "list_position({l}, x)"
    partial = f"list_filter({_ROWS}, lambda x, i: {same.replace('{l}', _ROWS)} = i)"
    new = f"list_filter({{b}}, lambda x: {same.replace('{l}', '{s}')} IS NULL)"
    state = StateColumn(duckdb_type(made), partial, f"list_concat({{s}}, {new})")
    return AggregateSpec((state,), "{0}", made)


def _count_distinct(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    partial = "coalesce(list(DISTINCT {0}) FILTER (WHERE {0} IS NOT NULL), [])"
    state = StateColumn(duckdb_type(Array(types[0])), partial, "list_distinct(list_concat({s}, {b}))")
    return AggregateSpec((state,), "len({0})::BIGINT", BIGINT)


def limited(name: str, spec: AggregateSpec, settings: Mapping[str, str]) -> AggregateSpec:
    """COLLECT_LIST and COLLECT_SET hold no more values than `ksql.functions.collect_list.limit` and `…collect_set.limit`
    say, where that is not negative; what comes above it is left out."""
    text = settings.get(f"ksql.functions.{name.lower()}.limit") if name in ("COLLECT_LIST", "COLLECT_SET") else None
    if not text:
        return spec
    given = int(text) if re.fullmatch(r"\s*-?\d+\s*", text) else text
    if isinstance(given, int) and given < 0:
        return spec
    most = _whole([given], f"ksql.functions.{name.lower()}.limit")
    (state,) = spec.state
    cut = StateColumn(state.duckdb_type, f"({state.partial})[:{most}]", f"({state.merge})[:{most}]")
    return replace(spec, state=(cut,))


def _attr(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    """The values with how often each comes, and how many NULLs."""
    kind = f"MAP({duckdb_type(types[0])}, BIGINT)"
    counts, undo = counted(kind, "{0}")
    nulls = StateColumn("BIGINT", "count(*) - count({0})", "{s} + {b}")
    final = "CASE WHEN cardinality({0}) = 1 AND {1} = 0 THEN map_keys({0})[1] END"
    return AggregateSpec((counts, nulls), final, types[0], (undo, "{s} - {b}"))


def _whole(constants: Sequence[Any], name: str) -> int:
    size = constants[0]
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise TypeMismatch(f"{name} takes how many as a whole number above 0, not {size!r}")
    return size


def _topk(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    k = _whole(constants, "TOPK")
    if len(types) > 1:
        return _topk_rows(types, k)
    made = Array(types[0])
    partial = _best(_PRESENT, k)
    state = StateColumn(duckdb_type(made), partial, _best("list_concat({s}, {b})", k))
    return AggregateSpec((state,), "{0}", made)


def _best(items: str, k: int) -> str:
    return f"(list_sort({items}, 'DESC', 'NULLS LAST'))[:{k}]"


def _topk_rows(types: Sequence[SqlType], k: int) -> AggregateSpec:
    """With further columns, whole rows are kept; of equal rows the earlier comes first."""
    row = Struct((("sort_col", types[0]), *((f"col{i}", t) for i, t in enumerate(types[1:]))))
    fields = ", ".join(f"f{i} := {{{i}}}" for i in range(len(types)))
    rows = f"coalesce(list(struct_pack({fields}) ORDER BY {{seq}}) FILTER (WHERE {{0}} IS NOT NULL), [])"
    made = Array(row)
    state = StateColumn(duckdb_type(made), _best_rows(rows, k), _best_rows("list_concat({s}, {b})", k))
    return AggregateSpec((state,), "{0}", made)


def _best_rows(rows: str, k: int) -> str:
    keyed = f"list_transform({rows}, lambda r, i: struct_pack(v := r.f0, at := -i, r := r))"
    return f"list_transform((list_sort({keyed}, 'DESC'))[:{k}], lambda q: q.r)"


def _topk_distinct(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    k = _whole(constants, "TOPKDISTINCT")
    made = Array(types[0])
    partial = _best("coalesce(list(DISTINCT {0}) FILTER (WHERE {0} IS NOT NULL), [])", k)
    state = StateColumn(duckdb_type(made), partial, _best("list_distinct(list_concat({s}, {b}))", k))
    return AggregateSpec((state,), "{0}", made)


def _by_offset(earliest: bool) -> Resolve:
    """One value: (column) or (column, ignore nulls)."""

    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
        ignore = constants[0] if constants else True
        name = ("arg_min" if earliest else "arg_max") + ("" if ignore else "_null")
        first, second = ("{s}", "{b}") if earliest else ("{b}", "{s}")
        merge = f"coalesce({first}, {second})" if ignore else first
        state = StateColumn(duckdb_type(types[0]), f"{name}({{0}}, {{seq}})", merge)
        sessions = AggregateSpec((_numbered(state.duckdb_type, earliest, bool(ignore)),), _VALUE, types[0])
        return AggregateSpec((state,), "{0}", types[0], of_sessions=sessions)

    return resolve


_VALUE = "struct_extract({0}, 'v')"


def _numbered(kind: str, earliest: bool, ignore: bool) -> StateColumn:
    """The value with its number of arrival, NULL where there is none. A value without a number is of an earlier version: it
    came before those that have one."""
    present = " FILTER (WHERE {0} IS NOT NULL)" if ignore else ""
    partial = f"{'arg_min' if earliest else 'arg_max'}(struct_pack(v := {{0}}, n := {{seq}}), {{seq}}){present}"
    first, second = ("{s}", "{b}") if earliest else ("{b}", "{s}")
    sign = "<" if earliest else ">"
    number, another = (f"coalesce(struct_extract({each}, 'n'), -1)" for each in (first, second))
    other = f"{another} {sign} {number}"
    merge = f"CASE WHEN {first} IS NULL OR {other} THEN coalesce({second}, {first}) ELSE {first} END"
    former = "struct_pack(v := {s}, n := NULL::BIGINT)"
    former = f"CASE WHEN {{s}} IS NOT NULL THEN {former} END" if ignore else former
    arrived = "struct_extract({s}, 'n')"
    return StateColumn(f"STRUCT(v {kind}, n BIGINT)", partial, merge, arrived, (kind, former))


def _n_numbered(kind: str, part: str, ignore: bool) -> StateColumn:
    """The same of several values, in order of arrival; `kind` is that of one."""
    present = " FILTER (WHERE {0} IS NOT NULL)" if ignore else ""
    partial = f"(coalesce(list(struct_pack(v := {{0}}, n := {{seq}}) ORDER BY {{seq}}){present}, [])){part}"
    keyed = "list_transform(list_concat({s}, {b}), lambda x, i: struct_pack(n := coalesce(x.n, -1), at := i, x := x))"
    merge = f"(list_transform(list_sort({keyed}), lambda q: q.x)){part}"
    former = "list_transform({s}, lambda x: struct_pack(v := x, n := NULL::BIGINT))"
    arrived = "list_max(list_transform({s}, lambda x: x.n))"
    return StateColumn(f"STRUCT(v {kind}, n BIGINT)[]", partial, merge, arrived, (f"{kind}[]", former))


def _n_by_offset(earliest: bool) -> Resolve:
    """Several values: (column, n) or (column, n, ignore nulls)."""
    name = "EARLIEST_BY_OFFSET" if earliest else "LATEST_BY_OFFSET"

    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
        n = _whole(constants, name)
        ignore = constants[1] if len(constants) > 1 else True
        part = f"[:{n}]" if earliest else f"[-{n}:]"
        made = Array(types[0])
        partial = f"({_PRESENT if ignore else _ROWS}){part}"
        state = StateColumn(duckdb_type(made), partial, f"(list_concat({{s}}, {{b}})){part}")
        values = "list_transform({0}, lambda x: x.v)"
        sessions = AggregateSpec((_n_numbered(duckdb_type(types[0]), part, bool(ignore)),), values, made)
        return AggregateSpec((state,), "{0}", made, of_sessions=sessions)

    return resolve


def _histogram(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    made = Map(STRING, BIGINT)
    state, undo = counted(duckdb_type(made), "{0}")
    return AggregateSpec((state,), "{0}", made, (undo,))


_COUNTED_MAX = 1_000


def _topk_count(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    """NULL as the state: more different values than are kept. It stays so, in whatever order they came."""
    k = _whole(constants, "TOPKCOUNT")
    every, _ = counted(f"MAP({duckdb_type(types[0])}, BIGINT)", "{0}")

    def bounded(counts: str) -> str:
        return f"(list_filter([{counts}], lambda m: cardinality(m) <= {_COUNTED_MAX})[1])"

    merge = f"CASE WHEN {{s}} IS NULL OR {{b}} IS NULL THEN NULL ELSE {bounded(every.merge)} END"
    state = StateColumn(every.duckdb_type, bounded(every.partial), merge)
    ranked = "list_sort(list_transform(map_entries({0}), lambda e: struct_pack(n := -e.value, v := e.key)))"
    final = f"list_transform(({ranked})[:{k}], lambda e: struct_pack(f0 := e.v, f1 := -e.n))"
    made = Array(Struct((("VALUE", types[0]), ("COUNT", BIGINT))))
    overflow = f"more than {_COUNTED_MAX} different values for {{group}}"
    return AggregateSpec((state,), final, made, overflow=overflow)


def counted(kind: str, value: str) -> tuple[StateColumn, str]:
    """How often each value comes, as a map of DuckDB's type `kind`, and how a table's change takes counts back."""
    state = StateColumn(kind, f"coalesce(histogram({value})::{kind}, map([], [])::{kind})", _merged("+"))
    return state, f"map_from_entries(list_filter(map_entries({_merged('-')}), lambda e: e.value > 0))"


def _merged(sign: str) -> str:
    """Two maps of counts as one, with those of `b` added or taken off."""
    keys = "list_distinct(list_concat(map_keys({s}), map_keys({b})))"
    count = f"coalesce(map_extract_value({{s}}, k), 0) {sign} coalesce(map_extract_value({{b}}, k), 0)"
    return f"map_from_entries(list_transform({keys}, lambda k: struct_pack(k := k, v := {count})))"


_OFFSET_NOTE = "Rows in which the column is NULL are left out, unless the last argument is false."

FUNCTIONS: tuple[Function, ...] = (
    AggregateFunction(
        "COLLECT_LIST",
        (overload(_collect_list, ANY),),
        "All values of the column, NULLs too, in the order of the rows.",
        examples=("COLLECT_LIST(page)",),
    ),
    AggregateFunction(
        "COLLECT_SET",
        (overload(_collect_set, ANY),),
        "The different values of the column, in the order in which each came first.",
        examples=("COLLECT_SET(page)",),
    ),
    AggregateFunction(
        "COUNT_DISTINCT",
        (overload(_count_distinct, ANY),),
        "How many different values the column has, NULL not counted. Exact: the values are kept.",
        examples=("COUNT_DISTINCT(user_id)",),
    ),
    AggregateFunction(
        "TOPK",
        (
            overload(_topk, COMPARABLE, INTEGER, constants=1),
            *(
                overload(_topk, COMPARABLE, *[Generic(f"T{i}") for i in range(n)], INTEGER, constants=1)
                for n in range(1, 6)
            ),
        ),
        "The k largest values of the column, the largest first; with further columns, rows as STRUCTs.",
        examples=("TOPK(price, 3)", "TOPK(price, name, 3)"),
    ),
    AggregateFunction(
        "TOPKDISTINCT",
        (overload(_topk_distinct, COMPARABLE, INTEGER, constants=1),),
        "The k largest different values of the column, the largest first.",
        examples=("TOPKDISTINCT(price, 3)",),
    ),
    AggregateFunction(
        "TOPKCOUNT",
        (overload(_topk_count, COMPARABLE, INTEGER, constants=1),),
        "The k values that come most often, with how often each comes: ARRAY<STRUCT<VALUE, COUNT>>, of equal counts the smaller "
        "value first. Exact for up to 1,000 different values a group, NULL above that, and told in the processing log.",
        examples=("TOPKCOUNT(page, 3)",),
    ),
    AggregateFunction(
        "EARLIEST_BY_OFFSET",
        (
            overload(_by_offset(True), ANY),
            overload(_by_offset(True), ANY, BOOLEAN, constants=1),
            overload(_n_by_offset(True), ANY, INTEGER, constants=1),
            overload(_n_by_offset(True), ANY, INTEGER, BOOLEAN, constants=2),
        ),
        f"The earliest value of the column, or the n earliest as an ARRAY. {_OFFSET_NOTE}",
        examples=("EARLIEST_BY_OFFSET(status)", "EARLIEST_BY_OFFSET(status, 2)"),
    ),
    AggregateFunction(
        "LATEST_BY_OFFSET",
        (
            overload(_by_offset(False), ANY),
            overload(_by_offset(False), ANY, BOOLEAN, constants=1),
            overload(_n_by_offset(False), ANY, INTEGER, constants=1),
            overload(_n_by_offset(False), ANY, INTEGER, BOOLEAN, constants=2),
        ),
        f"The latest value of the column, or the n latest as an ARRAY. {_OFFSET_NOTE}",
        examples=("LATEST_BY_OFFSET(status)", "LATEST_BY_OFFSET(status, 2)"),
    ),
    AggregateFunction(
        "ATTR",
        (overload(_attr, ANY),),
        "The column's value where it is the same in every row, else NULL.",
        examples=("ATTR(country)",),
    ),
    AggregateFunction(
        "HISTOGRAM",
        (overload(_histogram, STRING),),
        "How often each value of the column comes, as a MAP.",
        examples=("HISTOGRAM(status)",),
    ),
)
