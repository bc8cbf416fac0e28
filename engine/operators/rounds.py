"""Rounds: rows of a batch put apart so that no key comes twice in a round, in order."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ..state.duckdb import Prepared
from .context import Context
from .frame import one_chunk
from .operator import SEQUENCE


def rounds(table: pa.Table, keys: Sequence[str], context: Context, *, changes: bool = False) -> list[pa.Table]:
    """Tables in which no key comes twice; a key's rows are in them in order. `changes`: rows of one place, such as what a
    change takes back and what it adds, stay together."""
    rank = "dense_rank" if changes else "row_number"
    ranked = f"{rank}() OVER (PARTITION BY {', '.join(keys)} ORDER BY {SEQUENCE}) AS _round"
    prepared = Prepared(context.connection, lambda source, _: f"SELECT *, {ranked} FROM {source} ORDER BY {SEQUENCE}")
    try:
        made = prepared(table)
    finally:
        prepared.close()
    number = one_chunk(made.column("_round"))
    made = made.drop_columns(["_round"])
    last = pc.max(number).as_py()
    return [made] if last == 1 else [made.filter(pc.equal(number, r)) for r in range(1, last + 1)]
