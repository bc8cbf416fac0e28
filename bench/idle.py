"""(e) Idle queries: CPU and memory of each, polling and parked; how soon a parked one wakes; the latency of a busy one.

    python bench/idle.py [--queries 50] [--seconds 5] [--rate 2000]

Queries are persistent ones over embedded topics, in host processes as the server runs them.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from bench.processes import cpu_seconds, resident_mb
from mergus.engine.runtime.host import HostSettings
from mergus.engine.runtime.lifecycle import Lifecycle, RunSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "runtime"))

from plans import big, counts, open_topics, passed, produce, records


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--queries", type=int, default=50)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rate", type=int, default=2000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        idle(Path(folder), chosen.queries, chosen.seconds)
    with tempfile.TemporaryDirectory() as folder:
        latency(Path(folder), chosen.seconds, chosen.rate)


def idle(folder: Path, queries: int, seconds: float) -> None:
    topics = open_topics(folder)
    for topic in ("events", "counts"):
        produce(topics, [("k", 1)], topic=topic)
    park_ms = int(seconds * 1000) + 4_000
    lifecycle = Lifecycle(HostSettings(folder, idle_park_ms=park_ms), topics, RunSettings())
    begun = time.monotonic()
    for number in range(1, queries):
        lifecycle.start(dataclasses.replace(counts(), query_id=f"CTAS_{number}"))
    lifecycle.start(dataclasses.replace(big(), query_id="CTAS_0"))  # reads another topic than the rest
    report("started", queries, f"{(time.monotonic() - begun) / queries * 1000:.0f} ms each")
    time.sleep(2)
    pids = [host.pid for host in lifecycle.host_processes()]
    report("polling", queries, cost(pids, seconds, queries))
    while not all(status.parked for status in lifecycle.statuses().values()):
        time.sleep(0.2)
    report("parked", queries, cost(pids, seconds, queries))
    for topic, query, what in (("counts", "CTAS_0", "wake one"), ("events", "CTAS_1", "wake all others")):
        time.sleep(1)
        seen, at = lifecycle.statuses()[query].metrics.rows_in, time.monotonic()
        produce(topics, [("k", 1)], topic=topic)
        while lifecycle.statuses()[query].metrics.rows_in == seen:
            time.sleep(0.001)
        report(what, queries, f"{(time.monotonic() - at) * 1000:.0f} ms until the record is worked in")
    lifecycle.close()
    topics.close()


def cost(pids: list[int], seconds: float, queries: int) -> str:
    before = sum(map(cpu_seconds, pids))
    time.sleep(seconds)
    used = sum(map(cpu_seconds, pids)) - before
    memory = sum(map(resident_mb, pids))
    return f"{used / seconds * 100:.1f} % of a core together; {memory / queries:.1f} MB each"


def latency(folder: Path, seconds: float, rate: int) -> None:
    """From handed to the topic's writer to read from the output topic, by a pass-through filter."""
    topics = open_topics(folder, 1)
    lifecycle = Lifecycle(HostSettings(folder), topics, RunSettings())
    lifecycle.start(passed())
    produce(topics, [("k", 2)])
    while not records(topics, "passed"):
        time.sleep(0.01)
    reader = topics.reader({("passed", 0): 1}, ())
    sent: dict[int, float] = {}
    waits: list[float] = []
    number, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds or len(waits) < number:
        due = min(int((time.perf_counter() - begun) * rate), int(seconds * rate))
        if due > number:
            now = time.perf_counter()
            produce(topics, [("k", 2)] * (due - number))
            sent |= dict.fromkeys(range(number, due), now)
            number = due
        batch = reader.poll(10_000)
        if batch is not None:
            now = time.perf_counter()
            waits += [now - sent[offset - 1] for offset in batch.column("offset").to_pylist()]
        else:
            time.sleep(0.0002)
    waits.sort()
    p50, p99 = waits[len(waits) // 2] * 1000, waits[len(waits) * 99 // 100] * 1000
    inside = lifecycle.statuses()["CSAS_PASSED"].metrics
    bounds = [inside.latency_seconds.quantile(q) for q in (0.5, 0.99)]
    report(
        "fetched to delivered",
        1,
        f"p50 <= {bounds[0]} s, p99 <= {bounds[1]} s, {inside.batch_rows.total / sum(inside.batch_rows.counts):.1f} rows a batch",
    )
    report(f"topic to topic, {rate}/s", 1, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    lifecycle.close()
    topics.close()


def report(what: str, queries: int, figures: str) -> None:
    print(f"{what:24} {queries:4} queries   {figures}", flush=True)


if __name__ == "__main__":
    main()
