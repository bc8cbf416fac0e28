"""Retention of the embedded topics: `retention.ms` and `retention.bytes` of a topic's configuration, as Kafka means them.

Batches are dropped whole, oldest first, by whoever appends; a topic that is never written to again is cleaned by the
server (`keeper.py`). Unlike Kafka's, a topic without these settings keeps everything: nobody sized its disk for a week.
A topic that is only compacted (`cleanup.policy=compact`) is kept too: its old rows are the table.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...clock import Clock
from ...errors import UserError
from .store import first_row

CHECK_EVERY_MS = 5_000
PAGES_A_TIME = 256
"""Freed pages that are given back to the disk in one transaction, in a few milliseconds; the cleaner gives back the rest."""


@dataclass(frozen=True)
class Retention:
    """What a topic keeps, a partition; None: everything."""

    ms: int | None
    bytes: int | None

    @staticmethod
    def of(config: Mapping[str, str]) -> Retention:
        """Read a topic's configuration; raises UserError for what is not a number."""
        if "delete" not in config.get("cleanup.policy", "delete"):
            return KEEPS_ALL
        return Retention(_number(config, "retention.ms"), _number(config, "retention.bytes"))


KEEPS_ALL = Retention(None, None)


def _number(config: Mapping[str, str], name: str) -> int | None:
    text = config.get(name, "-1")
    try:
        number = int(text)
    except ValueError as error:
        raise UserError(f"topic setting {name} must be a whole number: {text}", hint="-1 keeps everything") from error
    return None if number < 0 else number


class RetentionWatch:
    """Remembers when each partition was last looked at, so that appending does not do it every time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_ms: dict[int, int] = {}

    def enforce(self, connection: sqlite3.Connection, partition_ids: Iterable[int]) -> None:
        """Drop what is past retention in those of the partitions whose time has come; inside a transaction."""
        now_ms = self._clock.now_ms()
        for partition_id in partition_ids:
            if now_ms >= self._next_ms.get(partition_id, 0):
                self._next_ms[partition_id] = now_ms + CHECK_EVERY_MS
                enforce_retention(connection, partition_id, now_ms)


def enforce_retention(connection: sqlite3.Connection, partition_id: int, now_ms: int) -> int:
    """Drop the batches of one partition that are past its topic's retention; how many records those were."""
    found = connection.execute(
        "SELECT t.config, p.bytes, p.begin_offset, p.end_offset FROM partitions p JOIN topics t ON t.id = p.topic_id"
        " WHERE p.id = ?",
        (partition_id,),
    ).fetchone()
    if found is None:  # the topic was deleted
        return 0
    text, size, begin, end = found
    keep = Retention.of(json.loads(text))
    if keep.ms is None and keep.bytes is None:
        return 0
    start, dropped, dropped_bytes, new_begin = first_row(partition_id), 0, 0, end
    oldest_first = connection.execute(
        "SELECT id, count, max_timestamp, length(body) FROM batches WHERE id >= ? AND id < ? ORDER BY id",
        (start, start + end),
    )
    for row, count, max_timestamp, length in oldest_first:
        too_old = keep.ms is not None and max_timestamp < now_ms - keep.ms
        too_much = keep.bytes is not None and size - dropped_bytes - length >= keep.bytes
        if not too_old and not too_much:
            new_begin = max(begin, row - start)
            break
        dropped += count
        dropped_bytes += length
    oldest_first.close()
    if dropped:
        connection.execute("DELETE FROM batches WHERE id >= ? AND id < ?", (start, start + new_begin))
        connection.execute(
            "UPDATE partitions SET begin_offset = ?, bytes = bytes - ?, clean_offset = max(clean_offset, ?),"
            " clean_bytes = max(0, clean_bytes - ?) WHERE id = ?",
            (new_begin, dropped_bytes, new_begin, dropped_bytes, partition_id),
        )
        give_back_pages(connection)
    return dropped


def give_back_pages(connection: sqlite3.Connection, pages: int = PAGES_A_TIME) -> None:
    """Return so many of the file's unused pages to the disk; the rest is used again by what comes."""
    for _ in range(pages):  # Python's driver takes one step of this statement, whatever number it names
        connection.execute("PRAGMA incremental_vacuum(1)")
