"""Windows of event time: which ones a row belongs to, and which rows come too late for theirs.

A row's window is closed when its end plus grace is not after the stream time of the row's partition, the row itself
included. Stream time is the running maximum over the rows that get here, so lateness does not depend on where batches
are cut. A window function finds it; most batches cannot hold a late row and are spared it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import Window
from ..frame import one_chunk
from ..operator import PARTITION, ROWTIME, STREAM_TIME, WINDOW_END, WINDOW_START

DEFAULT_GRACE_MS = 24 * 60 * 60 * 1000
"""Without GRACE PERIOD a window takes rows until a day after its start, as in ksqlDB."""


def grace_ms(window: Window) -> int:
    """How long after its end a window takes rows."""
    return max(DEFAULT_GRACE_MS - window.size_ms, 0) if window.grace_ms is None else window.grace_ms


def retention_ms(window: Window) -> int:
    """How long after its start a window is kept: as long as it takes rows, or longer if the statement says so. A session
    is kept that long after its end."""
    return max(window.retention_ms or 0, window.size_ms + grace_ms(window))


def first_end(window: Window, rowtime: int) -> int:
    """The end of the earliest window that a row belongs to."""
    size, advance = window.size_ms, window.advance_ms
    if window.is_cumulative:
        return rowtime // advance * advance + advance
    return max(0, rowtime - size + advance) // advance * advance + size


def bounds(window: Window) -> list[str]:
    """The system columns that tell a row's window, which is not a session."""
    return [WINDOW_START, WINDOW_END] if window.is_bounded else [WINDOW_START]


def kept_bounds(window: Window) -> list[str]:
    """Both bounds of a window that is kept by `bounds`, as SQL."""
    return [WINDOW_START, WINDOW_END if window.is_bounded else f"{WINDOW_START} + {window.size_ms} AS {WINDOW_END}"]


def bounds_sql(window: Window) -> str:
    """Those columns of each window of a row: what to select, which makes several rows of one for HOPPING and CUMULATIVE."""
    size, advance = window.size_ms, window.advance_ms
    start = f"{ROWTIME} - {ROWTIME} % {size} AS {WINDOW_START}"
    if window.is_cumulative:
        ends = f"range({ROWTIME} - {ROWTIME} % {advance} + {advance}, {ROWTIME} - {ROWTIME} % {size} + {size + 1}, {advance})"
        return f"{start}, unnest({ends}) AS {WINDOW_END}"
    if size == advance:
        return start
    first = f"greatest(0, {ROWTIME} - {size - advance}) // {advance} * {advance}"
    return f"unnest(range({first}, {ROWTIME} + 1, {advance})) AS {WINDOW_START}"


def with_stream_time(rows: pa.Table, stream_time: dict[int, int]) -> pa.Table:
    """The rows, in order, with the stream time of each one's partition as of the row; `stream_time` is advanced."""
    made = rows.append_column(STREAM_TIME, running_stream_time(rows, stream_time))
    advance_stream_time(rows, stream_time)
    return made


def may_be_late(window: Window, rowtimes: pa.ChunkedArray, stream_time: dict[int, int]) -> bool:
    """Whether the batch can hold a row that is late for one of its windows. Errs towards yes."""
    reached = pc.min_max(rowtimes).as_py()
    latest = max([reached["max"], *stream_time.values()])
    return bool(first_end(window, reached["min"]) + grace_ms(window) <= latest)


def running_stream_time(table: pa.Table, stream_time: dict[int, int]) -> pa.Array:
    """The stream time of each row's partition as of the row; rows are in order."""
    times = one_chunk(table.column(ROWTIME)).to_numpy()
    partitions = one_chunk(table.column(PARTITION)).to_numpy()
    made = np.empty(len(times), dtype=np.int64)
    for partition in np.unique(partitions):
        rows = np.flatnonzero(partitions == partition)
        running = np.maximum.accumulate(times[rows])
        made[rows] = np.maximum(running, stream_time.get(int(partition), -1))
    return pa.array(made)


def advance_stream_time(table: pa.Table, stream_time: dict[int, int]) -> None:
    """Note how far the rows of a table take their partitions."""
    if not table.num_rows:
        return
    partitions = table.column(PARTITION)
    numbers = pc.min_max(partitions).as_py()
    if numbers["min"] == numbers["max"]:
        partition = numbers["min"]
        stream_time[partition] = max(pc.max(table.column(ROWTIME)).as_py(), stream_time.get(partition, -1))
        return
    tops = pa.table([partitions, table.column(ROWTIME)], names=["p", "t"]).group_by("p").aggregate([("t", "max")])
    for partition, top in zip(tops.column("p").to_pylist(), tops.column("t_max").to_pylist(), strict=True):
        stream_time[partition] = max(top, stream_time.get(partition, -1))


def expired(table: pa.Table, window: Window, stream_time: pa.ChunkedArray) -> pa.Array:
    """True for each row (with its window's bounds) whose window is closed by its stream time."""
    ends = table.column(WINDOW_END) if window.is_bounded else pc.add(table.column(WINDOW_START), window.size_ms)
    return pc.less_equal(pc.add(ends, grace_ms(window)), stream_time)
