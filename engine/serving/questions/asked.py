"""Models asked about rows that a query which is answered once has laid into a table, in the host where their queries run.

Rows go there some thousands at a time, as in a query that goes on: of these, equal inputs are computed once. What a model fails
on is NULL, and told to the processing log.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from ...inference.versions.registered import RegisteredModel
from ...operators.operator import Failure, Report
from ...plan.pull.asked import Ask, Laid
from ...runtime.pull.scan import PIECE_ROWS
from ...sql.types import arrow_type, duckdb_type
from ...state.duckdb import fetch

Infer = Callable[[Any, pa.Table], tuple[pa.Table, list[tuple[int, str]]]]
"""A model's answers to rows: c0 the values, c1 the version of each, and (row, reason) of those that failed."""


def lay(connection: duckdb.DuckDBPyConnection, laid: Laid, infer: Infer, report: Report) -> None:
    """Make the table, and beside it that of the models' answers. Raises what `infer` does."""
    connection.execute(f"CREATE TEMP TABLE {laid.name} AS {laid.sql}")
    if not laid.asks:
        return
    pieces = _rows(connection, laid)
    first = next(pieces)
    if first.num_rows < PIECE_ROWS:  # all of them: it costs a few rows less than a table
        connection.register(laid.answers, _answers(laid, first, infer, report))
        return
    columns = ", ".join(f"c{ask.result.index} {duckdb_type(ask.result.type)}" for ask in laid.asks)
    connection.execute(f"CREATE TEMP TABLE {laid.answers} ({columns})")
    for rows in itertools.chain([first], pieces):
        connection.register("_answers", _answers(laid, rows, infer, report))
        connection.execute(f"INSERT INTO {laid.answers} SELECT * FROM _answers")
        connection.unregister("_answers")


def _rows(connection: duckdb.DuckDBPyConnection, laid: Laid) -> Iterator[pa.Table]:
    """The arguments of all calls, piece by piece in the order of the table; the last one may be empty."""
    args = {arg.index: arg for ask in laid.asks for arg in ask.args}
    columns = ", ".join(f"c{index}" for index in args)
    schema = pa.schema([(f"c{arg.index}", arrow_type(arg.type)) for arg in args.values()])
    for first in itertools.count(step=PIECE_ROWS):
        where = f"rowid >= {first} AND rowid < {first + PIECE_ROWS}"
        rows = fetch(connection, f"SELECT {columns} FROM {laid.name} WHERE {where}")
        yield rows.cast(schema)
        if rows.num_rows < PIECE_ROWS:
            return


def _answers(laid: Laid, rows: pa.Table, infer: Infer, report: Report) -> pa.Table:
    """One column a call. A version is that of the answer, where the answer is asked for, too."""
    if not rows.num_rows:
        return pa.schema([(f"c{ask.result.index}", arrow_type(ask.result.type)) for ask in laid.asks]).empty_table()
    made: dict[str, pa.ChunkedArray] = {}
    versions: dict[object, pa.ChunkedArray] = {}
    for ask in sorted(laid.asks, key=_wants_version):
        values = versions.get(_chosen(ask)) if _wants_version(ask) else None
        if values is None:
            answers, errors = infer(ask.model.model, rows.select([f"c{arg.index}" for arg in ask.args]))
            values, versions[_chosen(ask)] = answers.column("c0"), answers.column("c1")
            for _, reason in errors:
                report(Failure(reason, "model", column=ask.result.name))
        made[f"c{ask.result.index}"] = values.cast(arrow_type(ask.result.type))
    return pa.table({f"c{ask.result.index}": made[f"c{ask.result.index}"] for ask in laid.asks})


def _wants_version(ask: Ask) -> bool:
    return isinstance(ask.model.model, RegisteredModel) and ask.model.model.wants_version


def _chosen(ask: Ask) -> object:
    """What the version that answers hangs on."""
    model = ask.model.model
    return (model.name, getattr(model, "reference", ""), ask.args)
