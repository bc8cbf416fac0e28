"""(a) JSON → filter → one-minute tumbling COUNT and AVG by key → table, against the bare consume loop and DuckDB over a file.

170-byte records on a real broker and on embedded topics; checkpoints on. All figures of a table come from one run; CPU is
that of all processes of the engine (or of the loop) together.

    python -m bench.bench_filter_count [--records 2000000] [--keys 100] [--only embedded|broker] [--udf] [--no-topic]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bench.processes import cpu_seconds
from bench.records import FIELDS, batches
from mergus.engine.clock import SystemClock
from mergus.engine.config import load
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.kafka.topics import KafkaTopics
from mergus.engine.io.topics import Topics
from mergus.engine.serving.engine import Engine
from tests.kafka_broker import running_broker

TOPIC = "readings"
SOURCE = (
    f"CREATE STREAM readings ({FIELDS}) WITH (KAFKA_TOPIC='{TOPIC}', VALUE_FORMAT='JSON',"
    " PARTITIONS={parts}, TIMESTAMP='at_ms');"
)
TABLE = (
    "CREATE TABLE per_minute AS SELECT sensor, COUNT(*) AS readings, AVG({reading}) AS mean FROM readings"
    " WINDOW TUMBLING (SIZE 1 MINUTE) WHERE status = 1{condition} GROUP BY sensor EMIT CHANGES;"
)
WARM = (
    "CREATE STREAM warm (k STRING, a INT) WITH (KAFKA_TOPIC='warm', PARTITIONS=1, VALUE_FORMAT='JSON');"
    "CREATE TABLE warmed AS SELECT k, COUNT(*) AS n FROM warm GROUP BY k EMIT CHANGES;"
    "INSERT INTO warm VALUES ('x', 1);"
)
UDF = """CREATE FUNCTION crc(texts STRING) RETURNS BIGINT LANGUAGE PYTHON AS $$
import zlib
import mergus
import pyarrow as pa

@mergus.udf(vectorized=True, params=['STRING'], returns='BIGINT')
def crc(texts):
    return pa.array([zlib.crc32(t.encode()) % 1000 for t in texts.to_pylist()], pa.int64())
$$;"""
BARE = """
import json, resource, sys, time
from confluent_kafka import Consumer, TopicPartition
bootstrap, topic, parts, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bare", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "fetch.queue.backoff.ms": 5})
consumer.assign([TopicPartition(topic, p, 0) for p in range(parts)])
seen, begun, used = 0, None, None
while seen < count:
    messages = consumer.consume(10_000, 1.0)
    if messages and begun is None:
        begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    for message in messages:
        message.value()
    seen += len(messages)
end = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([time.perf_counter() - begun, end.ru_utime + end.ru_stime - used.ru_utime - used.ru_stime]))
"""
OVER_A_FILE = """
import duckdb, json, resource, time
connection = duckdb.connect(config={{"threads": 1}})
begun = time.perf_counter()
columns = "columns={{sensor: 'VARCHAR', reading: 'DOUBLE', status: 'INT', at_ms: 'BIGINT'}}"
connection.execute(
    f"SELECT sensor, at_ms // 60000, count(*), avg(reading) FROM read_json('{path}', {{columns}},"
    " format='newline_delimited') WHERE status = 1 GROUP BY 1, 2"
).fetchall()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([time.perf_counter() - begun, used.ru_utime + used.ru_stime]))
"""


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    name: str
    rows: int
    seconds: float
    cpu: float

    @property
    def speed(self) -> float:
        return self.rows / self.seconds

    @property
    def cpu_per_million(self) -> float:
        return self.cpu / self.rows * 1e6


def fill(topics: Topics, made: list[pa.RecordBatch], parts: int) -> None:
    """Make the topic and write all records to it."""
    topics.create(TOPIC, parts)
    writer = topics.writer()
    for number, batch in enumerate(made):
        part = pa.array([number % parts] * batch.num_rows, pa.int32())
        writer.write(TOPIC, batch.append_column("partition", part))
    writer.flush()
    writer.close()


@contextmanager
def engine(data: Path, workers: int, bootstrap: str | None, processes: int = 1) -> Iterator[Engine]:
    """An engine with host processes, as a server has it."""
    settings = {"data": str(data), "workers": workers, "processes": processes, "kafka.bootstrap": bootstrap}
    opened = Engine.open(load(settings, {}))
    try:
        yield opened
    finally:
        opened.close()


def used(opened: Engine) -> float:
    """CPU-seconds of the engine: this process, which holds the server's part, and its hosts. Not the broker's."""
    hosts = [host.pid for host in opened.lifecycle.host_processes()]
    return sum(cpu_seconds(pid, family=False) for pid in [os.getpid(), *hosts])


def measure(name: str, opened: Engine, parts: int, rows: int, *, udf: bool = False, table: str = TABLE) -> Figure:
    """Start the query over a full topic and wait until it has worked everything in. A small query first has started a
    host process, as on a server that is up."""
    list(opened.execute(WARM))
    opened.wait_caught_up(60)
    list(opened.execute("TERMINATE ALL;"))
    list(opened.execute(SOURCE.format(parts=parts)))
    condition = ""
    if udf:
        list(opened.execute(UDF))
        condition = " AND crc(sensor) >= 0"
    cpu, begun = used(opened), time.perf_counter()
    list(opened.execute(table.format(reading="reading", condition=condition)))
    failed = opened.wait_caught_up(600)
    seconds, cpu = time.perf_counter() - begun, used(opened) - cpu
    if failed:
        raise RuntimeError(f"{failed}: {[s.error for s in opened.statuses().values()]}")
    counted = sum(s.metrics.rows_in for s in opened.statuses().values())
    if counted != rows:
        raise RuntimeError(f"{counted} of {rows} rows were read")
    return Figure(name, rows, seconds, cpu)


def bare(bootstrap: str, parts: int, rows: int) -> Figure:
    """The loop that any engine is held against: consume(10_000) and value()."""
    out = subprocess.run(
        [sys.executable, "-c", BARE, bootstrap, TOPIC, str(parts), str(rows)],
        capture_output=True,
        check=True,
        text=True,
    )
    seconds, cpu = json.loads(out.stdout)
    return Figure("bare consume(10_000) + value()", rows, seconds, cpu)


def over_a_file(made: list[pa.RecordBatch], folder: Path, rows: int) -> Figure:
    """DuckDB, one thread, over the same records as a file."""
    path = folder / "readings.ndjson"
    with path.open("wb") as out:
        for batch in made:
            out.write(b"\n".join(batch.column("value").to_pylist()) + b"\n")
    script = OVER_A_FILE.format(path=path)
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    seconds, cpu = json.loads(out.stdout)
    return Figure("DuckDB over the file", rows, seconds, cpu)


def show(figures: list[Figure]) -> None:
    """The table; ratios are to its first row."""
    first = figures[0]
    print(f"{'':44}{'rows/s':>12}{'of first':>10}{'CPU s/M':>10}{'of first':>10}")
    for f in figures:
        print(
            f"{f.name:44}{f.speed:12,.0f}{f.speed / first.speed:10.2f}"
            f"{f.cpu_per_million:10.2f}{f.cpu_per_million / first.cpu_per_million:10.2f}"
        )


def run(options: argparse.Namespace) -> list[Figure]:
    """All rows of the table."""
    parts, rows = 2, options.records
    made = batches(rows, keys=options.keys)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def one(
            name: str,
            workers: int,
            bootstrap: str | None,
            prepare: Callable[[Path], None] | None,
            *,
            udf: bool = False,
            processes: int = 1,
        ) -> None:
            data = folder / name.replace(" ", "_").replace(",", "")
            if prepare is not None:
                prepare(data)
            with engine(data, workers, bootstrap, processes) as opened:
                figures.append(measure(name, opened, parts, rows, udf=udf))

        def fill_embedded(data: Path) -> None:
            topics = EmbeddedTopics(data / "topics", clock=SystemClock())
            fill(topics, made, parts)
            topics.close()
            (data / "VERSION").write_text("1\n")

        if options.only != "embedded":
            with running_broker(heap_mb=1024) as bootstrap:
                topics = KafkaTopics(bootstrap, {})
                fill(topics, made, parts)
                topics.close()
                bare(bootstrap, parts, rows)  # warms the broker
                figures.append(bare(bootstrap, parts, rows))
                one("broker, 1 worker", 1, bootstrap, None)
                one("broker, 2 workers", 2, bootstrap, None)
                one("broker, 2 processes", 1, bootstrap, None, processes=2)
                if options.udf:
                    one("broker, 1 worker, vectorised UDF", 1, bootstrap, None, udf=True)
        if options.only != "broker":
            one("embedded, 1 worker", 1, None, fill_embedded)
            one("embedded, 2 workers", 2, None, fill_embedded)
            if options.udf:
                one("embedded, 1 worker, vectorised UDF", 1, None, fill_embedded, udf=True)
        figures.append(over_a_file(made, folder, rows))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--only", choices=["embedded", "broker"])
    parser.add_argument("--udf", action="store_true")
    show(run(parser.parse_args()))
