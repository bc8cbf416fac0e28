"""Whose records a row is made of, and what comes again of them.

Up to the first exchange a row on an edge is made of one record of one source, whose partition and offset it carries. Such
a row may leave its query when a model fails on it, for its record can be given to the query once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .physical.steps import Edge, Evaluate, Infer, Source, Stage, edges_read


def origins(sources: Sequence[Source], first: Stage) -> Mapping[Edge, Source]:
    """By edge of the first stage the source whose records its rows are made of; edges of several sources are left out."""
    found = {source.edge: source for source in sources}
    for step in first.steps:
        read = {edge: found[edge] for edge in edges_read(step) if edge in found}
        if len(read) == 1:
            found[step.output] = next(iter(read.values()))
        else:
            found.pop(step.output, None)
    return found


def with_again(query_id: str, sources: Sequence[Source], first: Stage) -> tuple[Source, ...]:
    """The sources of a persistent query, each whose rows a model keeps where it fails with the topic of those that come
    again: of streams, since of a table what came later stands, and where a record makes one row and is read once,
    for it comes whole."""
    if any(isinstance(step, Evaluate) and step.explode for step in first.steps):
        return tuple(sources)
    made_of = origins(sources, first)
    kept = {
        made_of[step.input].edge
        for step in first.steps
        if isinstance(step, Infer) and step.input in made_of and any(call.keeps_failed for call, _ in step.calls)
    }
    topics = [s.topic for s in sources]
    return tuple(
        replace(s, again=f"{query_id}-{s.topic}-again")
        if s.edge in kept and not s.is_table and s.file is None and topics.count(s.topic) == 1
        else s
        for s in sources
    )


def only_input(sources: Sequence[Source]) -> str | None:
    """What the query's one input is called; None where it has several."""
    names = {source.input_name for source in sources}
    return next(iter(names)) if len(names) == 1 else None


def topics_read(sources: Sequence[Source]) -> list[str]:
    """The topics that a query reads, each once: its sources', then those of what comes again."""
    own = [s.topic for s in sources if s.file is None]
    return list(dict.fromkeys([*own, *(s.again for s in sources if s.again is not None)]))
