"""Ways round in a graph."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mergus.engine.plan.topology import Edge, Node, Topology, way_between


def graph(*pairs: tuple[int, int]) -> Topology:
    edges = tuple(Edge(Node("STREAM", f"{a:02}"), Node("STREAM", f"{b:02}"), "") for a, b in pairs)
    nodes = dict.fromkeys(node for edge in edges for node in (edge.source, edge.target))
    return Topology(tuple(nodes), edges, {})


def numbers(way: tuple[Node, ...] | None) -> list[int]:
    return [int(node.name) for node in way or ()]


def test_every_cycle_is_told_once_by_its_shortest_way():
    found = graph((0, 1), (1, 2), (2, 3), (3, 1), (2, 1), (3, 4), (5, 6), (6, 5), (7, 7))
    assert [numbers(way) for way in found.cycles()] == [[1, 2, 1], [3, 1, 2, 3], [5, 6, 5], [7, 7]]
    assert graph((0, 1), (1, 2), (0, 2)).cycles() == ()


def test_a_way_is_the_shortest():
    found = graph((0, 1), (1, 2), (2, 3), (0, 3), (3, 0))
    assert numbers(way_between(found.edges, Node("STREAM", "00"), Node("STREAM", "03"))) == [0, 3]
    assert numbers(way_between(found.edges, Node("STREAM", "00"), Node("STREAM", "00"))) == [0, 3, 0]
    assert way_between(found.edges, Node("STREAM", "00"), Node("STREAM", "09")) is None


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_marked_are_the_edges_that_one_comes_back_from(pairs):
    found = graph(*pairs)
    reach = {node: {node} for node in found.nodes}
    for _ in found.nodes:
        for edge in found.edges:
            for reached in reach.values():
                if edge.source in reached:
                    reached.add(edge.target)
    wanted = {edge for edge in found.edges if edge.source in reach[edge.target]}
    assert found.in_cycles() == wanted
    assert {node for way in found.cycles() for node in way} == {edge.source for edge in wanted}
