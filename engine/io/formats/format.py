"""What a format is: bytes to Arrow columns and back, a whole batch at a time.

A decoder is made once per query for the wanted columns; a bad record costs itself only and is reported with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import duckdb
import pyarrow as pa

from ...sql.types import SqlType


@dataclass(frozen=True)
class FormatColumn:
    """A column to decode or encode; `wanted` False: not needed by the query, given as NULLs."""

    name: str
    type: SqlType
    wanted: bool = True


@dataclass(frozen=True)
class Decoded:
    """Columns of equal length in the order asked for (unwanted ones all NULL), the rows whose payload is NULL, and the
    rows that could not be decoded with the reason (their columns are NULL; they must not be processed further)."""

    columns: list[pa.Array]
    is_null: pa.Array  # bool, True where the payload itself is NULL (a tombstone, or a NULL key)
    errors: list[tuple[int, str]]


class Decoder(Protocol):
    """Bytes to columns. Owned by one thread."""

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """Decode a binary array. `connection` is the stage's own DuckDB connection; nothing is left in it."""
        ...


class Encoder(Protocol):
    """Columns to bytes. Owned by one thread."""

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """A binary array, NULL where `is_null` says so (tombstones), and rows that could not be encoded with reasons."""
        ...


class Format(Protocol):
    """A format by its SQL name."""

    name: str

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """Raise UserError where this format cannot carry these columns (e.g. KAFKA with two, DELIMITED with a map)."""
        ...

    def decoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> Decoder:
        """A decoder for these columns. Properties (upper-case): VALUE_DELIMITER, KEY_DELIMITER, WRAP_SINGLE_VALUE …"""
        ...

    def encoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> Encoder:
        """An encoder for these columns, same properties."""
        ...
