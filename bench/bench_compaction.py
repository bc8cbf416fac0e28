"""Compaction of an embedded topic: a table of few keys that is updated for long, with a reader at work.

python -m bench.bench_compaction [updates] [keys] [records a flush]

Three processes: one appends as fast as it can, one reads along, one compacts as a server does (or none does). Told are
the rates, the file at its largest and in the end, what compaction costs of a core, and how long an append and a poll
took at worst.
"""

from __future__ import annotations

import multiprocessing as mp
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics

EVERY_S = 1.0


def main() -> None:
    updates, keys, batch = (int(a) for a in (*sys.argv[1:], *("3000000", "1000", "10000")[len(sys.argv) - 1 :]))
    names = (
        "append/s",
        "read/s",
        "MiB most",
        "MiB end",
        "CPU s",
        "core %",
        "flush p99 ms",
        "most",
        "poll p99 ms",
        "most",
    )
    print(f"{'':14}" + "".join(f"{name:>14}" for name in names))
    for policy in ("delete", "compact", "delete", "compact"):
        with tempfile.TemporaryDirectory() as folder:
            figures = one(Path(folder), policy, updates, keys, batch)
        print(f"{policy:14}" + "".join(f"{figure:14,.1f}" for figure in figures), flush=True)


def one(folder: Path, policy: str, updates: int, keys: int, batch: int) -> list[float]:
    topics = EmbeddedTopics(folder, clock=SystemClock())
    topics.create("t", config={"cleanup.policy": policy})
    topics.close()
    context = mp.get_context("spawn")
    end, told = context.Event(), context.Queue()
    works = [
        context.Process(target=append, args=(folder, updates, keys, batch, told)),
        context.Process(target=read, args=(folder, updates, told)),
        context.Process(target=clean, args=(folder, end, told)),
    ]
    for work in works:
        work.start()
    most, figures = 0, dict[str, list[float]]()
    while len(figures) < 2:
        most = max(most, size(folder))
        if not told.empty():
            name, values = told.get()
            figures[name] = values
        time.sleep(0.02)
    end.set()
    _, (cpu_s, wall_s) = told.get()
    for work in works:
        work.join()
    append_s, *flush = figures["append"]
    read_s, *poll = figures["read"]
    sizes = [most / 2**20, size(folder) / 2**20]
    return [updates / append_s, updates / read_s, *sizes, cpu_s, 100 * cpu_s / wall_s, *flush, *poll]


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.name.startswith("topics.db"))


def append(folder: Path, updates: int, keys: int, batch: int, told: Any) -> None:
    writer = EmbeddedTopics(folder, clock=SystemClock()).writer()
    drawn = np.random.default_rng(7).integers(0, keys, batch)
    records = pa.record_batch(
        {
            "key": pa.array([b"key %06d" % k for k in drawn], pa.binary()),
            "value": pa.array([b'{"N": %060d}' % i for i in range(batch)], pa.binary()),
        }
    )
    times, begun = [], time.perf_counter()
    for _ in range(updates // batch):
        before = time.perf_counter()
        writer.write("t", records)
        writer.flush()
        times.append(time.perf_counter() - before)
    told.put(("append", [time.perf_counter() - begun, *worst(times)]))


def read(folder: Path, updates: int, told: Any) -> None:
    """From the beginning to the end, as the topic grows."""
    reader = EmbeddedTopics(folder, clock=SystemClock()).reader({("t", 0): 0}, ("key", "value"))
    times, begun = [], time.perf_counter()
    while reader.positions()["t", 0] < updates:
        before = time.perf_counter()
        if reader.poll(10_000) is None:
            time.sleep(0.001)
        else:
            times.append(time.perf_counter() - before)
    told.put(("read", [time.perf_counter() - begun, *worst(times)]))


def worst(times: list[float]) -> list[float]:
    return [1000 * float(np.percentile(times, 99)), 1000 * max(times)]


def clean(folder: Path, end: Event, told: Any) -> None:
    """Until nothing is left to do behind the end of the others."""
    cleaner = EmbeddedTopics(folder, clock=SystemClock()).cleaner(lambda rest_s: bool(time.sleep(rest_s)))
    cpu, wall = time.process_time(), time.perf_counter()
    while cleaner.run() or not end.wait(EVERY_S):
        continue
    told.put(("clean", [time.process_time() - cpu, time.perf_counter() - wall]))


if __name__ == "__main__":
    main()
