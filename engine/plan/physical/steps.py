"""Physical steps: what runs, as pure data. A query is sources → stage → (exchange → stage)* → sink (DESIGN §2).

A stage is a list of steps; each reads numbered edges and writes one. An edge carries Arrow batches whose columns are
c0, c1 … of its schema and the system columns of `operators/operator.py`. Between two stages every edge that a later
stage reads is exchanged by the hash of its key columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...sql.expressions import Expr
from ...sql.functions import AggregateSpec, ModelCall, PythonAggregate
from ...sql.schema import Schema
from ...sql.statements.query import WINDOWS_BOUNDED

if TYPE_CHECKING:
    from ..logical import Node

Edge = int
SESSION, CUMULATIVE = "SESSION", "CUMULATIVE"


@dataclass(frozen=True)
class Formats:
    """How a topic's keys and values are written; names as in SQL, properties upper-case."""

    key: str
    value: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """A window of event time. `advance_ms` is `size_ms` for TUMBLING, of CUMULATIVE the step; of a SESSION both are its gap."""

    kind: str  # TUMBLING, HOPPING, CUMULATIVE, SESSION
    size_ms: int
    advance_ms: int
    grace_ms: int | None = None  # None: not given (ksqlDB's default of 24 hours less size applies to retention)
    retention_ms: int | None = None

    @property
    def is_session(self) -> bool:
        """Whether its rows make its bounds: sessions grow and merge, and only they have an end of their own."""
        return self.kind == SESSION

    @property
    def is_cumulative(self) -> bool:
        """Whether windows share a start, and end a step later each, up to the size."""
        return self.kind == CUMULATIVE

    @property
    def is_bounded(self) -> bool:
        """Whether the start alone does not tell the end."""
        return self.kind in WINDOWS_BOUNDED


@dataclass(frozen=True)
class Source:
    """What a query reads: a topic (or a file) with its schema and formats. `timestamp_column`: index of the column that
    gives rowtime, with its format for strings. `windowed`: keys carry windows of this kind and size. `carries_headers`:
    a record's headers go along with its row, to the sink. `again`: a topic of records of this one that come a second time,
    read as if they were this one's (ON_ERROR = 'dlq')."""

    name: str
    topic: str
    schema: Schema
    formats: Formats
    is_table: bool
    edge: Edge
    wanted: frozenset[int]
    timestamp_column: int | None = None
    timestamp_format: str | None = None
    windowed: Window | None = None
    file: FileRead | None = None
    carries_headers: bool = False
    again: str | None = None

    @property
    def input_name(self) -> str:
        """What it is called among a flow's inputs: its topic, or its files."""
        return self.topic if self.file is None else f"file {self.name} {self.file.path}"


@dataclass(frozen=True)
class FileRead:
    """A bounded source of files instead of a topic."""

    path: str
    format: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluate:
    """Filter and projection in one DuckDB call. `columns` make the output schema. On a table's edge a row that `where`
    refuses becomes a tombstone. `explode`: indices of `columns` whose value is a list to be unnested side by side."""

    input: Edge
    output: Edge
    columns: tuple[Expr, ...]
    schema: Schema
    where: Expr | None = None
    is_table: bool = False
    explode: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Infer:
    """Run models: appends one column a call to the input's columns, in order."""

    input: Edge
    output: Edge
    calls: tuple[tuple[ModelCall, tuple[Expr, ...]], ...]
    schema: Schema


@dataclass(frozen=True)
class AggregateCall:
    """One aggregate over columns of the aggregate's input edge (`args`: column indices)."""

    spec: AggregateSpec | PythonAggregate
    args: tuple[int, ...]
    name: str


@dataclass(frozen=True)
class PartialAggregate:
    """Before the exchange: windows assigned, late rows taken out, rows of a batch with one key and window combined (else they
    go on with their windows). Key columns of `input` come first. `ttl_ms`: how long after its last row a group without a window
    is kept; its rows go on with their stream times. `below`: of rows that are closed windows the edge where these are given.
    `number`: which of the query's groupings with a window or a time to live it is: each has stream times of its own."""

    input: Edge
    output: Edge
    keys: int
    calls: tuple[AggregateCall, ...]
    window: Window | None
    input_schema: Schema
    combine: bool
    ttl_ms: int | None = None
    below: Edge | None = None
    number: int = 0


@dataclass(frozen=True)
class Aggregate:
    """After the exchange: merges into the state, which is the table. Output: keys, then one column a call (final
    values), one row a changed key and batch. `emit_final`: rows only when their window closes."""

    input: Edge
    output: Edge
    partial: PartialAggregate
    schema: Schema
    state: str  # the state table's name, unique in the query
    emit_final: bool = False
    table_input: bool = False  # input is a table's changelog: needs undo


@dataclass(frozen=True)
class TwoSides:
    """What every join reads: two edges with the places of the columns on which they meet."""

    left: Edge
    right: Edge
    output: Edge
    left_key: int
    right_key: int
    left_schema: Schema
    right_schema: Schema


@dataclass(frozen=True)
class StreamTableJoin(TwoSides):
    """Each row of `left` (stream) with the row of `right` (table) of its key as of then. Output columns: left's, then right's.
    `kind`: INNER or LEFT. `is_lookup`: rows keep their own key, and those without a value to join by. `windowed`: both keys'."""

    kind: str
    schema: Schema
    state: str
    is_lookup: bool = False
    windowed: Window | None = None


@dataclass(frozen=True)
class Union:
    """The rows of several streams' edges as one edge, in the order of `_seq`; the edges' columns are of `schema`'s types."""

    inputs: tuple[Edge, ...]
    output: Edge
    schema: Schema


@dataclass(frozen=True)
class JoinSides(TwoSides):
    """Before the exchange of a stream-stream join: rows of both sides as one edge, each with the stream times of both sides
    as of it (per partition); rows without a key or a value are left out. Output columns: the joined value, left's, right's.
    `number`: which of the query's joins it is. A row that is `retention_ms` behind its own side's time is told as late."""

    schema: Schema
    number: int
    retention_ms: int


@dataclass(frozen=True)
class StreamStreamJoin:
    """Behind the exchange: each row of `sides` with the rows of the other side that came before it and are at most
    `before_ms` earlier (right than left) or `after_ms` later. `kind`: INNER, LEFT, RIGHT or OUTER; rows without a partner go
    on at once, or where `grace_ms` is given when nothing can meet them any more. Buffers: `<state>_left`, `<state>_right`.
    Output columns: left's, then right's. `windowed`: the kind of window, if any: both rows have one. `by_partition`: rows of
    one key lie in one partition, whose stream time is theirs. `match`: what else rows that meet hold, over the output."""

    sides: JoinSides
    output: Edge
    kind: str
    before_ms: int
    after_ms: int
    grace_ms: int | None
    schema: Schema
    state: str
    windowed: str | None = None
    by_partition: bool = False
    match: Expr | None = None

    @property
    def input(self) -> Edge:
        """The edge that it reads."""
        return self.sides.output


@dataclass(frozen=True)
class TableTableJoin(TwoSides):
    """Two tables on their primary keys: `kind` is INNER, LEFT, RIGHT or OUTER. Keeps both sides' rows (`<state>_left`,
    `<state>_right`); gives an update for each key that a batch changes, a tombstone where no joined row is left. Output
    columns: left's, then right's. `windowed`: a key is one of these windows'."""

    kind: str
    schema: Schema
    state: str
    windowed: Window | None = None


@dataclass(frozen=True)
class ForeignKeyChanges:
    """Behind an exchange by a table's primary key, before a foreign-key join: keeps the table's rows in `state`, and gives
    its changes told apart by what they do to the rows of a foreign key (column `foreign`)."""

    input: Edge
    output: Edge
    schema: Schema
    primary: tuple[int, ...]
    foreign: int
    state: str


@dataclass(frozen=True)
class ForeignKeyJoin(TwoSides):
    """Behind an exchange by the foreign key: changes of `left` (of a ForeignKeyChanges) and of `right` (a table), each with the
    other side as of then, for ForeignKeyResults. `kind`: INNER or LEFT. Keeps `<state>_left` by both keys, `<state>_right`."""

    kind: str
    primary: tuple[int, ...]
    schema: Schema
    state: str


@dataclass(frozen=True)
class ForeignKeyResults:
    """Behind an exchange by the left table's primary key: a foreign-key join's results without the stale ones."""

    input: Edge
    output: Edge
    schema: Schema
    primary: tuple[int, ...]


@dataclass(frozen=True)
class Materialize:
    """Keeps the newest row of every key of a table's changelog, so that pull queries can read it. `filtered`: a tombstone of a
    key that is not kept says nothing, for the row has not passed before either. `every`: every change goes on, not the last
    of a batch, and of what is kept nobody reads more than the keys."""

    input: Edge
    output: Edge
    schema: Schema
    state: str
    window: Window | None = None
    filtered: bool = False
    every: bool = False


@dataclass(frozen=True)
class Retract:
    """What an aggregation over a table needs: keeps the newest row of every `keys` of a table's changelog and gives, for
    each change, the row that was (system column `_undo` true) before the row that is (`_undo` false), both with the
    change's `_seq`. A tombstone gives only the former; one for a key not seen gives nothing. The aggregate behind the
    exchange takes back before it adds: one update where both rows have the same group, else one for each group."""

    input: Edge
    output: Edge
    schema: Schema
    keys: tuple[int, ...]
    state: str


Step = (
    Evaluate
    | Infer
    | PartialAggregate
    | Aggregate
    | StreamTableJoin
    | Union
    | JoinSides
    | StreamStreamJoin
    | TableTableJoin
    | ForeignKeyChanges
    | ForeignKeyJoin
    | ForeignKeyResults
    | Materialize
    | Retract
)

STATEFUL = (
    Aggregate,
    StreamTableJoin,
    StreamStreamJoin,
    TableTableJoin,
    ForeignKeyChanges,
    ForeignKeyJoin,
    Materialize,
    Retract,
)
"""The steps that remember."""


def edges_read(step: Step) -> tuple[Edge, ...]:
    """The edges that a step reads."""
    match step:
        case TwoSides(left=left, right=right):
            return left, right
        case Union(inputs=edges):
            return edges
        case _:
            return (step.input,)


@dataclass(frozen=True)
class Exchange:
    """Send rows of these edges to the owner of their key group; `keys`: the key columns of each edge."""

    keys: Mapping[Edge, tuple[int, ...]]


@dataclass(frozen=True)
class Stage:
    """Steps fused between two exchanges; `exchange` is how its input arrives (None: from the sources)."""

    steps: tuple[Step, ...]
    exchange: Exchange | None = None


@dataclass(frozen=True)
class Sink:
    """Where the last edge goes: a topic. `windowed`: the key on the wire carries the window (Kafka Streams' layout).
    `carries_headers`: a row's record has the headers of the record that the row was made of. `key_as_read`: the key is that
    of this record, and none where it had none."""

    name: str
    topic: str
    schema: Schema
    formats: Formats
    is_table: bool
    edge: Edge
    windowed: Window | None = None
    timestamp_column: int | None = None
    timestamp_format: str | None = None
    carries_headers: bool = False
    key_as_read: bool = False


@dataclass(frozen=True)
class QueryPlan:
    """A whole query. `materialized`: the state table (in the last stage that has one) that pull queries read, with how
    its columns give the sink's schema (`table_view`: an Evaluate over the state's final columns)."""

    query_id: str
    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    sink: Sink | None
    schema: Schema
    is_table: bool
    window: Window | None = None
    materialized: str | None = None
    table_view: Evaluate | None = None
    limit: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    logical: Node | None = None  # for EXPLAIN
