"""Rows that Python gives: dictionaries, or anything that hands itself over as Arrow (a pandas or polars frame, a DuckDB
relation, a table, a batch, a reader), some thousands at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from ...errors import MergusError, UserError

PIECE_ROWS = 10_000
GivenRows = Iterable[Mapping[str, Any]] | Any
"""Dictionaries, or an object with `__arrow_c_stream__` or `__arrow_c_array__`, whose types are not this package's to name."""
Row = Mapping[str, Any]


def pieces_of(rows: GivenRows) -> Iterator[Sequence[Row]]:
    """The rows, at most 10,000 at once. Raises UserError where they are none.

    >>> [len(piece) for piece in pieces_of({"n": i} for i in range(10_001))]
    [10000, 1]
    >>> list(pieces_of(pa.table({"n": [1, 2]})))
    [[{'n': 1}, {'n': 2}]]
    """
    if hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__"):
        given: Iterator[Row] = _rows_of_arrow(rows)
    elif isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise UserError(f"rows are expected, not {type(rows).__name__}", hint="give a list of dictionaries, or a table")
    else:
        given = _checked(rows)
    while piece := list(islice(given, PIECE_ROWS)):
        yield piece


def _rows_of_arrow(rows: Any) -> Iterator[Row]:
    reader = pa.RecordBatchReader.from_stream(rows) if hasattr(rows, "__arrow_c_stream__") else [pa.record_batch(rows)]
    for batch in reader:
        for start in range(0, len(batch), PIECE_ROWS):
            yield from batch.slice(start, PIECE_ROWS).to_pylist()


def _checked(rows: Iterable[Any]) -> Iterator[Row]:
    for row in rows:
        if not isinstance(row, Mapping):
            raise UserError(f"a row is a dictionary of values by column, not {type(row).__name__}")
        yield row


def raise_refused(answers: Sequence[MergusError | None]) -> None:
    """Raise where rows were refused: the one row's reason, or of several rows how many and the first one's."""
    refused = [(number, why) for number, why in enumerate(answers) if why is not None]
    if not refused:
        return
    number, why = refused[0]
    if len(answers) == 1:
        raise why
    why.message = (
        f"{len(refused)} of {len(answers)} rows are refused, the others are written; row {number}: {why.message}"
    )
    raise why
