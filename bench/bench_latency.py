"""(c) Latency: event → visible in a pull query, and topic → topic through a filter, beside the same without an engine.

    python -m bench.bench_latency [--seconds 10] [--only embedded|broker] [--idle 50]

One server, as a user starts it. A pull query is asked over HTTP without a pause on one connection; an event counts as
visible when an answer with it has arrived, so the wait for the next question and the question itself are in the figure.
The first second of each run is left out: the clients of this process connect in it. The idle queries are left until they
are parked, half a minute with a server's own settings. An event's time is that of its hand-over to the topic's writer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.kafka.topics import KafkaTopics
from mergus.engine.io.topics import Topics
from tests.kafka_broker import running_broker
from tests.mergus_server import Server, running_server, until

PULL_RATE, FILTER_RATE = 1_000, 2_000
WARM_S = 1.0
SOURCE = "CREATE STREAM {name} (k STRING KEY, v BIGINT) WITH (kafka_topic='{name}', value_format='JSON', partitions=1);"
LATEST = "CREATE TABLE latest AS SELECT k, COUNT(*) AS n FROM events GROUP BY k;"
FILTER = "CREATE STREAM {sink} WITH (kafka_topic='{sink}') AS SELECT k, v FROM raw_{sink} WHERE v >= 0;"
EXACTLY_ONCE = "SET 'processing.guarantee' = 'exactly_once_v2';"
BUSY = """
CREATE FUNCTION slow(v BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
def slow(v):
    return sum(int(c) for c in str(v * 7919) * 20)
$$;
CREATE STREAM busy WITH (kafka_topic='busy') AS SELECT k, slow(v) AS s FROM events;
"""


class Paced:
    """Produces records 0, 1, 2 … at a rate from a thread; `sent[i]` is when i was handed over. The first `warm` of them do not
    count."""

    def __init__(self, topics: Topics, topic: str, rate: int, seconds: float) -> None:
        self.warm = int(rate * WARM_S)
        self.count = self.warm + int(rate * seconds)
        self.sent: list[float] = []
        self._topics, self._topic, self._rate = topics, topic, rate
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> Paced:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _live(self) -> None:
        writer, begun = self._topics.writer(), time.perf_counter()
        while len(self.sent) < self.count:
            number, due = len(self.sent), min(int((time.perf_counter() - begun) * self._rate) + 1, self.count)
            if due > number:
                values = [b'{"V":%d}' % i for i in range(number, due)]
                batch = {"key": pa.array([b"k"] * len(values), pa.binary()), "value": pa.array(values, pa.binary())}
                self.sent += [time.perf_counter()] * len(values)
                writer.write(self._topic, pa.record_batch(batch))
                if isinstance(self._topics, EmbeddedTopics):
                    writer.flush()  # Kafka's goes by itself, after linger.ms
            time.sleep(0.0003)
        writer.close()


def pulls(server: Server, topics: Topics, seconds: float) -> list[float]:
    """Waits until events are visible in a pull query."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port)
    body = json.dumps({"sql": "SELECT n FROM latest WHERE k = 'k';"}).encode()

    def ask() -> int:
        connection.request("POST", "/query-stream", body, {"Content-Type": "application/json"})
        lines = connection.getresponse().read().splitlines()
        return int(json.loads(lines[1])[0]) if len(lines) > 1 and lines[1].startswith(b"[") else 0

    before, waits = ask(), []
    with Paced(topics, "events", PULL_RATE, seconds) as made:
        seen = 0
        while seen < made.count:
            visible, now = ask() - before, time.perf_counter()
            waits += [now - at for at in made.sent[seen:visible]]
            seen = visible
    connection.close()
    return waits[made.warm :]


def through(topics: Topics, source: str, sink: str, seconds: float) -> list[float]:
    """Waits until records of `source` are read from `sink` (the same topic: without an engine)."""
    end = dict(topics.end_offsets(sink))
    reader = topics.reader({(sink, p): at for p, at in end.items()}, ("value",))
    waits: list[float] = []
    with Paced(topics, source, FILTER_RATE, seconds) as made:
        while len(waits) < made.count:
            batch = reader.poll(10_000)
            if batch is None:
                time.sleep(0.0002)
                continue
            now = time.perf_counter()
            waits += [now - made.sent[json.loads(v)["V"]] for v in batch.column("value").to_pylist()]
    reader.close()
    return waits[made.warm :]


@contextmanager
def opened(kafka: str | None) -> Iterator[tuple[Server, Topics]]:
    """A server and the topics that it works on."""
    with tempfile.TemporaryDirectory() as folder:
        more = () if kafka is None else ("--kafka", kafka)
        with running_server(Path(folder), "--setting", "log.level=error", *more) as server:
            topics: Topics
            if kafka is None:
                topics = EmbeddedTopics(Path(folder) / "topics", clock=SystemClock())
            else:
                topics = KafkaTopics(kafka, {})
            yield server, topics
            topics.close()


def show(what: str, waits: list[float], first: list[float] | None = None) -> list[float]:
    """One row of the table; ratios are to `first`."""

    def at(values: list[float], share: float) -> float:
        return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000

    quantiles = [at(waits, share) for share in (0.5, 0.99)]
    ratios = [] if first is None else [q / at(first, share) for q, share in zip(quantiles, (0.5, 0.99), strict=True)]
    print(f"{what:54}{quantiles[0]:9.1f}{quantiles[1]:9.1f}" + "".join(f"{r:9.1f}" for r in ratios), flush=True)
    return waits


def filters(kind: str, server: Server, topics: Topics, seconds: float) -> None:
    """Topic to topic. On embedded topics every query is exactly once."""
    server.statement(SOURCE.format(name="bare"))
    first = show(f"{kind}: topic, no engine, {FILTER_RATE:,}/s", through(topics, "bare", "bare", seconds))
    ways = {"passed": ""} | ({"passed_once": EXACTLY_ONCE} if kind == "broker" else {})
    for sink, asked in ways.items():
        source = f"raw_{sink}"
        server.statement(asked + SOURCE.format(name=source) + FILTER.format(sink=sink))
        server.statement(f"INSERT INTO {source} (k, v) VALUES ('k', 0);")
        until(lambda sink=sink: sum(topics.end_offsets(sink).values()) > 0, "the filter to work")
        what = f"{kind}: topic → filter → topic, {FILTER_RATE:,}/s" + (", exactly once" if asked else "")
        show(what, through(topics, source, sink, seconds), first)
        server.statement(f"DROP STREAM {sink};")


def tables(server: Server, topics: Topics, seconds: float, idle: int) -> None:
    """Event to pull query, alone and beside others."""
    server.statement(SOURCE.format(name="events") + SOURCE.format(name="silent"))
    server.statement(LATEST + "INSERT INTO events (k, v) VALUES ('k', 0);")
    until(lambda: len(server.rows("SELECT n FROM latest WHERE k = 'k';")) == 1, "the table to answer")
    first = show(f"embedded: event → pull query, {PULL_RATE:,}/s, alone", pulls(server, topics, seconds))
    for number in range(idle):
        server.statement(f"CREATE TABLE idle{number} AS SELECT k, COUNT(*) AS n FROM silent GROUP BY k;")
    until(lambda: server.metric("mergus_query_parked") >= idle, "the idle queries to be parked", 120.0, 0.5)
    server.statement(BUSY)
    show(f"  beside {idle} idle queries and one in Python by row", pulls(server, topics, seconds), first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", choices=["embedded", "broker"])
    parser.add_argument("--idle", type=int, default=50)
    options = parser.parse_args()
    print(f"{'':54}{'p50 ms':>9}{'p99 ms':>9}{'ratios to the first':>20}")
    if options.only != "broker":
        with opened(None) as (server, topics):
            filters("embedded", server, topics, options.seconds)
        with opened(None) as (server, topics):
            tables(server, topics, options.seconds, options.idle)
    if options.only != "embedded":
        with running_broker() as bootstrap, opened(bootstrap) as (server, topics):
            filters("broker", server, topics, options.seconds)


if __name__ == "__main__":
    main()
