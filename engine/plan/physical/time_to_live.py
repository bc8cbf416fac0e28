"""STATE_TTL: which aggregation of a query forgets the keys that are not updated, and why another one cannot.

Only groups of a stream's rows grow without end and have no end of their own: windows have RETENTION, streams keep nothing,
and a table's rows go when their source takes them back, which a group that has forgotten them could not follow.
"""

from __future__ import annotations

from dataclasses import replace

from ...errors import AnalysisError
from ...sql.properties import StateTtl
from ..logical import FINALS_APART, Aggregate, Filter, Finals, Infer, Join, Node, Project, has


def with_state_ttl(node: Node, ttl: StateTtl | None) -> Node:
    """The tree whose last aggregation keeps its groups for so long; raises AnalysisError where it has none that can."""
    if ttl is None:
        return node
    match node:
        case Aggregate():
            return replace(_checked(node, ttl), ttl_ms=ttl.ms)
        case Project() | Filter() | Infer():
            return replace(node, input=with_state_ttl(node.input, ttl))
        case Join(is_lookup=True) if has(node.left, Aggregate):
            return replace(node, left=with_state_ttl(node.left, ttl))
        case _ if node.is_table:
            raise AnalysisError(
                "STATE_TTL needs a GROUP BY",
                detail="this table has the rows of its source, which says itself when one of them goes",
                hint="give STATE_TTL to the table that aggregates a stream; its tombstones come here too",
                span=ttl.span,
            )
        case _:
            raise AnalysisError(
                "STATE_TTL is for tables: a stream keeps no rows",
                hint="RETENTION_MS says how long the stream's topic keeps its records",
                span=ttl.span,
            )


def _checked(node: Aggregate, ttl: StateTtl) -> Aggregate:
    if node.grouped is not None:
        raise AnalysisError(
            "STATE_TTL cannot be given for a windowed table",
            detail="its windows go by their RETENTION",
            hint="write WINDOW … (SIZE …, RETENTION 7 DAYS)",
            span=ttl.span,
        )
    if has(node.input, Finals):
        raise AnalysisError(
            "STATE_TTL cannot be given over a sub-query with EMIT FINAL",
            detail="its rows come when their windows close, and have no stream time of their own",
            hint=FINALS_APART,
            span=ttl.span,
        )
    if node.input.is_table:
        raise AnalysisError(
            "STATE_TTL cannot be given for an aggregation over a table",
            detail="a row that changes is taken back from its group, which must not have forgotten it",
            hint="give STATE_TTL to the table beneath: the rows that leave it are taken back here",
            span=ttl.span,
        )
    return node
