"""A version's TRANSFORM at work: its expressions over a batch's columns, in DuckDB, where the model is asked.

Whoever asks a version reads it from a file or from a request, and need not know the functions that users have brought: so
the typed expressions travel with it, packed. They are packed anew from the statement at each start.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import cloudpickle
import pyarrow as pa

from ..sql.compile import bind_functions, compile_sql
from ..sql.expressions import Expr
from ..sql.transform import Transform
from ..sql.types import arrow_type
from ..sql.udf_load import user_modules_by_value
from ..state.duckdb import Prepared, connect, cursor, faults, seal
from .arrays import conform

if TYPE_CHECKING:
    import duckdb

Instance = Callable[[], "duckdb.DuckDBPyConnection"]


def packed(expressions: Sequence[Expr]) -> str:
    """Expressions as text, with the functions of users that they call."""
    user_modules_by_value()
    return base64.b64encode(cloudpickle.dumps(tuple(expressions))).decode()


def unpacked(text: str) -> tuple[Expr, ...]:
    """What `packed` was given. Only for texts of the server of this data folder."""
    made: tuple[Expr, ...] = pickle.loads(base64.b64decode(text))
    return made


def packed_sides(transforms: Mapping[str, Transform]) -> dict[str, str]:
    """The expressions of a version's TRANSFORMs, by side."""
    return {side: packed(transform.expressions) for side, transform in transforms.items()}


def private_instance() -> duckdb.DuckDBPyConnection:
    """A DuckDB that reaches nothing of the machine, for a runtime that is given none."""
    instance = connect()
    seal(instance)
    return instance


class Evaluation:
    """Expressions over columns. Calls may come from several threads: each takes a connection that no other uses then."""

    def __init__(self, expressions: Sequence[Expr], instance: Instance) -> None:
        self._expressions = expressions
        self._types = [arrow_type(e.type) for e in expressions]
        self._instance = instance
        self._idle: list[tuple[duckdb.DuckDBPyConnection, Prepared]] = []

    def __call__(self, columns: Sequence[pa.Array]) -> list[pa.Array]:
        """One column an expression. Raises what DuckDB raises where a row fails, EnvironmentFault for the machine's faults."""
        table = pa.table(list(columns), names=[f"c{i}" for i in range(len(columns))])
        taken = self._idle.pop() if self._idle else self._opened()
        try:
            with faults("a TRANSFORM cannot be evaluated"):
                made = taken[1](table)
        finally:
            self._idle.append(taken)
        return [conform(made.column(i), wanted) for i, wanted in enumerate(self._types)]

    def _opened(self) -> tuple[duckdb.DuckDBPyConnection, Prepared]:
        connection = cursor(self._instance())
        bind_functions(connection, self._expressions)
        return connection, Prepared(connection, self._sql)

    def _sql(self, source: str, names: Sequence[str]) -> str:
        return f"SELECT {', '.join(compile_sql(e) for e in self._expressions)} FROM {source}"

    def close(self) -> None:
        """Give back the connections; nobody calls any more."""
        while self._idle:
            connection, _ = self._idle.pop()
            connection.close()
