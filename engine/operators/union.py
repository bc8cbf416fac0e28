"""Union: the rows of several streams' edges as one edge.

Rows stand in the order of the records that they came of, as everywhere, so that what follows does not see which arm was
worked on first; of one record the first arm's rows come first.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..plan.physical.steps import Union
from .frame import concat, one_chunk, set_column
from .joins.sides import spread_places
from .operator import SEQUENCE, Frame


class UnionOperator:
    """Runs a Union step."""

    def __init__(self, step: Union) -> None:
        self._step = step

    def run(self, frame: Frame) -> None:
        tables = [
            table for edge in self._step.inputs if (table := frame.edges.get(edge)) is not None and table.num_rows
        ]
        if tables:
            frame.edges[self._step.output] = tables[0] if len(tables) == 1 else _in_order(concat(tables))


def _in_order(rows: pa.Table) -> pa.Table:
    """By sequence; rows of one record get places of their own, for what follows tells rows apart by them."""
    sequence = one_chunk(rows.column(SEQUENCE)).to_numpy()
    order = np.argsort(sequence, kind="stable")
    return set_column(rows.take(pa.array(order)), SEQUENCE, pa.array(spread_places(sequence[order])))
