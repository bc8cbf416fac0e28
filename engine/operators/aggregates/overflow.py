"""Results that do not fit: NULL in the table, as long as they do not, and told with each change of their group.

ksqlDB ends the query there. The state of a sum is wider than the result, so that the group comes back when later rows bring it
back.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ...sql.functions import AggregateSpec
from ..context import Context
from .group_state import GroupState


def tell_overflows(change: pa.Table, layout: GroupState, context: Context) -> None:
    """`change`: groups with state and results, as GroupState.merge_sql gives them."""
    columns = layout.step.schema.columns
    keys = layout.step.partial.keys
    for i, (call, place) in enumerate(zip(layout.step.partial.calls, layout.places(), strict=True)):
        if not isinstance(call.spec, AggregateSpec) or not call.spec.overflow:
            continue
        for row in pc.indices_nonzero(pc.is_null(change.column(f"c{keys + i}"))).to_pylist():
            group = ", ".join(f"{c.name} = {change.column(f'c{k}')[row]}" for k, c in enumerate(columns[:keys]))
            value = change.column(f"s{place[0]}")[row]
            why = call.spec.overflow.format(value=value, group=group)
            context.fail(change, row, "aggregate", f"{call.name}: {why}", columns[keys + i].name)
