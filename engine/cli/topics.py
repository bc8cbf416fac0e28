"""`mergus produce`, `consume` and `topics`: topics from the shell, beside a running server or without one.

They open the topics themselves and take no lock: embedded topics are made for many processes at once.
"""

from __future__ import annotations

import io
import select
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, cast

import pyarrow as pa
from cyclopts import Parameter

from ..clock import SystemClock
from ..errors import UnknownName, UserError
from ..io.topics import Topics
from ..serving import opening
from ..sql.scope import suggestion_as_spelled
from .failing import UsageError
from .options import settings

CHUNK_LINES = 5_000
POLL_MS = 200.0


@contextmanager
def _topics(data: Path | None, kafka: str | None, config: Path | None) -> Iterator[Topics]:
    chosen = settings({"data": None if data is None else str(data), "kafka.bootstrap": kafka}, config)
    if chosen["data"] is None and chosen["kafka.bootstrap"] is None:
        raise UsageError("which topics?", hint="give --data DIR for embedded topics, or --kafka HOST:PORT")
    folder = Path(chosen["data"] or tempfile.gettempdir())
    if chosen["kafka.bootstrap"] is None and not (folder / "VERSION").exists():
        raise UserError(f"{folder} is no data folder", hint="start a server with --data, or check the path")
    topics = opening.topics(chosen, folder, SystemClock())
    try:
        yield topics
    finally:
        topics.close()


def _known(topics: Topics, name: str) -> int:
    """How many partitions the topic has; raises UnknownName."""
    found = topics.describe(name)
    if found is None:
        names = [t.name for t in topics.list()]
        raise UnknownName(
            f"topic {name} does not exist", hint=suggestion_as_spelled(name, names) or "mergus topics lists them"
        )
    return found.partitions


def produce(
    topic: str,
    *,
    data: Path | None = None,
    kafka: str | None = None,
    config: Path | None = None,
    key_separator: str | None = None,
    partitions: int | None = None,
) -> int:
    """Write standard input to a topic, a line a record.

    Parameters
    ----------
    topic
        The topic's name.
    data
        The data folder of embedded topics.
    kafka
        Bootstrap servers of a Kafka cluster.
    config
        A TOML file of settings.
    key_separator
        What divides a line's key from its value; without it lines are values.
    partitions
        Make the topic with so many partitions where there is none.
    """
    if key_separator == "":
        raise UsageError("--key-separator is empty", hint="leave it out: lines are values then")
    with _topics(data, kafka, config) as opened:
        if partitions is not None and opened.describe(topic) is None:
            opened.create(topic, partitions)
        _known(opened, topic)
        writer = opened.writer()
        count = 0
        for lines in _chunks():
            writer.write(topic, _records(lines, key_separator))
            writer.flush()
            count += len(lines)
        writer.close()
    print(f"{count} records", file=sys.stderr)
    return 0


def _chunks() -> Iterator[list[bytes]]:
    """Lines as they come: a pipe that is slow is written at once, a file in chunks."""
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    chunk: list[bytes] = []
    for line in iter(stream.readline, b""):
        chunk.append(line.rstrip(b"\r\n"))
        if len(chunk) >= CHUNK_LINES or not _more(stream):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _more(stream: io.BufferedReader) -> bool:
    """Whether a whole line waits already: else what was read is written before waiting for more."""
    return b"\n" in stream.peek(1) if select.select([stream], [], [], 0)[0] else False


def _records(lines: list[bytes], separator: str | None) -> pa.RecordBatch:
    if separator is None:
        return pa.record_batch({"value": pa.array(lines, pa.binary())})
    mark = separator.encode()
    pairs = [line.split(mark, 1) if mark in line else [None, line] for line in lines]
    keys, values = [p[0] for p in pairs], [p[1] for p in pairs]
    return pa.record_batch({"key": pa.array(keys, pa.binary()), "value": pa.array(values, pa.binary())})


def consume(
    topic: str,
    *,
    data: Path | None = None,
    kafka: str | None = None,
    config: Path | None = None,
    from_beginning: Annotated[bool, Parameter(negative="")] = False,
    max: Annotated[int | None, Parameter(name="--max")] = None,
    keys: Annotated[bool, Parameter(negative="")] = False,
    until: Literal["caught-up"] | None = None,
) -> int:
    """Print a topic's records, a line each, until Ctrl-C.

    Parameters
    ----------
    topic
        The topic's name.
    data
        The data folder of embedded topics.
    kafka
        Bootstrap servers of a Kafka cluster.
    config
        A TOML file of settings.
    from_beginning
        Begin with the oldest record, not with what comes from now on.
    max
        Stop after so many records.
    keys
        Print the key and a tab before each value.
    until
        caught-up: stop when everything there is has been printed.
    """
    if max is not None and max < 0:
        raise UsageError(f"--max is a number of records, not {max}")
    with _topics(data, kafka, config) as opened:
        _known(opened, topic)
        offsets = opened.begin_offsets(topic) if from_beginning else opened.end_offsets(topic)
        ends = {(topic, p): end for p, end in opened.end_offsets(topic).items()}
        reader = opened.reader({(topic, p): at for p, at in offsets.items()}, ("key", "value") if keys else ("value",))
        left = max
        while left is None or left > 0:
            batch = reader.poll(CHUNK_LINES if left is None else min(left, CHUNK_LINES), POLL_MS)
            if batch is not None:
                shown = batch if left is None else batch.slice(0, left)
                _print(shown, keys)
                left = None if left is None else left - shown.num_rows
            elif until is not None and all(reader.positions().get(p, 0) >= end for p, end in ends.items()):
                break
        reader.close()
    return 0


def _print(batch: pa.RecordBatch, keys: bool) -> None:
    out = sys.stdout.buffer
    values = batch.column("value").to_pylist()
    heads = batch.column("key").to_pylist() if keys else [None] * len(values)
    for key, value in zip(heads, values, strict=True):
        if keys:
            out.write((key or b"") + b"\t")
        out.write((value or b"") + b"\n")
    out.flush()


def topics(*, data: Path | None = None, kafka: str | None = None, config: Path | None = None) -> int:
    """List the topics.

    Parameters
    ----------
    data
        The data folder of embedded topics.
    kafka
        Bootstrap servers of a Kafka cluster.
    config
        A TOML file of settings.
    """
    with _topics(data, kafka, config) as opened:
        for found in opened.list():
            records = sum(opened.end_offsets(found.name).values()) - sum(opened.begin_offsets(found.name).values())
            print(f"{found.name}\t{found.partitions} partitions\t{records} records")
    return 0
