"""Tables kept by key, newest row first: what Materialize, Retract and the table's side of a join have in common.

The state's columns are the edge's own, keyed by some of them; a tombstone deletes the row.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..sql.schema import Schema
from ..sql.types import duckdb_type
from ..state.change import GONE, old_columns, same_keys
from ..state.store import StateStore
from ..state.table import StateTable
from .operator import DELETED, KEY_GROUP, ROWTIME, SEQUENCE


class NewestRows:
    """The newest row of every key of a table's changelog. `bounds`: the system columns that tell a row's window, a part of
    its key."""

    def __init__(
        self,
        store: StateStore,
        name: str,
        schema: Schema,
        keys: Sequence[int],
        *,
        bounds: Sequence[str] = (),
    ) -> None:
        self.width = len(schema)
        columns = [(f"c{i}", duckdb_type(c.type)) for i, c in enumerate(schema)]
        self.keys = [*(f"c{i}" for i in keys), *bounds]
        stored_keys = [columns[i] for i in keys] + [(n, "BIGINT") for n in bounds]
        values = [c for i, c in enumerate(columns) if i not in keys]
        values += [(ROWTIME, "BIGINT"), (KEY_GROUP, "INTEGER")]
        self.values = [n for n, _ in values]
        self.table: StateTable = store.table(name, stored_keys, values)

    def change_sql(self, source: str, names: Sequence[str]) -> str:
        """The newest row of each key in the batch, as StateTable takes a change, with the batch's system columns."""
        newest = f"row_number() OVER (PARTITION BY {', '.join(self.keys)} ORDER BY {SEQUENCE} DESC) = 1"
        gone = f"b.{DELETED}" if DELETED in names else "false"
        columns = [f"b.{k}" for k in self.keys]
        columns += [f"b.{v}" if v in names else f"NULL::INTEGER AS {v}" for v in self.values]
        columns += [f"b.{n}" for n in names if n.startswith("_") and n not in (*self.keys, *self.values, DELETED)]
        columns += [f"{gone} AS {GONE}", *old_columns(self.values)]
        batch = f"(SELECT * FROM {source} QUALIFY {newest}) AS b"
        stored = f"LEFT JOIN {self.table.name} AS s ON {same_keys(self.keys)}"
        return f"SELECT {', '.join(columns)} FROM {batch} {stored} ORDER BY b.{SEQUENCE}"
