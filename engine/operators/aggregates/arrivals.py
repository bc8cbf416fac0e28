"""Numbers of arrival: what tells, of sessions that a row brings together, whose rows came first.

A frame numbers its rows from 0. An aggregate whose state keeps the numbers of its values (`StateColumn.arrived`) sees them
behind all that the state knows already, so that they say the order of arrival from one batch to the next, and after a restart.
Nobody else pays for it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ...sql.functions import AggregateSpec
from ...sql.template import fill
from ...state.table import StateTable
from ..context import Context
from ..frame import set_column
from ..operator import SEQUENCE, SEQUENCE_STEP
from .group_state import GroupState


class Arrivals:
    """The numbers of one Aggregate step's rows."""

    def __init__(self, layout: GroupState, table: StateTable, context: Context) -> None:
        self._connection = context.connection
        self._table = table
        self._known = [
            f"max({fill(column.arrived, {'s': f's{place}'})})"
            for call, places in zip(layout.step.partial.calls, layout.places(), strict=True)
            if isinstance(call.spec, AggregateSpec)
            for place, column in zip(places, call.spec.state, strict=True)
            if column.arrived
        ]
        self._first = self._next = 0
        self.reload()

    def reload(self) -> None:
        """The state has been rolled back."""
        if self._known:
            found = f"SELECT greatest({', '.join(self._known)}) FROM {self._table.name}"
            ((greatest,),) = self._connection.execute(found).fetchall()
            self._next = 0 if greatest is None else _behind(greatest)

    def numbered(self, rows: pa.Table) -> pa.Table:
        """A batch's rows with their sequence behind all that came before."""
        if not self._known:
            return rows
        self._first = self._next
        sequence = pc.add(rows.column(SEQUENCE), self._first)
        self._next = _behind(pc.max(sequence).as_py())
        return set_column(rows, SEQUENCE, sequence)

    def as_sent(self, made: pa.Table) -> pa.Table:
        """What the batch has made, with the sequence of its frame."""
        if not self._known:
            return made
        return set_column(made, SEQUENCE, pc.subtract(made.column(SEQUENCE), self._first))


def _behind(number: int) -> int:
    return (number // SEQUENCE_STEP + 1) * SEQUENCE_STEP
