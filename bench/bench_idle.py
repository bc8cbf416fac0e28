"""(e) Idle queries in one server: CPU and memory, polling and parked, beside the server without queries; how soon they wake.

    python -m bench.bench_idle [--queries 50] [--seconds 5]

The server is a process of its own with host processes, as a user starts it; memory is PSS, so that pages that processes
share are counted once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from bench.processes import cpu_seconds, resident_mb
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from tests.mergus_server import Server, running_server, until

STREAM = "CREATE STREAM {name} (k STRING, v BIGINT) WITH (kafka_topic='{name}', value_format='JSON', partitions=1);"
TABLE = "CREATE TABLE t{number} AS SELECT k, COUNT(*) AS n FROM {name} GROUP BY k;"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    park_ms = int(options.seconds * 1000) + 6_000
    with tempfile.TemporaryDirectory() as folder:
        settings = ("--setting", f"idle.park.ms={park_ms}", "--setting", "log.level=error")
        with running_server(Path(folder), *settings) as server:
            run(server, Path(folder), options.queries, options.seconds)


def run(server: Server, folder: Path, queries: int, seconds: float) -> None:
    topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
    print(f"{'':34}{'% of a core':>12}{'a query':>10}{'MB':>10}{'a query':>10}")
    first = line("the server alone", server, seconds, 0, 0.0)
    server.statement(STREAM.format(name="one") + STREAM.format(name="others"))
    begun = time.perf_counter()
    for number in range(queries):
        server.statement(TABLE.format(number=number, name="others" if number else "one"))
    started_ms = (time.perf_counter() - begun) / queries * 1000
    for name, count in (("one", 1), ("others", queries - 1)):
        produce(topics, name)
        wait_rows(server, count if name == "one" else queries)
    line(f"{queries} queries, polling", server, seconds, queries, first)
    until(
        lambda: server.metric("mergus_query_rows_in_total") > 0 and is_parked(server),
        "the queries to be parked",
        120,
        1.0,
    )
    line(f"{queries} queries, parked", server, seconds, queries, first)
    for name, count, what in (
        ("one", 1, "one parked query wakes"),
        ("others", queries - 1, "all others wake together"),
    ):
        before = int(server.metric("mergus_query_rows_in_total"))
        begun = time.perf_counter()
        produce(topics, name)
        wait_rows(server, before + count)
        print(f"{what:34}{(time.perf_counter() - begun) * 1000:10.0f} ms until worked in and seen in /metrics")
    print(f"{'a statement that starts one':34}{started_ms:10.0f} ms")
    topics.close()


def produce(topics: EmbeddedTopics, name: str) -> None:
    writer = topics.writer()
    writer.write(name, pa.record_batch({"value": pa.array([b'{"K":"k","V":1}'])}))
    writer.close()


def wait_rows(server: Server, rows: int) -> None:
    until(lambda: server.metric("mergus_query_rows_in_total") >= rows, f"{rows} rows", 120, 0.005)


def is_parked(server: Server) -> bool:
    """Parked queries use next to nothing; polling ones a per cent of a core each (less where they share a poll)."""
    before = cpu_seconds(server.pid)
    time.sleep(1.0)
    return cpu_seconds(server.pid) - before < 0.08


def line(what: str, server: Server, seconds: float, queries: int, alone_mb: float) -> float:
    """One row of the table; gives the memory."""
    time.sleep(2.0)  # what was just done settles
    before = cpu_seconds(server.pid)
    time.sleep(seconds)
    percent = (cpu_seconds(server.pid) - before) / seconds * 100
    memory = resident_mb(server.pid)
    each = (f"{percent / queries:10.2f}", f"{(memory - alone_mb) / queries:10.1f}") if queries else (" " * 10, " " * 10)
    print(f"{what:34}{percent:12.1f}{each[0]}{memory:10.0f}{each[1]}", flush=True)
    return memory


if __name__ == "__main__":
    main()
