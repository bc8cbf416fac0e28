"""(b) Models inside SQL: embed + classify + cluster_id over log lines, against the bare models on ready arrays.

    python -m bench.bench_models [--lines 80000] [--single 2000]

The bare loop is a process that has loaded the three SavedModels and runs them, 1,024 lines a call, on arrays that lie
ready: nothing is read, decoded or written; once one call after another on one thread, once a thread a core, as the engine
does. It runs before and behind the statements, and its figure is of both runs together, because a machine is seldom equally
busy twice. Both have run once before they are measured, so that loading is in neither; the statements' time is from CREATE
STREAM to the last record written. Once every line is another one; once 1,443 lines come again and again, as logs have it,
where the engine computes each once.

Then one line at a time, each another one, in a process that may use one core: `embed` and `cluster_id` called from Python, and
a pull query over a table's row that asks for both, from statement to answer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

import mergus
from bench.bench_filter_count import Figure, engine, show, used
from mergus.engine.clock import SystemClock
from mergus.engine.config import usable_cores
from mergus.engine.io.embedded.topics import EmbeddedTopics

ROOT = Path(__file__).resolve().parents[1]
LINES = ROOT / "queries" / "log_alerts" / "lines.tsv"
SOURCE = "CREATE STREAM {name} (m STRING) WITH (kafka_topic='{name}', value_format='JSON', partitions=1);"
QUERY = "CREATE STREAM {name}_out AS SELECT embed(m)[1] AS first, classify(m) AS kind, cluster_id(m) AS cluster FROM {name};"
BARE = """
import json, os, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
threads = int(sys.argv[2])
tf.config.threading.set_inter_op_parallelism_threads(threads)
lines = json.load(open(sys.argv[1]))
arrays = [np.array([l.encode() for l in lines[i:i + 1024]], object) for i in range(0, len(lines), 1024)]
models = [tf.saved_model.load(path) for path in sys.argv[3:]]
calls = [m.signatures["serving_default"] for m in models]
calls = [(call, list(call.structured_input_signature[1])[0]) for call in calls]
for call, name in calls:
    call(**{name: tf.constant(arrays[0])})
def run(array):
    for call, name in calls:
        for made in call(**{name: tf.constant(array)}).values():
            made.numpy()
begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
if threads == 1:
    for array in arrays:
        run(array)
else:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, arrays))
end = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([time.perf_counter() - begun, end.ru_utime + end.ru_stime - used.ru_utime - used.ru_stime]))
"""


TABLE = """
CREATE STREAM s (k INT KEY, m STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TABLE t AS SELECT k, LATEST_BY_OFFSET(m) AS m FROM s GROUP BY k;
INSERT INTO s VALUES (1, 'a line');
"""
WARM = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=80_000)
    parser.add_argument("--single", type=int, default=2000, help="lines asked one at a time")
    parser.add_argument("--only-single", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_single:
        single(options.single)
        return
    count = options.lines
    known = [line.split("\t", 1)[1] for line in LINES.read_text().splitlines() if "\t" in line]
    chance = random.Random(1)
    repeated = [chance.choice(known) for _ in range(count)]
    distinct = [f"{line} {number:x}" for number, line in enumerate(repeated)]
    with tempfile.TemporaryDirectory() as folder:
        at_once = sorted({1, usable_cores()})
        before = [bare(Path(folder), distinct, threads) for threads in at_once]
        figures = sql(Path(folder) / "data", {"unlike": distinct, "repeated": repeated})
        behind = [bare(Path(folder), distinct, threads) for threads in at_once]
    alone = [
        replace(one, rows=2 * count, seconds=one.seconds + other.seconds, cpu=one.cpu + other.cpu)
        for one, other in zip(before, behind, strict=True)
    ]
    show([*alone, *figures])
    command = [sys.executable, "-m", "bench.bench_models", "--only-single", "--single", str(options.single)]
    core = min(os.sched_getaffinity(0))
    subprocess.run(command, check=True, cwd=ROOT, preexec_fn=lambda: os.sched_setaffinity(0, {core}))


def single(count: int) -> None:
    """The second table: how long one line takes."""
    known = [line.split("\t", 1)[1] for line in LINES.read_text().splitlines() if "\t" in line]
    lines = [f"{random.Random(i).choice(known)} {i:x}" for i in range(count + WARM)]
    print(f"\n{'one line at a time, one core':44}{'p50 ms':>10}{'p99 ms':>10}{'a second':>10}{'CPU ms':>10}")
    from mergus.udfs.cluster_id import cluster_id  # here: they load TensorFlow, which counts the cores that it may use
    from mergus.udfs.embed import embed

    timed("cluster_id, called from Python", [f"{line} once" for line in lines], lambda line: cluster_id([line]))
    timed("embed + cluster_id, called from Python", lines, lambda line: (embed([line]), cluster_id([line])))
    with tempfile.TemporaryDirectory() as folder, mergus.connect(folder) as db:
        db.execute(TABLE)
        db.wait()

        def ask(line: str) -> None:
            text = line.replace("'", "''")
            db.query(f"SELECT embed('{text}') AS meaning, cluster_id('{text}') AS cluster FROM t WHERE k = 1;").rows()

        timed("a pull query that asks for both", [f"{line} again" for line in lines], ask)


def timed(what: str, lines: list[str], ask: Callable[[str], object]) -> None:
    """One row; the first lines load code, models and plans, and are not counted."""
    for line in lines[:WARM]:
        ask(line)
    times, cpu = [], time.process_time()
    for line in lines[WARM:]:
        begun = time.perf_counter()
        ask(line)
        times.append((time.perf_counter() - begun) * 1000)
    cpu = (time.process_time() - cpu) * 1000 / len(times)
    ordered = sorted(times)
    middle, slow = ordered[len(times) // 2], ordered[int(len(times) * 0.99)]
    print(f"{what:44}{middle:10.2f}{slow:10.2f}{1000 * len(times) / sum(times):10,.0f}{cpu:10.2f}", flush=True)


def bare(folder: Path, lines: list[str], threads: int) -> Figure:
    """The three models alone, so many calls at a time."""
    path = folder / "lines.json"
    path.write_text(json.dumps(lines))
    artefacts = [str(ROOT / "models" / name / "artefact") for name in ("embed", "classify", "cluster_id")]
    command = [sys.executable, "-c", BARE, str(path), str(threads), *artefacts]
    out = subprocess.run(command, capture_output=True, check=True, text=True)
    seconds, cpu = json.loads(out.stdout)
    how = "one call at a time" if threads == 1 else f"{threads} at a time"
    return Figure(f"bare models, ready arrays, {how}", len(lines), seconds, cpu)


def sql(data: Path, jobs: dict[str, list[str]]) -> list[Figure]:
    """The same as statements; the models have been loaded by a query before, as on a server that is up."""
    topics = EmbeddedTopics(data / "topics", clock=SystemClock())
    for name, lines in (jobs | {"warm": ["one", "two"]}).items():
        topics.create(name, 1)
        writer = topics.writer()
        for i in range(0, len(lines), 10_000):
            values = [json.dumps({"M": line}).encode() for line in lines[i : i + 10_000]]
            writer.write(name, pa.record_batch({"value": pa.array(values, pa.binary())}))
        writer.close()
    topics.close()
    figures = []
    with engine(data, 1, None) as opened:
        for name in ("warm", *jobs):
            list(opened.execute(SOURCE.format(name=name)))
            cpu, begun = used(opened), time.perf_counter()
            list(opened.execute(QUERY.format(name=name)))
            failed = opened.wait_caught_up(900)
            seconds, cpu = time.perf_counter() - begun, used(opened) - cpu
            if failed or any(opened.failures().values()):
                raise RuntimeError(f"{[s.error for s in opened.statuses().values()]}, {opened.failures()}")
            if name != "warm":
                figures.append(Figure(f"SQL, {name} lines", len(jobs[name]), seconds, cpu))
    return figures


if __name__ == "__main__":
    main()
