"""NONE: no key at all. Nothing is read, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from ...errors import AnalysisError
from ...sql.types import arrow_type
from .format import Decoded, FormatColumn


class NoneCodec:
    """Decodes to nothing and encodes to NULL."""

    def __init__(self, columns: Sequence[FormatColumn]) -> None:
        self.types = [arrow_type(c.type) for c in columns]

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """Columns of NULLs."""
        rows = len(payload)
        return Decoded([pa.nulls(rows, t) for t in self.types], pa.array([True] * rows, pa.bool_()), [])

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """NULL payloads, as many as `is_null` or the columns have rows (none of both: no rows)."""
        rows = len(is_null) if is_null is not None else len(columns[0]) if columns else 0
        return pa.nulls(rows, pa.binary()), []


class NoneFormat:
    """The format of topics whose records have no key."""

    name = "NONE"

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """Only a key can be NONE, and then it has no columns."""
        if not is_key:
            raise AnalysisError("The 'NONE' format can only be used for keys", hint="choose another VALUE_FORMAT")
        if columns:
            raise AnalysisError(
                "The 'NONE' format does not support key columns",
                detail=f"key column {columns[0].name}",
                hint="choose another KEY_FORMAT, or drop the key column",
            )

    def decoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> NoneCodec:
        """A decoder that gives nothing."""
        return NoneCodec(columns)

    def encoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> NoneCodec:
        """An encoder that writes NULL."""
        return NoneCodec(columns)
