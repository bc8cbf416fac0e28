"""Pull queries by key while a query writes the table at half of what it can, and scans of large tables: in one process, and
over HTTP.

    python -m bench.bench_pull [--seconds 5] [--keys 10000] [--scan 100000 1000000]

The writer is first let run freely over what lies there, then given records at half of that rate. Each question asks for
another key in the words that a client writes, so a plan that was kept has to be found by its shape. CPU is of the process,
or of the server's processes; what the same writing costs there without questions is taken off. A scan's memory is what
a process holds at most while it is read, above what it held before; over HTTP the client reads it line by line.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

import mergus
from bench.processes import cpu_seconds, family_of, resident_mb
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.topics import Topics
from tests.mergus_server import running_server, until

STATEMENTS = """
CREATE STREAM events (k STRING KEY, v BIGINT) WITH (kafka_topic='events', value_format='JSON', partitions=1);
CREATE TABLE totals AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k;
"""
BATCH = 500
Ask = Callable[[str], object]


def write(topics: Topics, keys: int, rows: int) -> None:
    """Records of random keys, at once."""
    writer = topics.writer()
    for start in range(0, rows, 10_000):
        some = [b"k%d" % random.randrange(keys) for _ in range(min(10_000, rows - start))]
        values = [b'{"V":%d}' % i for i in range(len(some))]
        writer.write(
            "events", pa.record_batch({"key": pa.array(some, pa.binary()), "value": pa.array(values, pa.binary())})
        )
        writer.flush()
    writer.close()


@contextmanager
def writing(topics: Topics, keys: int, rate: float) -> Iterator[None]:
    """Records at a rate, from a thread."""
    ended = threading.Event()

    def live() -> None:
        begun, written = time.perf_counter(), 0
        while not ended.wait(BATCH / rate):
            due = int((time.perf_counter() - begun) * rate) - written
            write(topics, keys, due)
            written += due

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def measured(asks: Ask | None, keys: int, seconds: float, cpu: Callable[[], float]) -> tuple[int, float, list[float]]:
    """How many questions were answered, CPU seconds, and how long each took."""
    began, begun, waits = cpu(), time.perf_counter(), []
    while (now := time.perf_counter()) - begun < seconds:
        if asks is None:
            time.sleep(seconds)
            continue
        asks(f"SELECT n, s FROM totals WHERE k = 'k{random.randrange(keys)}';")
        waits.append(time.perf_counter() - now)
    return len(waits), cpu() - began, sorted(waits)


def line(
    what: str, asks: Ask, topics: Topics, keys: int, seconds: float, rate: float, cpu: Callable[[], float]
) -> None:
    """One row of the table."""
    for key in range(5):
        asks(f"SELECT n, s FROM totals WHERE k = 'k{key}';")
    with writing(topics, keys, rate):
        _, alone, _ = measured(None, keys, seconds, cpu)
        count, spent, waits = measured(asks, keys, seconds, cpu)
    each = f"{waits[count // 2] * 1000:9.1f}{waits[int(count * 0.99)] * 1000:9.1f}"
    print(f"{what:28}{count / seconds:12,.0f}{count / max(spent - alone, 1e-3):14,.0f}{each}{rate:16,.0f}", flush=True)


def half_rate(topics: Topics, keys: int, caught_up: Callable[[], None]) -> float:
    """Half of the records a second that the query takes."""
    write(topics, keys, 2 * keys)
    caught_up()
    begun, rows = time.perf_counter(), 20 * keys
    write(topics, keys, rows)
    caught_up()
    return rows / (time.perf_counter() - begun) / 2


def in_process(keys: int, seconds: float) -> None:
    """An engine of this process."""
    with tempfile.TemporaryDirectory() as folder, mergus.connect(folder) as db:
        db.execute(STATEMENTS)
        topics = EmbeddedTopics(Path(folder) / "topics", clock=SystemClock())
        rate = half_rate(topics, keys, db.wait)
        line("in process", lambda sql: db.query(sql).rows(), topics, keys, seconds, rate, time.process_time)
        topics.close()


def over_http(keys: int, seconds: float) -> None:
    """A server, on one connection."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), "--setting", "log.level=error") as server,
    ):
        server.statement(STATEMENTS)
        topics = EmbeddedTopics(Path(folder) / "topics", clock=SystemClock())
        written = [0]

        def caught_up() -> None:
            written[0] = topics.end_offsets("events")[0]
            until(lambda: server.metric("mergus_query_rows_in_total") >= written[0], "the query to catch up", 120, 0.05)

        rate = half_rate(topics, keys, caught_up)
        where = urlsplit(server.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port)

        def ask(sql: str) -> bytes:
            connection.request("POST", "/query-stream", json.dumps({"sql": sql}), {"Content-Type": "application/json"})
            return connection.getresponse().read()

        line("over HTTP", ask, topics, keys, seconds, rate, lambda: cpu_seconds(server.pid))
        connection.close()
        topics.close()


def fill(topics: Topics, rows: int) -> None:
    """One record a key."""
    writer = topics.writer()
    for start in range(0, rows, 10_000):
        keys = [b"k%d" % i for i in range(start, min(rows, start + 10_000))]
        values = [b'{"V":1}'] * len(keys)
        writer.write(
            "events", pa.record_batch({"key": pa.array(keys, pa.binary()), "value": pa.array(values, pa.binary())})
        )
        writer.flush()
    writer.close()


def scan(what: str, rows: int, read: Callable[[str], int], processes: dict[str, int]) -> None:
    """Rows of the second table, one a process: all rows read once; a few before that load code and plans."""
    read("SELECT * FROM totals LIMIT 10;")
    before = {name: resident_mb(pid, family=False) for name, pid in processes.items()}
    most, ended = dict(before), threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            for name, pid in processes.items():
                most[name] = max(most[name], resident_mb(pid, family=False))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    count = read("SELECT * FROM totals;")
    seconds = time.perf_counter() - begun
    ended.set()
    watcher.join()
    assert count == rows, (count, rows)
    for name in processes:
        held = f"{before[name]:14,.0f}{most[name] - before[name]:18,.0f}"
        print(f"{f'{what}, {name}':28}{rows:12,}{rows / seconds:12,.0f}{held}", flush=True)


def scan_in_process(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder, mergus.connect(folder) as db:
        db.execute(STATEMENTS)
        topics = EmbeddedTopics(Path(folder) / "topics", clock=SystemClock())
        fill(topics, rows)
        db.wait()

        def read(sql: str) -> int:
            return sum(batch.num_rows for batch in db.scan(sql).batches())

        scan("in process", rows, read, {"all": os.getpid()})
        topics.close()


def scan_over_http(rows: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), "--setting", "log.level=error") as server,
    ):
        server.statement(STATEMENTS)
        topics = EmbeddedTopics(Path(folder) / "topics", clock=SystemClock())
        fill(topics, rows)
        until(lambda: server.metric("mergus_query_rows_in_total") >= rows, "the query to catch up", 600, 0.2)

        def read_lines(sql: str) -> int:
            with server.open("/query-stream", {"sql": sql, "properties": {}}) as answer:
                return sum(1 for line in answer) - 1

        def read_arrow(sql: str) -> int:
            with mergus.connect(server=server.url).scan(sql) as answer:
                return sum(batch.num_rows for batch in answer.batches())

        host = max(set(family_of(server.pid)) - {server.pid}, key=lambda pid: resident_mb(pid, family=False))
        for what, read in (("HTTP", read_lines), ("HTTP, Arrow", read_arrow)):
            scan(what, rows, read, {"server": server.pid, "host": host})
        topics.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="0: no questions by key")
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument(
        "--scan", type=int, nargs="*", default=[100_000, 1_000_000], help="rows of the tables that are scanned"
    )
    options = parser.parse_args()
    if options.seconds:
        by_key(options.keys, options.seconds)
    if options.scan:
        print(f"{'':28}{'rows':>12}{'rows/s':>12}{'MB before':>14}{'MB more at most':>18}")
    for rows in options.scan:
        scan_in_process(rows)
        scan_over_http(rows)


def by_key(keys: int, seconds: float) -> None:
    """The first table."""
    print(f"{'':28}{'a second':>12}{'a CPU second':>14}{'p50 ms':>9}{'p99 ms':>9}{'records written/s':>16}")
    in_process(keys, seconds)
    over_http(keys, seconds)


if __name__ == "__main__":
    main()
