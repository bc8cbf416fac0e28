"""What the engine relies on of Bytewax, which promises none of it: a new release must pass these first."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink, cluster_main

from mergus.engine.runtime.checkpoint import CheckpointStore
from mergus.engine.runtime.flows.lanes import lanes

READ = "import sqlite3, sys, json; print(json.dumps(sqlite3.connect(sys.argv[1]).execute('SELECT * FROM fronts').fetchall()))"


def closed_up_to(folder: Path) -> int:
    """The least frontier of all workers, read by another process: two SQLite libraries in one would lose locks."""
    out = subprocess.run([sys.executable, "-c", READ, str(folder / "part-0.sqlite3")], capture_output=True, check=True)
    return min((row[3] for row in json.loads(out.stdout)), default=1)


class Part(StatefulSourcePartition):
    def __init__(self, name: str, folder: Path, seen: list) -> None:
        self.name, self.folder, self.seen = name, folder, seen
        self.epoch, self.first, self.calls = 1, True, 0

    def next_batch(self):
        if self.epoch > 3:
            raise StopIteration
        if self.first:
            self.first = False
            self.seen.append((self.epoch, closed_up_to(self.folder)))
        self.calls += 1
        return [(self.name, self.epoch)]

    def snapshot(self):
        self.epoch, self.first = self.epoch + 1, True
        return self.epoch


class Source(FixedPartitionedSource):
    def __init__(self, folder: Path) -> None:
        self.folder, self.seen = folder, []

    def list_parts(self):
        return ["a", "b"]

    def build_part(self, step_id, for_part, resume_state):
        return Part(for_part, self.folder, self.seen)


class Slow(op.StatefulBatchLogic):
    def __init__(self, closes: list) -> None:
        self.epochs, self.closes = set(), closes

    def on_batch(self, values):
        time.sleep(0.01)
        self.epochs |= set(values)
        return [], False

    def snapshot(self):
        self.closes.append(max(self.epochs))
        return 0


@pytest.mark.parametrize("workers", [1, 2])
def test_an_epoch_begins_when_the_one_before_is_durable_and_steps_see_it_close(tmp_path, workers):
    closes: list[int] = []
    source = Source(tmp_path)
    flow = Dataflow("facts")
    items = op.input("source", flow, source)
    op.output("end", op.stateful_batch("slow", items, lambda _: Slow(closes)), TestingSink([]))
    cluster_main(
        flow,
        [],
        0,
        worker_count_per_proc=workers,
        epoch_interval=timedelta(milliseconds=30),
        recovery_config=CheckpointStore(tmp_path).prepare(),
    )
    assert len(source.seen) == 6
    assert all(closed == epoch for epoch, closed in source.seen)
    assert sorted(set(closes)) == [1, 2, 3]  # the end of the input may be told once more


def test_a_lane_leads_to_its_worker():
    for workers in (1, 2, 3, 5):
        assert len(set(lanes(workers))) == workers
