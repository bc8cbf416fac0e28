"""(h) A server under everything at once for a long time: does anything grow?

    python -m bench.bench_soak [--minutes 40] [--rate 2000]

One server runs queries of every kind whose state forgets: windows with retention behind two models, a windowed aggregate,
a stream joined with a table and with a stream, all into topics with retention. Meanwhile push queries come and go (to their
end, or cut off by their clients), a persistent query is made and dropped, pull queries ask by key, by window and for all.

A line a minute: rows read a second by all queries together, memory of the server and of its hosts (PSS), open files and
threads of both, the data folder by part. At the end the slope of each over the second half, by the hour: the median of the
slopes between all pairs of minutes, which a single busy minute does not move. Exit status 1 where memory grows by more than
5 % an hour, the data folder by more than 20 %, files or threads at all, where queries fall behind or fail, or a question is
refused. A run of less than 20 minutes says little about memory: caches fill, and an allocator keeps what it once took. DuckDB
alone keeps up to 45 MB a process, reached after some 20,000 statements that join or group: of each block that it has let go
a node stays in a queue, which is looked through when it holds 32,768 of its kind.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bench.processes import family_of, open_files, resident_mb, threads_of
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.topics import Topics
from tests.mergus_server import Refused, Server, running_server

LINES = Path(__file__).resolve().parents[1] / "queries" / "log_alerts" / "lines.tsv"
OPTIONS = "VALUE_FORMAT='JSON', PARTITIONS=2, RETENTION_MS=60000"
STATEMENTS = f"""
CREATE STREAM logs (service STRING KEY, id BIGINT, message STRING, took INT) WITH (KAFKA_TOPIC='logs', {OPTIONS});
CREATE STREAM answers (service STRING KEY, id BIGINT, status INT) WITH (KAFKA_TOPIC='answers', {OPTIONS});
CREATE TABLE owners (service STRING PRIMARY KEY, owner STRING)
  WITH (KAFKA_TOPIC='owners', VALUE_FORMAT='JSON', PARTITIONS=2);
CREATE TABLE loads WITH ({OPTIONS}) AS
  SELECT service, COUNT(*) AS n, AVG(took) AS took, COLLECT_SET(took % 10) AS some
  FROM logs WINDOW TUMBLING (SIZE 5 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY service;
CREATE TABLE alerts WITH ({OPTIONS}) AS
  SELECT cluster_id(message) AS cluster, COUNT(*) AS n, LATEST_BY_OFFSET(message) AS example
  FROM logs WINDOW TUMBLING (SIZE 5 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 5 SECONDS)
  WHERE classify(message) = 'failure' GROUP BY cluster_id(message);
CREATE STREAM owned WITH ({OPTIONS}) AS
  SELECT logs.service, logs.id, owners.owner, logs.message FROM logs LEFT JOIN owners ON logs.service = owners.service;
CREATE STREAM answered WITH ({OPTIONS}) AS
  SELECT logs.service, logs.id AS id, answers.id AS answer, status
  FROM logs JOIN answers WITHIN 2 SECONDS GRACE PERIOD 1 SECOND ON logs.service = answers.service
  WHERE logs.id = answers.id;
"""
SERVICES = 50
COMES_AND_GOES = (
    "CREATE TABLE recent WITH (VALUE_FORMAT='JSON') AS SELECT owner, COUNT(*) AS n FROM owned GROUP BY owner;"
)
PUSHES = (
    "SELECT * FROM logs EMIT CHANGES LIMIT 200;",
    "SELECT service, n FROM loads WHERE n > 3 EMIT CHANGES LIMIT 20;",
    "SELECT owner, COUNT(*) AS n FROM owned WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY owner EMIT CHANGES LIMIT 20;",
    "SELECT service, cluster_id(message) AS cluster FROM logs EMIT CHANGES LIMIT 100;",
)
MEMORY_BOUND, DATA_BOUND = 5.0, 20.0
"""Per cent an hour."""
LAG_MAX_S = 10.0
"""How far a query may be behind its input, as seconds of it."""
SAMPLE_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--rate", type=int, default=2000, help="records a second that are written into `logs`")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), "--setting", "log.level=error") as server,
    ):
        server.statement(STATEMENTS)
        topics = EmbeddedTopics(Path(folder) / "topics", clock=SystemClock())
        with Load(server, topics, options.rate) as load:
            minutes = watch(server, Path(folder), options.minutes, load)
        topics.close()
        found = verdict(minutes, load, options.rate)
    sys.exit(1 if found else 0)


class Load:
    """What clients do, each on a thread of its own, until it is closed; `done` counts what was done, `failures` says what
    failed."""

    def __init__(self, server: Server, topics: Topics, rate: int) -> None:
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._server = server
        self._topics = topics
        self._rate = rate
        self._ended = threading.Event()
        self._lines = [line.split("\t", 1)[1] for line in LINES.read_text().splitlines() if "\t" in line]
        works = (self._write, self._ask, self._push, self._push, self._make_and_drop)
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - a client's failure is a finding, told at the end
            self.failures.append(traceback.format_exc())

    def _write(self) -> None:
        """Records at the rate: lines as logs have them, a third of them never seen before, and an answer to each tenth."""
        writer = self._topics.writer()
        owners = [(b"service-%d" % i, b'{"OWNER":"team %d"}' % (i % 7)) for i in range(SERVICES)]
        writer.write("owners", _batch(owners))
        begun, written = time.monotonic(), 0
        while not self._ended.wait(0.2):
            logs, answers = [], []
            for number in range(written, int((time.monotonic() - begun) * self._rate)):
                line = random.choice(self._lines)
                message = f"{line} {random.getrandbits(40):x}" if number % 3 == 0 else line
                service = b"service-%d" % random.randrange(SERVICES)
                body = {"ID": number, "MESSAGE": message, "TOOK": random.randrange(1000)}
                logs.append((service, json.dumps(body).encode()))
                if number % 10 == 0:
                    answers.append((service, b'{"ID":%d,"STATUS":200}' % number))
            if logs:
                writer.write("logs", _batch(logs))
            if answers:
                writer.write("answers", _batch(answers))
            writer.flush()
            written += len(logs)
        writer.close()
        self.done["records written"] = written

    def _ask(self) -> None:
        """Pull queries: by key, by key and window, by another column, a join, all of a table."""
        for number in itertools.count():
            if self._ended.wait(0.05):
                return
            service = f"service-{random.randrange(SERVICES)}"
            since = int(time.time() * 1000) - 20_000
            questions = (
                f"SELECT n, took FROM loads WHERE service = '{service}';",
                f"SELECT n, some FROM loads WHERE service = '{service}' AND WINDOWSTART >= {since};",
                f"SELECT cluster, n, example FROM alerts WHERE n > {number % 5};",
                "SELECT service, SUM(n) AS n FROM loads GROUP BY service ORDER BY n DESC LIMIT 3;",
                "SELECT * FROM loads;",
            )
            self._server.rows(questions[number % len(questions)])
            self.done["pull queries"] += 1

    def _push(self) -> None:
        """Push queries, every other one cut off by its client."""
        for number in itertools.count(random.randrange(len(PUSHES))):
            if self._ended.wait(0.5):
                return
            with self._server.open("/query-stream", {"sql": PUSHES[number % len(PUSHES)], "properties": {}}) as answer:
                rows = sum(1 for _ in (itertools.islice(answer, 5) if number % 2 else answer))
            if rows < 2:
                raise RuntimeError(f"{PUSHES[number % len(PUSHES)]} ended after {rows} lines")
            self.done["push queries"] += 1

    def _make_and_drop(self) -> None:
        """A persistent query that comes and goes, its topic with it."""
        while not self._ended.wait(5.0):
            self._server.statement(COMES_AND_GOES)
            with suppress(Refused):  # nothing is there to be read yet: it may take a while to start
                self._server.rows("SELECT * FROM recent;")
            if self._ended.wait(5.0):
                return
            self._server.statement("DROP TABLE recent DELETE TOPIC;")
            self.done["queries made and dropped"] += 1


def _batch(records: list[tuple[bytes, bytes]]) -> pa.RecordBatch:
    keys, values = zip(*records, strict=True)
    return pa.record_batch({"key": pa.array(keys, pa.binary()), "value": pa.array(values, pa.binary())})


@dataclass(frozen=True)
class Minute:
    """One line of the table: `figures` by name, the middle of what was seen in it, for files and threads the least, because
    questions that are being answered hold some."""

    hours: float
    figures: Mapping[str, float]
    lag: float


COUNTED = ("server files", "hosts' files", "server threads", "hosts' threads")
MEMORY = ("server MB", "hosts MB")
PARTS = ("topics", "state", "models", "commands.db", "log", "rest")


def watch(server: Server, folder: Path, minutes: float, load: Load) -> list[Minute]:
    """Print a line a minute, and give them all."""
    names = ["rows/s", *MEMORY, *COUNTED, *(f"{part} kB" for part in PARTS), "lag"]
    print("minute " + "".join(f"{name:>{_width(name)}}" for name in names), flush=True)
    lasting = [query["id"] for query in server.statement("SHOW QUERIES;")[0]["queries"] if query["id"] != "CTAS_RECENT"]
    found: list[Minute] = []
    begun = time.monotonic()
    before, at = _read(server, lasting), begun
    while len(found) < minutes and not load.failures:
        samples: list[dict[str, float]] = []
        until = begun + (len(found) + 1) * 60.0
        while (now := time.monotonic()) < until:
            samples.append(_sample(server, folder))
            time.sleep(max(0.0, min(SAMPLE_S - (time.monotonic() - now), until - time.monotonic())))
        rows, now = _read(server, lasting), time.monotonic()
        figures = {
            name: min(each) if name in COUNTED else statistics.median(each)
            for name, each in ((name, [sample[name] for sample in samples]) for name in samples[0])
        }
        figures = {"rows/s": (rows - before) / (now - at), **figures}
        before, at = rows, now
        found.append(Minute((now - begun) / 3600, figures, _lag(server, lasting)))
        line = "".join(f"{figures[name]:{_width(name)},.0f}" for name in names[:-1])
        print(f"{len(found):6} {line}{found[-1].lag:{_width('lag')},.0f}", flush=True)
    return found


def _width(name: str) -> int:
    return max(len(name) + 2, 8)


def _read(server: Server, queries: list[str]) -> float:
    return sum(server.metric("mergus_query_rows_in_total", query) for query in queries)


def _lag(server: Server, queries: list[str]) -> float:
    """Records that the query that is most behind has still to read."""
    return max(server.metric("mergus_query_lag_records", query) for query in queries)


def _sample(server: Server, folder: Path) -> dict[str, float]:
    hosts = [pid for pid in family_of(server.pid) if pid != server.pid]
    made = {
        "server MB": resident_mb(server.pid, family=False),
        "hosts MB": sum(resident_mb(pid, family=False) for pid in hosts),
        "server files": open_files(server.pid),
        "hosts' files": sum(open_files(pid) for pid in hosts),
        "server threads": threads_of(server.pid),
        "hosts' threads": sum(threads_of(pid) for pid in hosts),
    }
    sizes = dict.fromkeys(PARTS, 0.0)
    for path, _, names in os.walk(folder):
        for name in names:
            file = Path(path) / name
            top = file.relative_to(folder).parts[0]
            part = top if top in PARTS else "commands.db" if top.startswith("commands.db") else "rest"
            with suppress(FileNotFoundError):  # it has gone meanwhile
                sizes[part] += file.stat().st_size / 1024
    return made | {f"{part} kB": size for part, size in sizes.items()}


def slope(minutes: list[Minute], name: str) -> float:
    """By the hour: the median of the slopes between all pairs (Theil and Sen)."""
    pairs = itertools.combinations(minutes, 2)
    return statistics.median((b.figures[name] - a.figures[name]) / (b.hours - a.hours) for a, b in pairs)


def verdict(minutes: list[Minute], load: Load, rate: int) -> list[str]:
    """Print the slopes of the second half and what is wrong; gives the latter."""
    print("\n" + ", ".join(f"{count:,} {what}" for what, count in sorted(load.done.items())))
    wrong = [f"a client failed: {why}" for why in load.failures]
    late = minutes[len(minutes) // 2 :]
    if len(late) < 4:
        print("too short for slopes: they are over the second half, of at least four minutes")
        return _told(wrong)
    print(f"\n{'over the second half':24}{'middle':>12}{'an hour':>12}{'%':>9}{'bound':>9}")
    for name in minutes[0].figures:
        middle = statistics.median(minute.figures[name] for minute in late)
        grows = slope(late, name)
        percent = 100 * grows / middle if middle else 0.0
        bound = {**dict.fromkeys(MEMORY, MEMORY_BOUND), **dict.fromkeys(COUNTED, 0.0)}.get(name)
        shown = "" if bound is None else f"{bound:g} %"
        print(f"{name:24}{middle:12,.0f}{grows:12,.1f}{percent:9.1f}{shown:>9}")
        if bound is not None and percent > bound:
            wrong.append(f"{name} grows by {percent:.1f} % an hour")
    data = [Minute(m.hours, {"data": sum(m.figures[f"{part} kB"] for part in PARTS)}, m.lag) for m in late]
    percent = 100 * slope(data, "data") / statistics.median(minute.figures["data"] for minute in data)
    print(f"{'data folder':57}{percent:9.1f}{f'{DATA_BOUND:g} %':>9}")
    if percent > DATA_BOUND:
        wrong.append(f"the data folder grows by {percent:.1f} % an hour")
    if min(minute.lag for minute in late[-3:]) > LAG_MAX_S * rate:
        wrong.append(f"a query is {late[-1].lag:,.0f} records behind")
    return _told(wrong)


def _told(wrong: list[str]) -> list[str]:
    print("\n" + ("\n".join(f"WRONG: {why}" for why in wrong) or "nothing grows"), flush=True)
    return wrong


if __name__ == "__main__":
    main()
