"""The columns of a change as `StateTable` takes it, and the SQL that joins a batch with the rows that are stored."""

from __future__ import annotations

from collections.abc import Iterable

ROW = "_rid"  # int64: where the row lies in the table; NULL: it is new
GONE = "_gone"  # bool, may be absent: the change deletes the row
OLD = "old_"  # prefix of the columns that hold a row's values before the change


def old_columns(values: Iterable[str]) -> list[str]:
    """What a change carries of the stored row `s`: its place and its values."""
    return [f"s.rowid AS {ROW}", *(f"s.{n} AS {OLD}{n}" for n in values)]


def same_keys(keys: Iterable[str]) -> str:
    """Whether a batch's row `b` and the stored row `s` have one key."""
    return " AND ".join(f"s.{k} = b.{k}" for k in keys)
