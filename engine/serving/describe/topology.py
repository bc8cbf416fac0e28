"""SHOW TOPOLOGY: the graph of topics, streams, tables, queries and models as rows, and as text that other programs draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...plan.topology import FILE, MODEL, QUERY, STREAM, TABLE, TOPIC, Edge, Node, Topology, way_text
from ..results import Listing

_DOT_SHAPES = {FILE: "note", TOPIC: "cylinder", STREAM: "box", TABLE: "box3d", QUERY: "oval", MODEL: "hexagon"}
_MERMAID_SHAPES = {
    FILE: ("[/", "/]"),
    TOPIC: ("[(", ")]"),
    STREAM: ("[", "]"),
    TABLE: ("[[", "]]"),
    QUERY: ("([", "])"),
    MODEL: ("{{", "}}"),
}
_COLOURS = {"paused": "#9a5b00", "error": "#b3301a"}
"""Of queries that do not run."""
_IN_CYCLE = "#b3301a"


def show_topology(graph: Topology, form: str | None, text: str) -> Listing:
    """The answer to SHOW TOPOLOGY; `form`: DOT or MERMAID."""
    if form is not None:
        drawn = dot(graph) if form == "DOT" else mermaid(graph)
        return Listing(text, "topology_text", {"form": form, "topology": drawn}, text=drawn)
    marked = graph.in_cycles()
    cycles = [way_text(way) for way in graph.cycles()]
    body = {
        "nodes": [{"kind": n.kind, "name": n.name, "about": graph.about.get(n, "")} for n in graph.nodes],
        "edges": [_edge_shape(edge, edge in marked) for edge in graph.edges],
        "cycles": cycles,
    }
    rows = tuple(
        (e.source.kind, e.source.name, _what(e), e.target.kind, e.target.name, e in marked) for e in graph.edges
    )
    columns = ("From Kind", "From", "What", "To Kind", "To", "In Cycle")
    told = [f"{n} is {graph.about[n]}" for n in graph.nodes if graph.about.get(n) in _COLOURS]
    return Listing(text, "topology", body, columns, rows, "\n".join([*told, *(f"cycle: {way}" for way in cycles)]))


def _edge_shape(edge: Edge, in_cycle: bool) -> dict[str, Any]:
    return {
        "from": {"kind": edge.source.kind, "name": edge.source.name},
        "to": {"kind": edge.target.kind, "name": edge.target.name},
        "what": edge.what,
        "about": edge.about,
        "inCycle": in_cycle,
    }


def _what(edge: Edge) -> str:
    return f"{edge.what} ({edge.about})" if edge.about else edge.what


def dot(graph: Topology) -> str:
    """The graph for Graphviz: `dot -Tsvg`."""
    return "\n".join(["digraph topology {", *(f"  {line};" for line in _dot_lines(graph)), "}"]) + "\n"


def _dot_lines(graph: Topology) -> Iterator[str]:
    yield "rankdir=LR"
    yield 'node [fontname="sans-serif", fontsize=11]'
    yield 'edge [fontname="sans-serif", fontsize=9]'
    for node in graph.nodes:
        about = graph.about.get(node, "")
        colour = f', color="{_COLOURS[about]}"' if about in _COLOURS else ""
        label = _quoted(node.name + (f"\n{about}" if about else ""))
        yield f"{_dot_id(node)} [label={label}, shape={_DOT_SHAPES[node.kind]}{colour}]"
    marked = graph.in_cycles()
    for edge in graph.edges:
        colour = f', color="{_IN_CYCLE}"' if edge in marked else ""
        yield f"{_dot_id(edge.source)} -> {_dot_id(edge.target)} [label={_quoted(_what(edge))}{colour}]"


def _dot_id(node: Node) -> str:
    return _quoted(f"{node.kind} {node.name}")


def _quoted(text: str) -> str:
    r"""A text as DOT writes it.

    >>> print(_quoted('a "b"'))
    "a \"b\""
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", "\\n")
    return f'"{escaped}"'


def mermaid(graph: Topology) -> str:
    """The graph for Mermaid, which pages of documentation draw."""
    names = {node: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node, name in names.items():
        about = graph.about.get(node, "")
        begin, end = _MERMAID_SHAPES[node.kind]
        label = _entities(node.name) + (f"<br>{_entities(about)}" if about else "")
        lines.append(f'  {name}{begin}"{label}"{end}')
        if about in _COLOURS:
            lines.append(f"  style {name} stroke:{_COLOURS[about]}")
    marked = graph.in_cycles()
    for number, edge in enumerate(graph.edges):
        lines.append(f'  {names[edge.source]} -->|"{_entities(_what(edge))}"| {names[edge.target]}')
        if edge in marked:
            lines.append(f"  linkStyle {number} stroke:{_IN_CYCLE}")
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    """A text as Mermaid's labels take it: signs that mean something there by their numbers.

    >>> _entities('a "b"')
    'a #34;b#34;'
    """
    return "".join(f"#{ord(sign)};" if sign in '"#&<>`\\\r\n' else sign for sign in text)
