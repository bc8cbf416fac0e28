"""Rows that come from outside: by Python, over HTTP, by INSERT, as a ratio to writing ready records to the same topic.

    python -m bench.bench_inserts [--rows 50000]

The records of the ratio's base are what the rows become, written in batches of 5,000, each durable before the next. INSERT
statements are a hundredth of the rows, for each is read, typed and answered by itself.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

import mergus
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from tests.mergus_server import running_server

STREAM = (
    "CREATE STREAM s (k STRING KEY, n BIGINT, v DOUBLE, words ARRAY<STRING>)"
    " WITH (kafka_topic='s', value_format='JSON', partitions=1);"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    count = parser.parse_args().rows
    rows = [{"k": f"k{i % 100}", "n": i, "v": i / 3, "words": ["a", "b"]} for i in range(count)]
    print(f"{'':34}{'rows/s':>12}{'of ready':>10}")
    base = line("ready records", count, ready(rows), None)
    with mergus.connect() as db:
        db.execute(STREAM)
        line("Python: dictionaries", count, timed(lambda: db.insert("s", rows)), base)
        table = pa.Table.from_pylist(rows)
        line("Python: an Arrow table", count, timed(lambda: db.insert("s", table)), base)
        statements = "".join(f"INSERT INTO s (k, n, v) VALUES ('k', {i}, 0.5);" for i in range(count // 100))
        line("Python: INSERT statements", count // 100, timed(lambda: db.execute(statements)), base)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), "--setting", "log.level=error") as server,
    ):
        remote = mergus.connect(server=server.url)
        remote.execute(STREAM)
        line("HTTP: /inserts-stream", count, timed(lambda: remote.insert("s", rows)), base)


def ready(rows: list[dict[str, object]]) -> float:
    """Seconds to write the rows' records."""
    keys = pa.array([str(row["k"]).encode() for row in rows], pa.binary())
    values = pa.array([json.dumps(row).encode() for row in rows], pa.binary())
    records = pa.record_batch({"key": keys, "value": values})
    with tempfile.TemporaryDirectory() as folder:
        topics = EmbeddedTopics(Path(folder), clock=SystemClock())
        topics.create("s", 1)
        writer = topics.writer()

        def write() -> None:
            for start in range(0, len(records), 5_000):
                writer.deliver("s", records.slice(start, 5_000))

        seconds = timed(write)
        writer.close()
        topics.close()
    return seconds


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def line(what: str, rows: int, seconds: float, base: float | None) -> float:
    """Print one; gives its rows a second."""
    rate = rows / seconds
    print(f"{what:34}{rate:12,.0f}{rate / (base or rate):10.3f}", flush=True)
    return rate


if __name__ == "__main__":
    main()
