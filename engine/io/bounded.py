"""Reading a topic from somewhere to where it ends now, and not for ever."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import pyarrow as pa

from ..errors import EnvironmentFault
from .topics import Topics

POLL_MS = 50.0
"""A poll waits for a record; that the end lies behind what is none, such as the marker of a transaction, is seen between two."""
SILENCE_MAX = 600
"""So many polls without a record before the end is reached, and the topic cannot be read."""


def records_until(
    topics: Topics,
    topic: str,
    start: Mapping[int, int],
    columns: Sequence[str] = ("value",),
    *,
    ends: Mapping[int, int] | None = None,
    rows_max: int = 1_000,
) -> Generator[pa.RecordBatch, None, None]:
    """The records of partitions from their offsets in `start` to `ends` (default: where they end now), and what may have
    come behind these in the last batch. Raises EnvironmentFault where they do not come."""
    to = topics.end_offsets(topic) if ends is None else ends
    wanted = {(topic, p): at for p, at in start.items() if at < to.get(p, 0)}
    if not wanted:
        return
    reader = topics.reader(wanted, columns)
    silent = 0
    try:
        while any(reader.positions().get(place, 0) < to[place[1]] for place in wanted):
            records = reader.poll(rows_max, POLL_MS)
            if records is not None:
                yield records
            silent = 0 if records is not None else silent + 1
            if silent == SILENCE_MAX:
                raise EnvironmentFault(f"topic {topic} cannot be read to its end")
    finally:
        reader.close()
