"""Logical trees cut into stages: edges numbered, filters and projections fused into one call, exchanges put in.

An exchange stands before whatever keeps state: an aggregate, a join, a retained table. What was read before it and is
needed behind it crosses every exchange on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...sql.expressions import Column, Expr
from ...sql.schema import Schema
from ..logical import (
    Aggregate,
    Filter,
    Finals,
    Infer,
    Join,
    Node,
    Project,
    Read,
    Retain,
    Retract,
    Union,
    Within,
    of_record,
)
from .steps import Aggregate as AggregateStep
from .steps import (
    Edge,
    Evaluate,
    Exchange,
    ForeignKeyChanges,
    ForeignKeyJoin,
    ForeignKeyResults,
    JoinSides,
    Materialize,
    PartialAggregate,
    Source,
    Stage,
    Step,
    StreamStreamJoin,
    StreamTableJoin,
    TableTableJoin,
)
from .steps import Infer as InferStep
from .steps import Retract as RetractStep
from .steps import Union as UnionStep

_GRACE_MS = 24 * 60 * 60 * 1000
"""Without GRACE PERIOD a join of streams keeps rows for a day, or for its window where that is longer, as in ksqlDB."""


@dataclass
class Staged:
    """The stages of a tree, and the edge that its last step writes. `state`: the table that holds the result's rows, with
    `view`, the evaluation that gives the result from that table's columns; None where no step keeps them."""

    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    edge: Edge
    state: str | None
    view: Evaluate | None


def stage(root: Node) -> Staged:
    """Cut a tree into stages."""
    builder = _Builder()
    edge, _ = builder.build(root)
    state, view = builder.result_state(root)
    return Staged(tuple(builder.sources), builder.stages(), edge, state, view)


@dataclass
class _Builder:
    sources: list[Source] = field(default_factory=list)
    steps: list[list[Step]] = field(default_factory=lambda: [[]])
    exchanges: list[dict[Edge, tuple[int, ...]]] = field(default_factory=lambda: [{}])
    edges: int = 0
    names: dict[str, int] = field(default_factory=dict)

    def stages(self) -> tuple[Stage, ...]:
        """The stages so far; the first reads the sources, each other an exchange."""
        exchanges = [None, *(Exchange(keys) for keys in self.exchanges[1:])]
        return tuple(Stage(tuple(s), e) for s, e in zip(self.steps, exchanges, strict=True))

    def build(self, node: Node) -> tuple[Edge, int]:
        """Append the steps of a tree; gives the edge of its rows and the stage that writes it."""
        match node:
            case Read(source=source):
                return self._read(source), 0
            case Filter() | Project():
                return self._evaluate(node)
            case Infer(calls=calls, schema=schema):
                edge, at = self.build(node.input)
                return self._append(at, InferStep(edge, self._edge(), calls, schema))
            case Aggregate():
                return self._aggregate(node)
            case Join():
                return self._join(node)
            case Union():
                return self._union(node)
            case Finals():
                return self.build(node.input)
            case Retract(keys=keys, schema=schema):
                edge, at = self.build(node.input)
                self._cross(edge, at, at + 1, keys)
                return self._append(at + 1, RetractStep(edge, self._edge(), schema, keys, self._name("retract")))
            case Retain(schema=schema, window=window, told=True):  # a push query has one worker
                edge, at = self.build(node.input)
                step = Materialize(edge, self._edge(), schema, self._name("told"), window, filtered=True, every=True)
                return self._append(at, step)
            case Retain(schema=schema, window=window):
                edge, at = self.build(node.input)
                self._cross(edge, at, at + 1, tuple(i for i, c in enumerate(schema) if c.is_key))
                step = Materialize(edge, self._edge(), schema, self._name("rows"), window, _filtered(node.input))
                return self._append(at + 1, step)

    def result_state(self, root: Node) -> tuple[str | None, Evaluate | None]:
        """The state that holds a table's rows: of a Retain, or of an Aggregate with at most one evaluation over it."""
        last = [step for steps in self.steps for step in steps][-2:]
        if not last or not root.is_table:
            return None, None
        if isinstance(last[-1], Materialize):
            return last[-1].state, _identity(last[-1].output, root.schema)
        if isinstance(last[-1], AggregateStep):
            return last[-1].state, _identity(last[-1].output, root.schema)
        if isinstance(last[-1], Evaluate) and isinstance(last[0], AggregateStep) and len(last) == 2:
            return last[0].state, last[-1]
        return None, None

    def _read(self, source: Source) -> Edge:
        """The edge of a source's rows: one for all that read it, with the columns that any of them wants."""
        for place, known in enumerate(self.sources):
            if replace(source, edge=known.edge, wanted=known.wanted) == known:
                self.sources[place] = replace(known, wanted=known.wanted | source.wanted)
                return known.edge
        self.sources.append(replace(source, edge=self._edge()))
        return self.sources[-1].edge

    def _union(self, node: Union) -> tuple[Edge, int]:
        """In the stage of the arm that comes last. The others' rows wait for none: they cross the exchanges up to there."""
        arms = [self.build(arm) for arm in node.arms]
        at = max(stage for _, stage in arms)
        keys = tuple(i for i, c in enumerate(node.schema) if c.is_key) or (0,)
        for edge, made_at in arms:
            self._cross(edge, made_at, at, keys)
        return self._append(at, UnionStep(tuple(edge for edge, _ in arms), self._edge(), node.schema))

    def _evaluate(self, node: Filter | Project) -> tuple[Edge, int]:
        where: Expr | None = None
        below: Node = node
        if isinstance(below, Project):
            below = below.input
        if isinstance(below, Filter):
            where, below = below.condition, below.input
        edge, at = self.build(below)
        columns = node.columns if isinstance(node, Project) else _columns(node.schema)
        explode = node.explode if isinstance(node, Project) else frozenset()
        step = Evaluate(edge, self._edge(), columns, node.schema, where, node.is_table, explode)
        return self._append(at, step)

    def _aggregate(self, node: Aggregate) -> tuple[Edge, int]:
        edge, at = self.build(node.input)
        below = None
        if node.grouped is not None and _of_finals(node.input):
            below = max(s.output for steps in self.steps for s in steps if isinstance(s, AggregateStep))  # the newest
        timed = node.grouped is not None or node.ttl_ms is not None
        partial = PartialAggregate(
            edge,
            self._edge(),
            node.keys,
            node.calls,
            node.grouped,
            node.input.schema,
            node.combine,
            node.ttl_ms,
            below,
            self._number() if timed and below is None else 0,
        )
        sent, _ = self._append(at, partial)
        self._cross(sent, at, at + 1, tuple(range(node.keys)))
        whole = AggregateStep(
            sent, self._edge(), partial, node.schema, self._name("groups"), node.emit_final, node.input.is_table
        )
        return self._append(at + 1, whole)

    def _join(self, node: Join) -> tuple[Edge, int]:
        left, left_at = self.build(node.left)
        right, right_at = self.build(node.right)
        at = max(left_at, right_at) + 1
        if node.within is not None:
            return self._streams(node, node.within, (left, left_at), (right, right_at))
        if node.primary:
            return self._foreign_key(node, (left, left_at), (right, right_at))
        self._cross(left, left_at, at, (node.left_key,))
        self._cross(right, right_at, at, (node.right_key,))
        sides, name = self._sides(node, left, right), self._name("joined")
        if node.is_table:
            return self._append(at, TableTableJoin(*sides, node.kind, node.schema, name, node.window))
        return self._append(at, StreamTableJoin(*sides, node.kind, node.schema, name, node.is_lookup, node.window))

    def _sides(self, node: Join, left: Edge, right: Edge) -> tuple[Edge, Edge, Edge, int, int, Schema, Schema]:
        """The fields of steps.TwoSides."""
        return left, right, self._edge(), node.left_key, node.right_key, node.left.schema, node.right.schema

    def _streams(self, node: Join, within: Within, left: tuple[Edge, int], right: tuple[Edge, int]) -> tuple[Edge, int]:
        """Both sides become one edge in the stage before the join."""
        at = max(left[1], right[1])
        self._cross(*left, at, (node.left_key,))
        self._cross(*right, at, (node.right_key,))
        grace = max(_GRACE_MS - within.before_ms - within.after_ms, 0) if within.grace_ms is None else within.grace_ms
        key = replace(node.left.schema.columns[node.left_key], name="key", is_key=True)
        both = Schema((key, *node.schema.columns))
        sides = JoinSides(
            *self._sides(node, left[0], right[0]),
            both,
            len([s for steps in self.steps for s in steps if isinstance(s, JoinSides)]),
            within.before_ms + within.after_ms + grace,
        )
        self._append(at, sides)
        self._cross(sides.output, at, at + 1, (0,))
        step = StreamStreamJoin(
            sides,
            self._edge(),
            node.kind,
            within.before_ms,
            within.after_ms,
            within.grace_ms,
            node.schema,
            self._name("joined"),
            None if node.window is None else node.window.kind,
            of_record(node.left, node.left_key) and of_record(node.right, node.right_key),
            node.match,
        )
        return self._append(at + 1, step)

    def _foreign_key(self, node: Join, left: tuple[Edge, int], right: tuple[Edge, int]) -> tuple[Edge, int]:
        """By the left table's key, by the foreign key, and by the left table's key again."""
        at, name = left[1] + 1, self._name("joined")
        self._cross(*left, at, node.primary)
        changes = ForeignKeyChanges(
            left[0], self._edge(), node.left.schema, node.primary, node.left_key, f"{name}_rows"
        )
        self._append(at, changes)
        joined_at = max(at, right[1]) + 1
        self._cross(changes.output, at, joined_at, (node.left_key,))
        self._cross(*right, joined_at, (node.right_key,))
        join = ForeignKeyJoin(*self._sides(node, changes.output, right[0]), node.kind, node.primary, node.schema, name)
        self._append(joined_at, join)
        self._cross(join.output, joined_at, joined_at + 1, node.primary)
        results = ForeignKeyResults(join.output, self._edge(), node.schema, node.primary)
        return self._append(joined_at + 1, results)

    def _append(self, at: int, step: Step) -> tuple[Edge, int]:
        self.steps[at].append(step)
        return step.output, at

    def _cross(self, edge: Edge, start: int, end: int, keys: tuple[int, ...]) -> None:
        """Send an edge of stage `start` through every exchange up to the one before stage `end`."""
        for at in range(start + 1, end + 1):
            if at == len(self.steps):
                self.steps.append([])
                self.exchanges.append({})
            self.exchanges[at][edge] = keys

    def _edge(self) -> Edge:
        self.edges += 1
        return self.edges - 1

    def _number(self) -> int:
        """The next one of a grouping that has stream times."""
        partials = [step for steps in self.steps for step in steps if isinstance(step, PartialAggregate)]
        return sum((s.window is not None or s.ttl_ms is not None) and s.below is None for s in partials)

    def _name(self, what: str) -> str:
        self.names[what] = self.names.get(what, 0) + 1
        return f"{what}_{self.names[what]}"


def _of_finals(node: Node) -> bool:
    """Whether rows are windows that have closed."""
    return isinstance(node, Finals) or (isinstance(node, Project | Filter | Infer) and _of_finals(node.input))


def _filtered(node: Node) -> bool:
    """Whether a filter stands between a table's rows and what keeps them."""
    return isinstance(node, Filter) or (isinstance(node, Project | Infer) and _filtered(node.input))


def _columns(schema: Schema) -> tuple[Expr, ...]:
    return tuple(Column(i, c.name, c.type) for i, c in enumerate(schema))


def _identity(edge: Edge, schema: Schema) -> Evaluate:
    return Evaluate(edge, edge, _columns(schema), schema, is_table=True)
