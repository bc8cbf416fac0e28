"""(g) A version takes over: how long a row waits while an alias moves, beside the same rows without a move.

    python -m bench.bench_moves [--seconds 12] [--megabytes 100]

A server as a user starts it, 200 events/s from topic to topic through a query that calls a TensorFlow model, twice; in the
second run the champion changes to a version that no process has in memory, in the middle. What is shown is a row's wait
until its answer can be read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bench import bench_latency
from bench.bench_latency import SOURCE, opened, show, through
from tests.mergus_server import until

RATE = 200
NETWORK = """
import sys, numpy as np, tensorflow as tf
width, more = int(sys.argv[2]), float(sys.argv[3])
class Network(tf.Module):
    def __init__(self):
        self.weights = tf.Variable(np.random.default_rng(1).normal(size=(width, width)).astype("f4"))
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        wide = tf.repeat(x[:, None], 64, axis=1) @ self.weights[:64, :64]
        return {"y": tf.reduce_mean(wide, axis=1) + more}
network = Network()
tf.saved_model.save(network, sys.argv[1], signatures=network.__call__)
"""


def saved(folder: Path, megabytes: int, number: int) -> Path:
    """A SavedModel of that size; `number` tells it from others."""
    width = int((megabytes * 1_000_000 / 4) ** 0.5)
    made = folder / f"network{number}"
    subprocess.run([sys.executable, "-c", NETWORK, str(made), str(width), str(number)], check=True, capture_output=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--megabytes", type=int, default=100)
    options = parser.parse_args()
    bench_latency.FILTER_RATE = RATE
    with tempfile.TemporaryDirectory() as folder, opened(None) as (server, topics):
        models = [saved(Path(folder), options.megabytes, number) for number in (1, 2)]
        server.statement(f"CREATE MODEL m WITH (provider='tensorflow', path='{models[0]}', cache_rows=0);")
        server.statement(SOURCE.format(name="raw"))
        server.statement("CREATE STREAM scored WITH (kafka_topic='scored') AS SELECT k, v, m(v) AS y FROM raw;")
        server.statement("INSERT INTO raw (k, v) VALUES ('k', 0);")
        until(lambda: sum(topics.end_offsets("scored").values()) > 0, "the query to work")
        server.statement(f"CREATE OR REPLACE MODEL m WITH (provider='tensorflow', path='{models[1]}', cache_rows=0);")
        server.statement("ALTER MODEL m DROP ALIAS challenger;")
        print(f"{'':54}{'p50 ms':>9}{'p99 ms':>9}{'ratios to the first':>20}")
        first = through(topics, "raw", "scored", options.seconds)
        show(f"{options.megabytes} MB, {RATE}/s, no move", first)
        print(f"{'  longest wait, ms':54}{max(first) * 1000:9.1f}")
        move = threading.Timer(options.seconds / 3, server.statement, ["ALTER MODEL m SET ALIAS champion = 2;"])
        move.start()
        moved = through(topics, "raw", "scored", options.seconds)
        move.join()
        show("  the champion changes meanwhile", moved, first)
        print(f"{'  longest wait, ms, and its ratio':54}{max(moved) * 1000:9.1f}{max(moved) / max(first):9.1f}")


if __name__ == "__main__":
    main()
