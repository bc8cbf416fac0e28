"""Python functions inside DuckDB: Arrow arrays in, an Arrow array out, under a name that tells versions and types apart.

The name holds the argument and result types, because DuckDB binds a Python function to one signature, and the version of
the function, because a user may replace it while older queries run in the same process.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import ARROW, SPECIAL

from ...errors import RecordError
from ..functions import ArrowFunction
from ..types import SqlType, arrow_type, duckdb_type

_versions: dict[tuple[str, str], list[ArrowFunction]] = {}
"""Every function ever bound in this process by name and signature: DuckDB does not keep them alive for other cursors."""


@dataclass(frozen=True)
class Bound:
    """An Arrow function for one signature, and its name in DuckDB."""

    name: str
    function: ArrowFunction
    types: tuple[SqlType, ...]
    result: SqlType


def bound_name(function: ArrowFunction, types: Sequence[SqlType], result: SqlType) -> str:
    """The DuckDB name of `function` for these types."""
    signature = ",".join(map(str, types)) + "->" + str(result)
    known = _versions.setdefault((function.name, signature), [])
    version = next((i for i, f in enumerate(known) if f.evaluate == function.evaluate), None)
    if version is None:
        known.append(function)
        version = len(known) - 1
    plain = re.sub(r"\W", "_", function.name.lower())
    digest = hashlib.sha256(signature.encode()).hexdigest()[:8]
    return f"py_{plain}_{digest}" + (f"_v{version}" if version else "")


class Meter(Protocol):
    """What is counted of a function's calls."""

    def took(self, rows: int, size: int) -> None:
        """A call with so many rows and bytes."""
        ...

    def timed(self) -> AbstractContextManager[None]:
        """What is done inside is the call."""
        ...


_meters = threading.local()  # .of: the meter of a function, for what this thread calls


@contextmanager
def metered(of: Callable[[str], Meter]) -> Iterator[None]:
    """Calls of Python functions inside, on this thread, are counted by the function's meter."""
    before = getattr(_meters, "of", None)
    _meters.of = of
    try:
        yield
    finally:
        _meters.of = before


@contextmanager
def counted(function: str, rows: int) -> Iterator[None]:
    """What is done inside is one call of a function."""
    of: Callable[[str], Meter] | None = getattr(_meters, "of", None)
    if of is None:
        yield
        return
    meter = of(function)
    meter.took(rows, 0)
    with meter.timed():
        yield


_known: list[Callable[..., pa.Array]] = []
"""What DuckDB instances of this process call, once an instance. A function outlives the connection that made it known, but
DuckDB holds it by that connection only: called after that one has been closed, it would point to nothing (a crash)."""


def register(connection: duckdb.DuckDBPyConnection, bound: Bound) -> None:
    """Make the function known to the connection's DuckDB instance, once."""
    parameters: list[Any] = [duckdb_type(t) for t in bound.types] or ["INTEGER"]
    adapter = _adapter(bound)
    try:
        connection.create_function(
            bound.name,
            adapter,
            parameters,
            duckdb_type(bound.result),
            type=ARROW,
            null_handling=SPECIAL,
            side_effects=bound.function.volatile,
        )
    except (duckdb.CatalogException, duckdb.NotImplementedException) as error:
        if "already" not in str(error):  # the name tells version and types, so what is there is the same function
            raise
    else:
        _known.append(adapter)


def _adapter(bound: Bound) -> Callable[..., pa.Array]:
    """What DuckDB calls: takes chunked arrays of exactly the declared types, leaves out rows with NULL where asked to."""
    wanted = [arrow_type(t) for t in bound.types]
    result = arrow_type(bound.result)
    evaluate = bound.function.evaluate
    if bound.function.typed:
        evaluate = partial(evaluate, types=bound.types, result=bound.result)

    def call(*columns: pa.ChunkedArray) -> pa.Array:
        rows = len(columns[0])
        with counted(bound.function.name, rows):
            arrays = [_plain(c, t) for c, t in zip(columns, wanted, strict=False)]
            if not bound.function.null_in_null_out or not arrays:
                made = evaluate(*arrays) if arrays else evaluate(rows)
                return _checked(made, rows, result, bound)
            return _skipping_nulls(evaluate, arrays, rows, result, bound)

    names = [inspect.Parameter(f"a{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(max(1, len(wanted)))]
    call.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]  # DuckDB counts the parameters
    return call


def _plain(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    return array if array.type == wanted else array.cast(wanted)


def _skipping_nulls(
    evaluate: Callable[..., pa.Array], arrays: Sequence[pa.Array], rows: int, result: pa.DataType, bound: Bound
) -> pa.Array:
    if not any(a.null_count for a in arrays):
        return _checked(evaluate(*arrays), rows, result, bound)
    present = arrays[0].is_valid()
    for array in arrays[1:]:
        present = pc.and_(present, array.is_valid())
    kept = pc.indices_nonzero(present)
    if len(kept) == 0:
        return pa.nulls(rows, result)
    made = _checked(evaluate(*(a.take(kept) for a in arrays)), len(kept), result, bound)
    position = pc.if_else(present, pc.subtract(pc.cumulative_sum(present.cast(pa.int64())), 1), None)
    return made.take(position)


def _checked(made: pa.Array, rows: int, result: pa.DataType, bound: Bound) -> pa.Array:
    if isinstance(made, pa.ChunkedArray):
        made = made.combine_chunks()
    if not isinstance(made, pa.Array) or len(made) != rows:
        got = f"{len(made)} values" if isinstance(made, pa.Array) else type(made).__name__
        raise RecordError(f"function {bound.function.name} must give an Arrow array of {rows} values, not {got}")
    return made if made.type == result else made.cast(result)
