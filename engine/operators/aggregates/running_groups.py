"""Running groups: a batch's every update of an aggregate's groups, for a stream whose rows meet a group as of their moment.

A group's state after its n-th row is its first n rows' states merged. All of a batch are found together by doubling: each row
holds its own state, then that of two rows, of four …, so that a group of n rows takes log2(n) passes over the batch, and no
row is worked on alone. That a merge may be taken in any grouping is what every aggregate must keep to, for batches are cut
anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...state.duckdb import Prepared
from ...state.table import StateTable
from ..context import Context
from ..operator import KEY_GROUP, ROWTIME, SEQUENCE
from .group_state import GroupState

ROWS_MAX = 4_096  # of one pass: a state may be a list or a sketch, and each row has one of its own
_NTH, _LAST = "_nth", "_last"


class RunningGroups:
    """Groups of a stream's rows by aggregates in SQL, without windows."""

    def __init__(self, layout: GroupState, table: StateTable, context: Context) -> None:
        self._layout = layout
        self._table = table
        self._context = context
        self._rows = Prepared(context.connection, self._rows_sql)
        self._doubled: list[Prepared] = []
        self._merged = Prepared(context.connection, self._merged_sql, size=table.size)

    def updates(self, rows: pa.Table) -> Iterator[pa.Table]:
        """Add the rows to their groups; gives the updates as changes of the state with results, one a row."""
        rows = rows.sort_by(SEQUENCE)
        for start in range(0, rows.num_rows, ROWS_MAX):
            made = self._merged(self._running(rows.slice(start, ROWS_MAX)))
            last = made.column(_LAST)
            made = made.drop_columns([_LAST])
            self._table.apply(made.filter(last))
            yield made

    def _running(self, rows: pa.Table) -> pa.Table:
        """Each row with the state of its group's rows of the batch up to it."""
        made = self._rows(rows)
        longest = pc.max(made.column(_NTH)).as_py() if self._layout.step.partial.calls else 1
        for step in range((longest - 1).bit_length()):
            if step == len(self._doubled):
                self._doubled.append(Prepared(self._context.connection, self._doubling_sql(1 << step)))
            made = self._doubled[step](made)
        return made

    # ------------------------------------------------------------------------------------------------------------ SQL
    def _rows_sql(self, source: str, names: Sequence[str]) -> str:
        """Each row as a group of its own, numbered within its group."""
        keys = ", ".join(self._layout.key_names)
        over = f"OVER (PARTITION BY {keys} ORDER BY {SEQUENCE})"
        alone = self._layout.grouped_sql(source, names, each=SEQUENCE)
        columns = f"* REPLACE (max({ROWTIME}) {over} AS {ROWTIME}), row_number() {over} AS {_NTH}"
        return f"SELECT {columns} FROM ({alone})"

    def _doubling_sql(self, distance: int) -> Callable[[str, Sequence[str]], str]:
        """Each row's state merged with that of the row so many places before it in its group."""
        layout = self._layout
        keys = ", ".join(layout.key_names)
        texts = layout.merged_texts()
        packed = ", ".join(f"s{p} := p{p}" for p in range(len(texts)))
        merged = [f"CASE WHEN {_NTH} <= {distance} THEN b.p{p} ELSE {text} END AS p{p}" for p, text in enumerate(texts)]
        kept = [*layout.key_names, *merged, ROWTIME, SEQUENCE, KEY_GROUP, _NTH]

        def build(source: str, names: Sequence[str]) -> str:
            before = f"lag(struct_pack({packed}), {distance}) OVER (PARTITION BY {keys} ORDER BY {_NTH}) AS s"
            return f"SELECT {', '.join(kept)} FROM (SELECT *, {before} FROM {source}) AS b"

        return build

    def _merged_sql(self, source: str, names: Sequence[str]) -> str:
        """The states merged with what is stored; of each group the last row is what will be."""
        keys = ", ".join(self._layout.key_names)
        last = f"lead({SEQUENCE}) OVER (PARTITION BY {keys} ORDER BY {SEQUENCE}) IS NULL AS {_LAST}"
        return f"SELECT *, {last} FROM ({self._layout.merge_sql(source, self._table.name, None)})"
