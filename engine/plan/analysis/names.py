"""Names that ksqlDB gives to columns that the query names not: KSQL_COL_0, KSQL_COL_1 …, or the field's for `a->b`.

A generated name never hides a source's column: numbers that source columns bear already are passed over, and a field's
name that is taken gets _1, _2 ….
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

_GENERATED = re.compile(r"KSQL_COL_(\d+)\Z")
_ROWKEY = re.compile(r"ROWKEY(?:_(\d+))?\Z")


def synthetic_key(columns: Iterable[str]) -> str:
    """The name of a join's key that no column of the sources holds: ROWKEY, or ROWKEY_n where that is taken.

    >>> synthetic_key(["ID"]), synthetic_key(["ROWKEY", "ROWKEY_1", "ID"])
    ('ROWKEY', 'ROWKEY_2')
    """
    taken = {int(m.group(1) or 0) for name in columns if (m := _ROWKEY.match(name))}
    number = next(n for n in count() if n not in taken)
    return f"ROWKEY_{number}" if number else "ROWKEY"


class NameGenerator:
    """Gives names for one query, in the order of its projection.

    >>> names = NameGenerator(["ID", "KSQL_COL_1", "CITY"])
    >>> names.column(), names.column(), names.field("CITY"), names.field("ZIP"), names.field("ZIP")
    ('KSQL_COL_0', 'KSQL_COL_2', 'CITY_1', 'ZIP', 'ZIP_1')
    """

    def __init__(self, source_columns: Iterable[str]) -> None:
        self._taken = set(source_columns)
        self._numbers = {int(m.group(1)) for name in self._taken if (m := _GENERATED.match(name))}
        self._next = 0

    def column(self) -> str:
        """The name of the next expression."""
        while self._next in self._numbers:
            self._next += 1
        self._next += 1
        return f"KSQL_COL_{self._next - 1}"

    def field(self, name: str) -> str:
        """The name of an expression that ends in `->name`."""
        unique, number = name, 0
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._taken.add(unique)
        return unique
