"""The topology: what flows where, as a graph: topics and files, streams and tables over them, queries, models.

It is worked out from the catalog and the plans that run, so it cannot differ from them. An edge points the way that rows
go: topic → stream → query → topic. A query points at the models that it asks, a model at the topics that its watching fills.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..sql.catalog import Catalog, QueryEntry
from ..sql.catalog_models import DEFAULT_ALIAS, ModelEntry
from .physical.calls import models_called
from .physical.steps import QueryPlan

FILE, TOPIC, STREAM, TABLE, QUERY, MODEL = "FILE", "TOPIC", "STREAM", "TABLE", "QUERY", "MODEL"
HOLDS, READ, WRITES, ASKS = "holds", "is read by", "writes", "asks"
DEAD_LETTERS, SHADOW, DRIFT, VERSIONS = "dead letters", "shadow", "drift", "versions"
_BESIDE = ("MERGUS_PROCESSING_LOG",)
"""Streams of the engine's own: part of the graph where a query reads them."""


@dataclass(frozen=True, order=True)
class Node:
    """One of the graph's things: what kind of thing it is, and its name among those."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name}"


@dataclass(frozen=True)
class Edge:
    """From one thing to another; `about` says more: formats of a topic, which version of a model."""

    source: Node
    target: Node
    what: str
    about: str = ""


@dataclass(frozen=True)
class Topology:
    """The graph. `about` says more of some nodes: a query's state, a model's version."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    about: Mapping[Node, str]

    def cycles(self) -> tuple[tuple[Node, ...], ...]:
        """Ways along which rows come back to where they were, the first node again at the end: for each node on such a way the
        shortest one through it, where none told before goes through it."""
        core = _core(self.edges)
        found: dict[tuple[Node, ...], None] = {}
        seen: set[Node] = set()
        for node in sorted(_targets(core), key=lambda n: (n.kind not in (STREAM, TABLE), n)):
            way = None if node in seen else way_between(core, node, node)
            if way is not None:
                seen |= set(way)
                found[way] = None
        return tuple(found)

    def in_cycles(self) -> frozenset[Edge]:
        """The edges that lie on a way round."""
        core = _core(self.edges)
        return frozenset(edge for edge in core if way_between(core, edge.target, edge.source) is not None)


def way_between(edges: Iterable[Edge], source: Node, target: Node) -> tuple[Node, ...] | None:
    """The shortest way from a node to another, both with it; from a node to itself one of at least one edge. None where
    there is none."""
    targets = _targets(edges)
    came_from: dict[Node, Node] = {}
    waiting = deque([source])
    while waiting:
        node = waiting.popleft()
        for following in targets.get(node, ()):
            if following == target:
                way = [target, node]
                while way[-1] != source:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if following not in came_from and following != source:
                came_from[following] = node
                waiting.append(following)
    return None


def _core(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges without those to which no way leads round, or from which none does: mostly nothing is left."""
    left = tuple(edges)
    while True:
        sources, targets = {edge.source for edge in left}, {edge.target for edge in left}
        kept = tuple(edge for edge in left if edge.source in targets and edge.target in sources)
        if len(kept) == len(left):
            return kept
        left = kept


def way_text(way: Iterable[Node]) -> str:
    """A way for people, without the topics, which the streams and tables over them tell as well."""
    return " → ".join(node.name for node in way if node.kind != TOPIC)


def topology(catalog: Catalog, plans: Mapping[str, QueryPlan], states: Mapping[str, str]) -> Topology:
    """The graph of what there is; `states`: each query's, by id."""
    made = _Making(catalog)
    read = {name for query in catalog.queries.values() for name in query.sources}
    for relation in sorted(catalog.relations.values(), key=lambda r: r.name):
        if relation.name not in _BESIDE or relation.name in read:
            made.relation(relation.name)
    for entry in sorted(catalog.queries.values(), key=lambda q: q.query_id):
        made.query(entry, plans.get(entry.query_id), states.get(entry.query_id, ""))
    for model in sorted(catalog.models.values(), key=lambda m: m.name):
        made.model(model)
    return Topology(tuple(made.nodes), tuple(dict.fromkeys(made.edges)), made.about)


class _Making:
    """A graph that is being made."""

    def __init__(self, catalog: Catalog) -> None:
        self.nodes: dict[Node, None] = {}
        self.edges: list[Edge] = []
        self.about: dict[Node, str] = {}
        self._catalog = catalog

    def _edge(self, source: Node, target: Node, what: str, about: str = "") -> None:
        self.nodes |= dict.fromkeys((source, target))
        self.edges.append(Edge(source, target, what, about))

    def relation(self, name: str) -> None:
        relation = self._catalog.relations[name]
        source = Node(TOPIC, relation.topic) if relation.file is None else Node(FILE, relation.file.path)
        formats = [] if relation.file is not None or relation.key_format == "NONE" else [relation.key_format]
        formats.append(relation.value_format if relation.file is None else relation.file.format.upper())
        self._edge(source, Node(relation.kind, name), HOLDS, "/".join(formats))

    def query(self, entry: QueryEntry, plan: QueryPlan | None, state: str) -> None:
        node = Node(QUERY, entry.query_id)
        self.nodes[node] = None
        self.about[node] = state.lower()
        for name in entry.sources:
            source = self._catalog.find(name)
            if source is not None:
                self._edge(Node(source.kind, name), node, READ)
        sink = self._catalog.find(entry.sink or "")
        if sink is not None:
            self._edge(node, Node(TOPIC, sink.topic), WRITES)
        for model, reference in () if plan is None else _asked(plan):
            known = self._catalog.models.get(model)
            self._edge(node, Node(MODEL, model), ASKS, "" if known is None else _answering(known, reference))
            for letters in () if known is None else _records(known, "dead_letters"):
                self._edge(node, Node(TOPIC, letters), DEAD_LETTERS)

    def model(self, entry: ModelEntry) -> None:
        node = Node(MODEL, entry.name)
        self.nodes[node] = None
        self.about[node] = f"version {entry.default.number}"
        for topic in _records(entry, "topic"):
            self._edge(Node(TOPIC, topic), node, VERSIONS)
        if entry.shadow is not None:
            about = f"{entry.shadow.alias.lower()}, {entry.shadow.percent} % of rows"
            self._edge(node, Node(TOPIC, entry.shadow.topic), SHADOW, about)
        if entry.monitor is not None:
            self._edge(node, Node(TOPIC, entry.monitor.topic), DRIFT, f"against {entry.monitor.source}")


def _asked(plan: QueryPlan) -> list[tuple[str, str]]:
    """The models that a query calls, by name, with the reference by which it does: `@ALIAS`, `$3` or none."""
    return list(dict.fromkeys((str(m.name), str(getattr(m, "reference", ""))) for m in models_called(plan)))


def _records(entry: ModelEntry, name: str) -> list[str]:
    return list(dict.fromkeys(str(v.record[name]) for v in entry.versions if v.record.get(name)))


def _answering(entry: ModelEntry, reference: str) -> str:
    """Which version answers a call: `champion 90 = version 1, challenger 10 = version 2`."""
    if reference.startswith("$"):
        return f"version {reference[1:]}"
    if reference:
        arms: tuple[tuple[str, int | None], ...] = ((reference[1:], None),)
    elif entry.split is not None:
        arms = entry.split.arms
    else:
        arms = ((DEFAULT_ALIAS, None),)
    shares = (
        f"{alias.lower()}{'' if share is None else f' {share} %'} = version {entry.aliases[alias]}"
        for alias, share in arms
    )
    return ", ".join(shares)


def _targets(edges: Iterable[Edge]) -> dict[Node, list[Node]]:
    found: dict[Node, list[Node]] = {}
    for edge in edges:
        found.setdefault(edge.source, []).append(edge.target)
    return found
