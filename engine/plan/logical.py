"""Logical nodes: what a query means, before it is cut into stages.

A plan is a tree of these; every expression in a node speaks of the columns of that node's input by index. Nodes are
frozen and check themselves when made, so that a rule that builds a wrong tree fails where it does so. Rules
(`plan/rules`) rewrite trees; `physical.py` turns one into stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import InternalError
from ..sql.expressions import Column, Expr, columns_used
from ..sql.functions import ModelCall
from ..sql.schema import ColumnDef, Schema
from ..sql.types import BOOLEAN
from .physical.steps import AggregateCall, Source, Window


@dataclass(frozen=True)
class Read:
    """A source under the name that the query gives it. Nothing but a Read has no input."""

    source: Source
    alias: str

    @property
    def schema(self) -> Schema:
        """The source's columns."""
        return self.source.schema

    def schema_columns(self) -> tuple[Column, ...]:
        """The source's columns as expressions."""
        return tuple(Column(i, c.name, c.type) for i, c in enumerate(self.source.schema))

    @property
    def is_table(self) -> bool:
        """Whether its records are a changelog."""
        return self.source.is_table

    @property
    def window(self) -> Window | None:
        """The window that the source's keys carry."""
        return self.source.windowed


@dataclass(frozen=True)
class _OverOne:
    """A node over one input: a table where that is one, with its window."""

    input: Node

    @property
    def is_table(self) -> bool:
        """As the input."""
        return self.input.is_table

    @property
    def window(self) -> Window | None:
        """As the input."""
        return self.input.window


@dataclass(frozen=True)
class _SameColumns(_OverOne):
    """One that has the input's columns."""

    @property
    def schema(self) -> Schema:
        """The input's."""
        return self.input.schema


@dataclass(frozen=True)
class Filter(_SameColumns):
    """Rows for which `condition` is true; on a table the others become tombstones."""

    condition: Expr

    def __post_init__(self) -> None:
        _check(self.input, (self.condition,))
        if self.condition.type != BOOLEAN:
            raise InternalError(f"a filter's condition is {self.condition.type}, not BOOLEAN")


@dataclass(frozen=True)
class Project(_OverOne):
    """One expression a column of `schema`. `explode`: the columns whose expression is a list, unnested side by side."""

    columns: tuple[Expr, ...]
    schema: Schema
    explode: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        _check(self.input, self.columns)
        if len(self.columns) != len(self.schema):
            raise InternalError(f"a projection of {len(self.columns)} columns has {len(self.schema)} names")


@dataclass(frozen=True)
class Infer(_OverOne):
    """The input's columns, then one column for each model call over them."""

    calls: tuple[tuple[ModelCall, tuple[Expr, ...]], ...]
    results: tuple[ColumnDef, ...]

    def __post_init__(self) -> None:
        _check(self.input, tuple(arg for _, args in self.calls for arg in args))

    @property
    def schema(self) -> Schema:
        """The input's, then the calls' results."""
        return Schema((*self.input.schema.columns, *self.results))


@dataclass(frozen=True)
class Aggregate(_OverOne):
    """Groups by the first `keys` columns of the input (and the window) and aggregates the others. Output: the keys, then one
    column a call. `combine`: rows of a batch may be combined before the exchange (rules/combine_partial). `ttl_ms`: how long
    after its last row a group is kept (time_to_live.py)."""

    keys: int
    calls: tuple[AggregateCall, ...]
    grouped: Window | None = None
    emit_final: bool = False
    combine: bool = False
    ttl_ms: int | None = None

    def __post_init__(self) -> None:
        if any(i >= len(self.input.schema) for call in self.calls for i in call.args):
            raise InternalError("an aggregate's argument is not a column of its input")

    @property
    def schema(self) -> Schema:
        """The keys, then the calls' results."""
        keys = tuple(replace(c, is_key=True) for c in self.input.schema.columns[: self.keys])
        return Schema((*keys, *(ColumnDef(call.name, call.spec.type) for call in self.calls)))

    @property
    def is_table(self) -> bool:
        """Always: one row a group."""
        return True

    @property
    def window(self) -> Window | None:
        """The groups' window; the input's own is gone."""
        return self.grouped


@dataclass(frozen=True)
class Within:
    """How far apart the two rows of a stream-stream join may be: the right one `before_ms` earlier to `after_ms` later."""

    before_ms: int
    after_ms: int
    grace_ms: int | None = None


@dataclass(frozen=True)
class Join:
    """Rows of two sides with the same key. Output: left's columns, then right's. Which join it is follows from the sides: a
    stream with a table sees the table as of the stream's row, two streams meet `within` a time, two tables make a table.
    `primary`: the left table's primary key, where the join is on another column of it (a foreign key). `is_lookup`: the
    right only answers, to rows that keep their key, if any. `match`: in an outer join of streams, what else a pair must hold."""

    left: Node
    right: Node
    kind: str  # INNER, LEFT, RIGHT or OUTER
    left_key: int
    right_key: int
    within: Within | None = None
    primary: tuple[int, ...] = ()
    is_lookup: bool = False
    match: Expr | None = None

    def __post_init__(self) -> None:
        if self.left.is_table and not self.right.is_table:
            raise InternalError("a table has a table on its right")
        if self.left_key >= len(self.left.schema) or self.right_key >= len(self.right.schema):
            raise InternalError("a join's key is not a column of its side")

    @property
    def between(self) -> str:
        """Which join it is, in words: stream-table, stream-stream, table-table or foreign-key."""
        if self.primary:
            return "foreign-key"
        return "-".join("table" if side.is_table else "stream" for side in (self.left, self.right))

    @property
    def schema(self) -> Schema:
        """Left's columns, then right's, none of them a key."""
        both = (*self.left.schema.columns, *self.right.schema.columns)
        return Schema(tuple(replace(c, is_key=False) for c in both))

    @property
    def is_table(self) -> bool:
        """Whether both sides are."""
        return self.left.is_table

    @property
    def window(self) -> Window | None:
        """As the left side."""
        return self.left.window


@dataclass(frozen=True)
class Retain(_SameColumns):
    """Keeps the newest row of every key of a table, so that pull queries can read it. `told`: only which keys have a row, so
    that a push query tells no end of a row that it has not told."""

    told: bool = False

    def __post_init__(self) -> None:
        if not self.input.is_table:
            raise InternalError("only a table's rows are retained")


@dataclass(frozen=True)
class Retract(_SameColumns):
    """A table's changes with the row that was, told apart by `keys`: what an aggregation over a table takes back."""

    keys: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.input.is_table or any(k >= len(self.input.schema) for k in self.keys):
            raise InternalError("only a table's rows are taken back, by columns that it has")


@dataclass(frozen=True)
class Union:
    """The rows of several streams as one, in the order of the records that they are made of; columns by their place."""

    arms: tuple[Project, ...]

    def __post_init__(self) -> None:
        if any(arm.is_table for arm in self.arms):
            raise InternalError("only streams are put together by UNION ALL")
        if len({tuple(c.type for c in arm.schema) for arm in self.arms}) != 1:
            raise InternalError("the arms of UNION ALL have different columns")

    @property
    def schema(self) -> Schema:
        """The first arm's."""
        return self.arms[0].schema

    @property
    def is_table(self) -> bool:
        """Never."""
        return False

    @property
    def window(self) -> Window | None:
        """As the first arm, and so as all."""
        return self.arms[0].window


@dataclass(frozen=True)
class Finals(_SameColumns):
    """What a windowed aggregation with EMIT FINAL says, as a stream: each window once, when it has closed."""

    def __post_init__(self) -> None:
        if not self.input.is_table or self.input.window is None:
            raise InternalError("only windows close")

    @property
    def is_table(self) -> bool:
        """Never: what has been said is not taken back."""
        return False


FINALS_APART = "make it a table of its own: CREATE TABLE … AS SELECT … EMIT FINAL, and read its topic as a stream"
"""The remedy where such a stream cannot stand."""

Node = Read | Filter | Project | Infer | Aggregate | Join | Union | Retain | Retract | Finals


def inputs(node: Node) -> tuple[Node, ...]:
    """The nodes that it reads, left to right."""
    match node:
        case Read():
            return ()
        case Join(left=left, right=right):
            return (left, right)
        case Union(arms=arms):
            return arms
        case _:
            return (node.input,)


def reads(node: Node) -> list[Read]:
    """The sources of a tree, left to right."""
    return [node] if isinstance(node, Read) else [read for child in inputs(node) for read in reads(child)]


def of_record(node: Node, column: int) -> bool:
    """Whether a column is part of the key of the record that a row is made of, so that it lies where the key says."""
    match node:
        case Read(source=source):
            return source.schema.columns[column].is_key
        case Project(columns=columns):
            made = columns[column]
            return isinstance(made, Column) and column not in node.explode and of_record(node.input, made.index)
        case Filter() | Infer() | Retain():
            return column < len(node.input.schema) and of_record(node.input, column)
        case Union(arms=arms):
            return all(of_record(arm, column) for arm in arms)
        case _:
            return False


def has(node: Node, *kinds: type[Node]) -> bool:
    """Whether a node of one of these kinds stands in a tree."""
    return isinstance(node, kinds) or any(has(child, *kinds) for child in inputs(node))


def with_inputs(node: Node, new: tuple[Node, ...]) -> Node:
    """The node over other inputs, as many as it has."""
    match node:
        case Read():
            return node
        case Join():
            return replace(node, left=new[0], right=new[1])
        case Union():
            return Union(tuple(map(_projection, new)))
        case _:
            return replace(node, input=new[0])


def _projection(node: Node) -> Project:
    if not isinstance(node, Project):
        raise InternalError("an arm of UNION ALL is a projection")
    return node


def rewrite(node: Node, rule: Callable[[Node], Node]) -> Node:
    """Apply a rule to every node, inputs first; the rule answers with the node itself where it has nothing to change."""
    return rule(with_inputs(node, tuple(rewrite(child, rule) for child in inputs(node))))


def _check(input_: Node, exprs: tuple[Expr, ...]) -> None:
    beyond = [i for i in columns_used(exprs) if i >= len(input_.schema)]
    if beyond:
        raise InternalError(f"an expression reads column {beyond[0]} of an input that has {len(input_.schema)}")
