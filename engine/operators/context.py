"""What operators are given to work with: nothing that they could find by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import duckdb
import pyarrow as pa

from ..inference.versions.moves import Moves
from ..plan.physical.steps import Edge, Source
from ..state.store import StateStore
from .dead_letters import Letters
from .operator import OFFSET, PARTITION, Failure, Frame, Report


class Models(Protocol):
    """What `infer` asks of the model runtime (inference.runtime.ModelRuntime is one)."""

    def infer(self, function: Any, args: Sequence[pa.Array | pa.ChunkedArray], places: Any = None) -> Any:
        """Values, one a row, and errors as (row, reason). `places`: inference.moves.Places of the rows, where they matter."""
        ...

    def batch(self) -> AbstractContextManager[None]:
        """All calls of this thread inside see one state of the versions and aliases."""
        ...


@dataclass(frozen=True)
class Context:
    """One worker's: the state and its connection, the processing log, the models. `keeps_times`: stream times that are
    worked out here are in no checkpoint. `origins`: by edge the source whose records its rows are made of; `letters`: where
    rows go that a model failed on, `moves`: where it is noted which versions answer, None in a query that only answers.
    `alone`: the query has this one worker. `input_name`: what the input is called that rows come from, None where that may be
    one of several."""

    store: StateStore
    report: Report
    models: Models | None = None
    keeps_times: bool = False
    query_id: str = ""
    origins: Mapping[Edge, Source] = field(default_factory=dict)
    letters: Letters | None = None
    moves: Moves | None = None
    alone: bool = False
    input_name: str | None = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The worker's own connection to its state."""
        return self.store.connection

    @property
    def evaluation(self) -> duckdb.DuckDBPyConnection:
        """The worker's own connection for what needs no state and may fail."""
        return self.store.evaluation

    def at(self, edge: Edge) -> Context:
        """The same for rows of one edge, whose source a query of several cannot tell without."""
        return replace(self, input_name=self.origins[edge].input_name) if edge in self.origins else self

    def fail(self, table: pa.Table, row: int, kind: str, reason: str, column: str | None = None) -> None:
        """Report one row, with its place in the source where its edge carries it."""
        partition, offset = _at(table, PARTITION, row), _at(table, OFFSET, row)
        self.report(Failure(reason, kind, None if partition is None else self.input_name, partition, offset, column))


class Operator(Protocol):
    """A step at work: reads the frame's edges, writes its own."""

    def run(self, frame: Frame) -> None:
        """One batch; an output edge without rows is left out."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """An operator that holds in memory what it also keeps in its state."""

    def reload(self) -> None:
        """The state has been laid back: read it again."""
        ...


def _at(table: pa.Table, name: str, row: int) -> int | None:
    return table.column(name)[row].as_py() if name in table.schema.names else None
