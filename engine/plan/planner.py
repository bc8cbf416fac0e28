"""Queries to plans: FROM resolved, meaning analyzed, rules applied, stages cut, sink checked.

`plan_query` makes the plan of a persistent query (with a sink) or of a push query (without one); `plan_source_table`
that of a CREATE SOURCE TABLE, which only keeps what its topic says. Pull queries are `pull.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import AnalysisError
from ..sql.catalog import Catalog, Relation
from ..sql.functions import FunctionRegistry
from ..sql.schema import Schema
from ..sql.statements.statement import Query, RelationalQuery
from .analysis.select import analyze_query
from .analysis.sources import read_of
from .logical import Aggregate, Filter, Infer, Join, Node, Project, Retain, has, reads
from .origins import with_again
from .physical.stages import stage
from .physical.steps import QueryPlan
from .physical.time_to_live import with_state_ttl
from .result import check_kind, fit, row_by_row, sink_of
from .rules import optimize
from .rules.hoist_models import has_model
from .rules.merge_projections import merge_projections
from .subqueries.sources import Names
from .target import SinkTarget


def plan_query(
    query: Query | RelationalQuery,
    catalog: Catalog,
    registry: FunctionRegistry,
    *,
    query_id: str,
    sink: SinkTarget | None,
    settings: Mapping[str, str],
) -> QueryPlan:
    """The plan of a query that runs on: persistent with a `sink`, a push query without. Raises a UserError with its span."""
    root = plan_logical(query, catalog, registry, sink=sink, settings=settings)
    staged = stage(root)
    carries = sink is not None and row_by_row(root)
    sources = tuple(replace(s, carries_headers=carries) for s in staged.sources)
    return QueryPlan(
        query_id=query_id,
        sources=sources if sink is None else with_again(query_id, sources, staged.stages[0]),
        stages=staged.stages,
        sink=None if sink is None else sink_of(root, sink, staged, settings, rekeyed=query.rekeys),
        schema=root.schema if sink is not None else _unkeyed(root.schema),
        is_table=root.is_table,
        window=root.window,
        materialized=staged.state,
        table_view=staged.view,
        limit=query.limit,
        settings=dict(settings),
        logical=root,
    )


def plan_logical(
    query: Query | RelationalQuery,
    catalog: Catalog,
    registry: FunctionRegistry,
    *,
    sink: SinkTarget | None,
    settings: Mapping[str, str],
) -> Node:
    """The optimized logical tree of a query."""
    _check_query(query, sink)
    block, names = Names(catalog, registry, settings, sink is not None, {}).block(query)
    block, rows = names.rows(block)
    root = analyze_query(block, rows, sink=None if sink is None else sink.name, settings=settings, names=names)
    if sink is None:
        return optimize(_told(root))
    check_kind(root, sink)
    made = merge_projections(fit(root, sink, any_case=bool(rows.any_case)))
    return optimize(_kept(with_state_ttl(made, sink.state_ttl)))


def plan_source_table(relation: Relation, *, query_id: str, settings: Mapping[str, str]) -> QueryPlan:
    """The plan that keeps a source table's rows, so that pull queries can read them; it writes nothing."""
    read = read_of(relation, relation.name)
    staged = stage(optimize(Retain(Project(read, read.schema_columns(), read.schema))))
    return QueryPlan(
        query_id=query_id,
        sources=staged.sources,
        stages=staged.stages,
        sink=None,
        schema=read.schema,
        is_table=True,
        window=read.window,
        materialized=staged.state,
        table_view=staged.view,
        settings=dict(settings),
    )


def _unkeyed(schema: Schema) -> Schema:
    """A push query's columns, which are all values to its reader."""
    return Schema(tuple(replace(c, is_key=False) for c in schema))


def _check_query(query: Query | RelationalQuery, sink: SinkTarget | None) -> None:
    if sink is not None and query.limit is not None:
        raise AnalysisError("a persistent query takes no LIMIT", hint="LIMIT ends push and pull queries")


def _kept(root: Node) -> Node:
    """A table's rows are kept where an aggregate does not keep them already: as its state, with one evaluation over it."""
    if not root.is_table or (isinstance(root, Project) and _of_groups(root)):
        return root
    return Retain(root)


def _told(root: Node) -> Node:
    """A push query over a table's rows tells the end only of those that it has told. Joins and groups know what was."""
    if isinstance(root, Project | Infer) and root.is_table:
        return replace(root, input=_told(root.input))
    if not isinstance(root, Filter) or not root.is_table or has(root, Join, Aggregate):
        return root
    keys = sum(c.is_key for read in reads(root) for c in read.schema)
    return Retain(root, told=True) if sum(c.is_key for c in root.schema) == keys else root


def _of_groups(root: Project) -> bool:
    below = root.input.input if isinstance(root.input, Filter) else root.input
    return isinstance(below, Aggregate) and not _calls_models(root)


def _calls_models(root: Project) -> bool:
    conditions = (root.input.condition,) if isinstance(root.input, Filter) else ()
    return any(has_model(expr) for expr in (*root.columns, *conditions))
