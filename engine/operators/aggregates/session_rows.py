"""Which session each row of a batch belongs to, and which stored sessions it brings together.

A session is a run of rows of one key with no more than the gap between neighbours. The stored sessions that a batch can
reach are laid beside its rows in the order of time; where the next one begins more than the gap after all before it have
ended, another session begins. One SELECT gives rows and stored sessions alike with the bounds of the session that they
become part of.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..operator import ROWTIME, SEQUENCE, STREAM_TIME, WINDOW_END, WINDOW_START

STORED = "_stored"  # bool: a stored session, else a row of the batch
FROM, TO = "_from", "_to"  # int64: where the row, or the stored session, itself begins and ends
PLACE = "_place"  # int64: of a stored session, where it lies in the state
RANK = "_rank"  # int64: of a stored session, the how-manieth of its new session, by end
TOP = "_top"  # int64: the greatest sequence of the new session's rows
ODD = "_odd"  # bool: the key has a stored session that ends after the batch's first row of the key
SLOW = "_slow"  # bool: the key's rows must be taken one after the other


def islands_sql(
    source: str, names: Sequence[str], table: str, keys: Sequence[str], values: Sequence[str], gap_ms: int, kept_ms: int
) -> str:
    """`source`'s rows (columns `names`) and the sessions of `table` (with `values`) that they reach."""
    key = ", ".join(keys)
    same = " AND ".join(f"s.{k} = p.{k}" for k in keys)
    span = (
        f"SELECT {key}, min({ROWTIME}) AS _first, max({ROWTIME}) AS _last, min({STREAM_TIME}) AS _now"
        f" FROM {source} GROUP BY {key}"
    )
    own = ", ".join(f"s.{n}" for n in (*keys, *values))
    stored = (
        f"SELECT {own}, s.{WINDOW_START} AS {FROM}, s.{WINDOW_END} AS {TO}, s.rowid AS {PLACE}, true AS {STORED},"
        f" s.{WINDOW_END} > p._first AS {ODD} FROM {table} s JOIN ({span}) p ON {same}"
        f" WHERE s.{WINDOW_END} >= p._first - {gap_ms} AND s.{WINDOW_START} <= p._last + {gap_ms}"
        f" AND s.{WINDOW_END} + {kept_ms} >= p._now"
    )
    rows = f"SELECT {', '.join(names)}, {ROWTIME} AS {FROM}, {ROWTIME} AS {TO}, false AS {STORED} FROM {source}"
    both = f"{rows} UNION ALL BY NAME {stored}"
    order = f"PARTITION BY {key} ORDER BY {FROM}, {TO}, {STORED}, {SEQUENCE}"
    before = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    apart = f"coalesce({FROM} > max({TO}) OVER ({order} {before}) + {gap_ms}, true)::INTEGER"
    counted = (
        f"SELECT * EXCLUDE (_new), sum(_new) OVER ({order} ROWS UNBOUNDED PRECEDING) AS _island"
        f" FROM (SELECT *, {apart} AS _new FROM ({both}))"
    )
    island = f"PARTITION BY {key}, _island"
    return (
        f"SELECT * EXCLUDE (_island, {ODD}), min({FROM}) OVER ({island}) AS {WINDOW_START},"
        f" max({TO}) OVER ({island}) AS {WINDOW_END},"
        f" max({SEQUENCE}) OVER ({island}) AS {TOP},"
        f" row_number() OVER ({island}, {STORED} ORDER BY {TO}, {FROM}) AS {RANK},"
        f" bool_or(coalesce({ODD}, false)) OVER (PARTITION BY {key}) AS {ODD}"
        f" FROM ({counted}) QUALIFY bool_or(NOT {STORED}) OVER ({island}) ORDER BY {SEQUENCE}"
    )


def slow_sql(source: str, keys: Sequence[str], behind_ms: int, *, ordered: bool) -> str:
    """`source`'s rows, with whether those of their key must be taken one after the other: because one may be late, or may
    reach a session that has expired, being more than `behind_ms` behind stream time; or, where an aggregate minds the order,
    because one is behind another in time."""
    key = ", ".join(keys)
    slow = f"{STREAM_TIME} - {ROWTIME} > {behind_ms}"
    if ordered:
        before = f"OVER (PARTITION BY {key} ORDER BY {SEQUENCE} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        slow = f"{slow} OR coalesce({ROWTIME} < max({ROWTIME}) {before}, false)"
    marked = f"SELECT *, {slow} AS {SLOW} FROM {source}"
    return f"SELECT * REPLACE (bool_or({SLOW}) OVER (PARTITION BY {key}) AS {SLOW}) FROM ({marked}) ORDER BY {SEQUENCE}"
