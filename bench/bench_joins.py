"""(e) Joins, sessions and tables that take rows back: rows/s and CPU against the filter-only query of the same run.

    python -m bench.bench_joins [--records 1000000] [--keys 100 1000000] [--only "stream-table" …]

Embedded topics, one worker, checkpoints on; both sides' records are counted. At 100 keys a row has ten matches where its
kind of join can have several, at 1,000,000 one. Memory is that of the query's host at its end.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.bench_filter_count import WARM, engine, used
from bench.processes import resident_mb
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.serving.engine import Engine

PARTS = 2
BATCH = 10_000
START_MS = 1_700_000_000_000
STEP_MS = 3  # between two records of the input
MATCHES = {True: 10, False: 1}  # by whether the keys are few
SOURCE = (
    "CREATE {kind} {name} (k INT {key}, g INT, v INT, note STRING)"
    " WITH (KAFKA_TOPIC='{name}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON', PARTITIONS={parts});"
)


@dataclass(frozen=True)
class Shape:
    """A query and the sources that it reads; `kinds`: STREAM or TABLE of the sources l and r. Of the rows of r there is one
    for `lefts` of l."""

    name: str
    kinds: tuple[str, ...]
    query: str
    lefts: int = 1


SHAPES = (
    Shape("filter only", ("STREAM",), "CREATE STREAM o AS SELECT k, v FROM l WHERE v < 50 EMIT CHANGES;"),
    Shape(
        "stream-table",
        ("STREAM", "TABLE"),
        "CREATE STREAM o AS SELECT l.k, l.v, r.v FROM l JOIN r ON l.k = r.k EMIT CHANGES;",
        9,
    ),
    Shape(
        "table-table",
        ("TABLE", "TABLE"),
        "CREATE TABLE o AS SELECT l.k, l.v, r.v FROM l JOIN r ON l.k = r.k EMIT CHANGES;",
    ),
    Shape(
        "foreign key",
        ("TABLE", "TABLE"),
        "CREATE TABLE o AS SELECT l.k, l.v, r.v FROM l JOIN r ON l.g = r.k EMIT CHANGES;",
        9,
    ),
    Shape(
        "stream-stream",
        ("STREAM", "STREAM"),
        "CREATE STREAM o AS SELECT l.k, l.v, r.v FROM l JOIN r WITHIN {within} MILLISECONDS GRACE PERIOD 10 SECONDS ON l.k = r.k"
        " EMIT CHANGES;",
    ),
    Shape(
        "session windows",
        ("STREAM",),
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM l WINDOW SESSION ({gap} MILLISECONDS) GROUP BY k"
        " EMIT CHANGES;",
    ),
    Shape(
        "table aggregate with undo",
        ("TABLE",),
        "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(v) AS s FROM l GROUP BY g EMIT CHANGES;",
    ),
)


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    name: str
    rows: int
    seconds: float
    cpu: float
    memory_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, nargs="+", default=[100, 1_000_000])
    parser.add_argument("--only", nargs="+", default=[shape.name for shape in SHAPES])
    options = parser.parse_args()
    for keys in options.keys:
        shapes = [s for s in SHAPES if s.name == "filter only" or s.name in options.only]
        show(keys, (measured(shape, options.records, keys) for shape in shapes))


def measured(shape: Shape, records: int, keys: int) -> Figure:
    """The shape's query over full topics."""
    names = "lr"[: len(shape.kinds)]
    few = keys <= 1_000
    apart = STEP_MS * keys * len(names)  # about, between two records of a key on one side
    text = shape.query.format(within=max(1, apart * MATCHES[few] // 2), gap=max(1, apart * MATCHES[few] // 10))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        fill(data, shape, names, records, keys, few=few)
        with engine(data, 1, None) as opened:
            list(opened.execute(WARM))
            opened.wait_caught_up(60)
            list(opened.execute("TERMINATE ALL;"))
            for name, kind in zip(names, shape.kinds, strict=True):
                key = "PRIMARY KEY" if kind == "TABLE" else "KEY"
                list(opened.execute(SOURCE.format(kind=kind, name=name, key=key, parts=PARTS)))
            cpu, begun = used(opened), time.perf_counter()
            list(opened.execute(text))
            statuses = opened.lifecycle.wait_caught_up(limit_s=3600)
            seconds, cpu = time.perf_counter() - begun, used(opened) - cpu
            if any(s.error or s.metrics.rows_in != records for s in statuses):
                raise RuntimeError(f"{shape.name}: {[(s.error, s.metrics.rows_in) for s in statuses]}")
            return Figure(shape.name, records, seconds, cpu, memory(opened))


def memory(opened: Engine) -> float:
    """Of the hosts, MB."""
    return max((resident_mb(host.pid) for host in opened.lifecycle.host_processes()), default=resident_mb(os.getpid()))


def fill(data: Path, shape: Shape, names: str, records: int, keys: int, *, few: bool) -> None:
    """Write the sources' topics: `records` records in all, the sides' mixed as `lefts` says."""
    topics = EmbeddedTopics(data / "topics", clock=SystemClock())
    for name in names:
        topics.create(name, PARTS)
    writer = topics.writer()
    for side, batch in made(shape, len(names), records, keys, few=few):
        writer.write(names[side], batch)
    writer.flush()
    writer.close()
    topics.close()
    (data / "VERSION").write_text("1\n")


def made(shape: Shape, sides: int, records: int, keys: int, *, few: bool) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches by side. Of a foreign key there are ten rows of l for each key of r where keys are few."""
    chance = np.random.default_rng(1)
    lefts = keys * MATCHES[few] if shape.name == "foreign key" else keys
    groups = keys if shape.name == "foreign key" else max(1, keys // 10)
    for at in range(0, records, BATCH):
        count = min(BATCH, records - at)
        place = np.arange(at, at + count)
        side = np.zeros(count, np.int64) if sides == 1 else (place % (shape.lefts + 1) == 0).astype(np.int64)
        for number in range(sides):
            own = place[side == number]
            key = chance.integers(0, keys if number else lefts, len(own))
            group, value = chance.integers(0, groups, len(own)), chance.integers(0, 100, len(own))
            texts = [b'{"G":%d,"V":%d,"NOTE":"%s"}' % (g, v, b"n" * 130) for g, v in zip(group, value, strict=True)]
            encoded = [k.to_bytes(4, "big") for k in key.tolist()]
            columns = {
                "timestamp": pa.array(START_MS + own * STEP_MS, pa.int64()),
                "key": pa.array(encoded, pa.binary()),
            }
            yield number, pa.record_batch(columns | {"value": pa.array(texts, pa.binary())})


def show(keys: int, figures: Iterator[Figure]) -> None:
    """The table, as it comes; ratios are to the filter-only query, the first."""
    first = None
    print(f"{f'{keys:,} keys':30}{'rows/s':>12}{'of filter':>10}{'CPU s/M':>10}{'of filter':>10}{'MB':>8}")
    for f in figures:
        first = first or f
        speed, cpu = f.rows / f.seconds, f.cpu / f.rows * 1e6
        ratios = speed / (first.rows / first.seconds), (first.cpu / first.rows * 1e6) / cpu
        print(f"{f.name:30}{speed:12,.0f}{ratios[0]:10.3f}{cpu:10.2f}{ratios[1]:10.3f}{f.memory_mb:8,.0f}", flush=True)


if __name__ == "__main__":
    main()
