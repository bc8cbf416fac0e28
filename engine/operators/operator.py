"""What an operator is: a step at work on batches. Pure of Kafka, Bytewax and clocks.

A batch on an edge is an Arrow table of c0, c1 … and the system columns below. A frame is what one pass through a stage
carries: a table an edge, and the stream times after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

SEQUENCE = "_seq"  # int64: order of the rows of a frame, across edges
ROWTIME = "_rowtime"  # int64: milliseconds
PARTITION = "_partition"  # int32: source partition
OFFSET = "_offset"  # int64: source offset; -1 - n: offset n in the topic of what comes again (plan/origins.py)
DELETED = "_deleted"  # bool: on tables' edges, a tombstone (value columns NULL)
WINDOW_START = "_ws"  # int64 ms, present on windowed edges
WINDOW_END = "_we"  # int64 ms, present on windowed edges
STREAM_TIME = "_st"  # int64: stream time of the row's partition as of the row, where an operator needs it
KEY_GROUP = "_kg"  # int32: after an exchange
CARRIED = "_headers"  # as in topics.HEADERS: the headers of the record that a row was made of, on their way to the sink
KEYED = "_keyed"  # bool: the record had a key, whose columns are all NULL
UNDO = "_undo"  # bool, behind a Retract: the row that was, to be taken back
PASSED = "_passed"  # bool, behind an Aggregate with HAVING: the key's row before this batch passed
SIDE = "_side"  # int8, where two edges have become one: 0 left, 1 right
LEFT_TIME = "_lt"  # int64, before a stream-stream join: stream time of the left side in its partition, as of the row
RIGHT_TIME = "_rt"  # int64: the same of the right side
SEQUENCE_STEP = 1 << 20
"""Sequence numbers of a source's rows are so far apart, that rows made from one (EXPLODE) find places between."""


_PARTITIONS_MAX = 1 << 20


def side_time(join: int, side: int, partition: int) -> int:
    """The name in `Frame.stream_time` of one side's stream time before the `join`-th join of a query: below 0, where no
    partition is.

    >>> side_time(0, 1, 7), partition_of_time(side_time(0, 1, 7))
    (-1048584, 7)
    """
    return -1 - partition - (2 * join + side) * _PARTITIONS_MAX


def window_time(number: int, partition: int) -> int:
    """The name in `Frame.stream_time` of a partition's stream time before a query's grouping `number`
    (`PartialAggregate.number`): the partition's own for the first.

    >>> window_time(0, 7), partition_of_time(window_time(2, 7))
    (7, 7)
    """
    return number * _PARTITIONS_MAX + partition


def window_times(times: Mapping[int, int], number: int) -> dict[int, int]:
    """Of the entries of a `Frame.stream_time` those of the grouping `number`, by partition.

    >>> window_times({3: 50, window_time(1, 3): 40, side_time(0, 1, 3): 30}, 1)
    {3: 40}
    """
    first, last = window_time(number, 0), window_time(number + 1, 0)
    return {name - first: time for name, time in times.items() if first <= name < last}


def groupings_of(times: Mapping[int, int]) -> list[int]:
    """The groupings that a `Frame.stream_time` speaks of."""
    return sorted({name // _PARTITIONS_MAX for name in times if name >= 0})


def partition_of_time(name: int) -> int:
    """The partition that an entry of `Frame.stream_time` speaks of."""
    return name % _PARTITIONS_MAX if name >= 0 else (-1 - name) % _PARTITIONS_MAX


_CLOSED_TIMES = -(1 << 60)


def closed_time(edge: int) -> int:
    """The name in `Frame.stream_time` of how far the windows have closed that are given on an edge, each once: no row of an
    earlier rowtime comes there any more. Below all other names.

    >>> [is_closed_time(name) for name in (closed_time(0), side_time(9, 1, 7), 0)]
    [True, False, False]
    """
    return _CLOSED_TIMES - edge


def is_closed_time(name: int) -> bool:
    """Whether an entry of `Frame.stream_time` speaks of what has closed, and not of a partition."""
    return name <= _CLOSED_TIMES


INPUT_ENDED = -(1 << 62)
"""The name in `Frame.stream_time` that says that no record will ever follow: every window has come to its end. Its time is
END_OF_TIME; stream times themselves stay as they are, for what is forgotten goes by them."""

END_OF_TIME = 1 << 62


@dataclass
class Frame:
    """One pass: tables by edge, and the stream times after the rows of this frame, by the names above: each grouping's and each
    join's are of the rows that it sees, and none judges rows by another's.

    An edge that is absent has no rows; a system column is there only where something needs it. On the way into a stage
    `stream_time` says where partitions stand already (a restart gives the snapshot's times here; a partition that is
    live and has given nothing yet stands at -1 and keeps windows open). `parts`: how many frames were put together.
    `began`: inside a stage, the stream times before it.
    """

    edges: dict[int, pa.Table]
    stream_time: dict[int, int] = field(default_factory=dict)
    parts: int = 1
    began: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """One record or row that could not be processed: for the processing log."""

    reason: str
    kind: str  # deserialization, expression, function, aggregate, model, late, serialization
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    column: str | None = None
    record: bytes | None = None


Report = Callable[[Failure], None]
