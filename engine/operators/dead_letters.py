"""Rows that a model has failed on, kept with all that it takes to ask again (ON_ERROR = 'dlq').

They are output like any other: what a pass makes is delivered with its records, in their transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..io.formats.json.text import writer
from ..plan.physical.steps import Source
from ..sql.catalog_models import dead_letter_columns
from ..sql.schema import ColumnDef
from ..sql.types import Struct
from .operator import OFFSET, PARTITION, ROWTIME

if TYPE_CHECKING:
    from ..inference.runtime import DeadRow  # what a model's process needs is not loaded for every query


class Letters:
    """What a worker's passes have not delivered yet, by topic."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[int | None, bytes]]] = {}

    def add(self, topic: str, time_ms: int | None, letter: bytes) -> None:
        """One more."""
        self._waiting.setdefault(topic, []).append((time_ms, letter))

    def take(self) -> list[tuple[str, pa.RecordBatch]]:
        """All that were added, as records; none is left."""
        waiting, self._waiting = self._waiting, {}
        return [
            (topic, pa.record_batch({"timestamp": pa.array(times, pa.int64()), "value": pa.array(values, pa.binary())}))
            for topic, (times, values) in ((topic, zip(*found, strict=True)) for topic, found in waiting.items())
        ]


class LetterWriter:
    """Writes the letters of one call of a model in one query. `keys`: the key columns of its input, and their places."""

    def __init__(self, query_id: str, model: Any, origin: Source | None, keys: Sequence[tuple[int, ColumnDef]]) -> None:
        self._query_id = query_id
        self._model = model
        self._origin = origin
        self._read_from = None if origin is None else origin.topic or (origin.file and origin.file.path)
        self._keys = keys
        self._write = writer(Struct(dead_letter_columns(model.inputs)))
        self._write_key = writer(Struct(tuple((c.name, c.type) for _, c in keys)))

    def letter(self, table: pa.Table, given: Sequence[pa.ChunkedArray], dead: DeadRow) -> tuple[int | None, bytes]:
        """(the row's time, the record): `table` has the row, `given` the columns that the model was asked."""
        row = dead.row
        topic, offset = self._read_from, _at(table, OFFSET, row)
        if offset is not None and offset < 0 and self._origin is not None:
            topic, offset = self._origin.again, -1 - offset
        key = _fields(table.column(f"c{i}")[row].as_py() for i, _ in self._keys)
        body = (
            self._model.name,
            dead.version,
            dead.reason,
            self._query_id,
            topic,
            _at(table, PARTITION, row),
            offset,
            self._write_key(key) if self._keys else None,
            _fields(column[row].as_py() for column in given),
        )
        return _at(table, ROWTIME, row), self._write(_fields(body)).encode()


def _fields(values: Any) -> dict[str, Any]:
    return {f"f{i}": value for i, value in enumerate(values)}


def _at(table: pa.Table, name: str, row: int) -> int | None:
    return table.column(name)[row].as_py() if name in table.schema.names else None
