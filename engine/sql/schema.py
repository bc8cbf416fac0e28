"""Schemas: the columns of a source, of a batch on an edge, and of a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .types import SqlType, quote_if_needed


@dataclass(frozen=True)
class ColumnDef:
    """A column: its name as the user spells it (upper-cased when unquoted), type, and whether it is part of the key."""

    name: str
    type: SqlType
    is_key: bool = False
    header: str | None = None  # HEADER('k') name, '' for HEADERS (part 2)


@dataclass(frozen=True)
class Schema:
    """Columns in order, keys first. On an edge, column i is `c{i}` in the batch."""

    columns: tuple[ColumnDef, ...]

    def __iter__(self) -> Iterator[ColumnDef]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def keys(self) -> tuple[ColumnDef, ...]:
        """The key columns."""
        return tuple(c for c in self.columns if c.is_key)

    @property
    def values(self) -> tuple[ColumnDef, ...]:
        """The value columns."""
        return tuple(c for c in self.columns if not c.is_key)

    def index(self, name: str) -> int | None:
        """The place of the column of exactly that name."""
        return next((i for i, c in enumerate(self.columns) if c.name == name), None)

    def text(self, *, is_table: bool) -> str:
        """ksqlDB's text form: `ID BIGINT KEY, VALUE BIGINT`."""
        role = " PRIMARY KEY" if is_table else " KEY"
        return ", ".join(f"{quote_if_needed(c.name)} {c.type}{role if c.is_key else ''}" for c in self.columns)
