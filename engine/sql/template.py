"""SQL templates of aggregates: `{0}`, `{seq}`, `{s}` … filled in; other braces (DuckDB's structs) stay."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{(\d+|seq|[sb]\d*)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with every placeholder replaced by its text.

    >>> fill("sum({0}) + {s}", {"0": "c1", "s": "old"})
    'sum(c1) + old'
    """
    return _PLACE.sub(lambda found: values[found.group(1)], template)
