"""A version's TRANSFORM at work: its expressions over a batch's columns, in DuckDB, where the model is asked.

Loaded only where a version has one: DuckDB and the compiler cost the look at an artefact more than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from ..sql.compile.expression import bind_functions, compile_sql
from ..sql.expressions import Column
from ..sql.types import arrow_type
from ..state.duckdb import Prepared, connect, cursor, faults, seal
from .arrays import conform
from .versions.packing import unpacked

if TYPE_CHECKING:
    import duckdb

Instance = Callable[[], "duckdb.DuckDBPyConnection"]


def private_instance() -> duckdb.DuckDBPyConnection:
    """A DuckDB that reaches nothing of the machine, for a runtime that is given none."""
    instance = connect()
    seal(instance)
    return instance


class Evaluation:
    """Packed expressions over columns; those that are columns as they are need no DuckDB. Calls may come from several threads:
    each takes a connection that no other uses then. `instance`: the DuckDB that they are connections to."""

    def __init__(self, text: str, instance: Instance) -> None:
        self._expressions = unpacked(text)
        self._worked_out = [e for e in self._expressions if not isinstance(e, Column)]
        self._types = [arrow_type(e.type) for e in self._expressions]
        self._instance = instance
        self._idle: list[tuple[duckdb.DuckDBPyConnection, Prepared]] = []

    def __call__(self, columns: Sequence[pa.Array]) -> list[pa.Array]:
        """One column an expression. Raises what DuckDB raises where a row fails, EnvironmentFault for the machine's faults."""
        worked_out = iter(self._evaluated(columns).columns if self._worked_out else ())
        made = [columns[e.index] if isinstance(e, Column) else next(worked_out) for e in self._expressions]
        return [conform(column, wanted) for column, wanted in zip(made, self._types, strict=True)]

    def _evaluated(self, columns: Sequence[pa.Array]) -> pa.Table:
        table = pa.table(list(columns), names=[f"c{i}" for i in range(len(columns))])
        try:
            taken = self._idle.pop()
        except IndexError:  # all are at work
            taken = self._opened()
        try:
            with faults("a TRANSFORM cannot be evaluated"):
                return taken[1](table)
        finally:
            self._idle.append(taken)

    def _opened(self) -> tuple[duckdb.DuckDBPyConnection, Prepared]:
        connection = cursor(self._instance())
        bind_functions(connection, self._worked_out)
        return connection, Prepared(connection, self._sql)

    def _sql(self, source: str, names: Sequence[str]) -> str:
        return f"SELECT {', '.join(compile_sql(e) for e in self._worked_out)} FROM {source}"

    def close(self) -> None:
        """Give back the connections; nobody calls any more."""
        while self._idle:
            connection, _ = self._idle.pop()
            connection.close()
