"""A query's table as SQL over the state that keeps it: a view with all its columns, and what each column is by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InternalError
from ...operators.aggregates.group_state import GroupState
from ...operators.event_time.windows import kept_bounds
from ...operators.operator import KEY_GROUP, ROWTIME, WINDOW_END, WINDOW_START
from ...plan.physical.steps import Aggregate, Evaluate, Materialize, QueryPlan
from ...sql.compile.expression import compile_condition, compile_sql
from ...sql.expressions import Column

STATE = "_state"
"""What the state is called in `columns_of`'s texts."""


def view_sql(plan: QueryPlan, table: str) -> str:
    """The rows of a plan's table, as SQL over its state (a relation): c0, c1 … of the plan's schema and the system columns."""
    systems = [ROWTIME, KEY_GROUP]
    match _kept_by(plan):
        case Aggregate() as step:
            rows = GroupState(step).view_sql(table)
            systems += [WINDOW_START, WINDOW_END] if step.partial.window else []
        case Materialize() as step:
            columns = [f"c{i}" for i in range(len(step.schema))]
            windows = kept_bounds(step.window) if step.window else []
            rows = f"SELECT {', '.join([*columns, ROWTIME, KEY_GROUP, *windows])} FROM {table}"
            systems += [WINDOW_START, WINDOW_END] if step.window else []
    return rows if plan.table_view is None else _over(plan.table_view, rows, systems)


def _kept_by(plan: QueryPlan) -> Aggregate | Materialize:
    """The step whose state the table is."""
    for step in (step for stage in plan.stages for step in stage.steps):
        if isinstance(step, Aggregate | Materialize) and step.state == plan.materialized:
            return step
    raise InternalError(f"no step keeps the state {plan.materialized}")


def _over(view: Evaluate, rows: str, systems: Sequence[str]) -> str:
    columns = [f"{compile_sql(e)} AS c{i}" for i, e in enumerate(view.columns)]
    where = "" if view.where is None else f" WHERE {compile_condition(view.where)}"
    return f"SELECT {', '.join([*columns, *systems])} FROM ({rows}){where}"


@dataclass(frozen=True)
class TableColumns:
    """What the columns of a table are of its state: `texts` by the column of the step that keeps it, `places` by that of the
    table, None for one that is worked out over those. `filtered`: some rows are not shown."""

    texts: Sequence[str]
    places: Sequence[int | None]
    filtered: bool = False

    @property
    def shown(self) -> list[str]:
        """The texts by the table's columns; none where not all are there."""
        made = [self.texts[place] for place in self.places if place is not None]
        return made if len(made) == len(self.places) and not self.filtered else []


def columns_of(plan: QueryPlan) -> TableColumns:
    """The columns of a plan's table; none where windows part the rows of a key."""
    match _kept_by(plan):
        case Aggregate() as step:
            results = GroupState(step).result_texts(f"{STATE}.s")
            texts, window = [*(f"{STATE}.c{i}" for i in range(step.partial.keys)), *results], step.partial.window
        case Materialize() as step:
            texts, window = [f"{STATE}.c{i}" for i in range(len(step.schema))], step.window
    view = plan.table_view
    if window is not None:
        return TableColumns((), ())
    if view is None:
        return TableColumns(texts, range(len(texts)))
    places = [e.index if isinstance(e, Column) else None for e in view.columns]
    return TableColumns(texts, places, filtered=view.where is not None)
