"""Small stand-ins for the rooms below the runtime: topics in memory, a counting query with its state in SQLite."""

from __future__ import annotations

import sqlite3
import threading
import time
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mergus.engine.io.partitioner import KEY_GROUPS
from mergus.engine.io.topics import RECORD_SCHEMA, TopicIdentity, TopicInfo
from mergus.engine.operators.operator import OFFSET, PARTITION, ROWTIME, SEQUENCE, Failure, Frame
from mergus.engine.runtime.flows.work import owner


class MemoryTopics:
    """Topics in memory: enough of the contract for a flow in this process."""

    def __init__(self) -> None:
        self.records: dict[str, list[list[tuple[int, bytes | None, bytes | None]]]] = {}
        self.markers: dict[str, str] = {}
        self.lock = threading.Lock()

    def create(self, name, partitions=1, replicas=1, config=None) -> TopicInfo:
        self.records[name] = [[] for _ in range(partitions)]
        return TopicInfo(name, partitions)

    def describe(self, name):
        return TopicInfo(name, len(self.records[name])) if name in self.records else None

    def list(self):
        return [TopicInfo(name, len(parts)) for name, parts in self.records.items()]

    def refused_times(self, name, timestamps, now_ms):
        return []

    def identities(self, names):
        return {name: TopicIdentity("", len(self.records[name])) for name in names if name in self.records}

    def begin_offsets(self, name):
        return dict.fromkeys(range(len(self.records[name])), 0)

    def end_offsets(self, name):
        return {p: len(part) for p, part in enumerate(self.records[name])}

    def put(self, name, rows, partition=None) -> None:
        with self.lock:
            parts = self.records[name]
            for at, key, value in rows:
                p = zlib.crc32(key or b"") % len(parts) if partition is None else partition
                parts[p].append((at, key, value))

    def reader(self, positions, columns=("value", "timestamp")):
        return MemoryReader(self, dict(positions))

    def writer(self):
        return MemoryWriter(self, None)

    def transactional_writer(self, transactional_id):
        return MemoryWriter(self, transactional_id)

    def close(self) -> None:
        return


class MemoryReader:
    def __init__(self, cluster, positions) -> None:
        self.cluster, self.at = cluster, positions
        self.topics = sorted({name for name, _ in positions})

    def poll(self, max_records, timeout_ms=0.0):
        rows = []
        with self.cluster.lock:
            for (name, p), at in self.at.items():
                taken = self.cluster.records[name][p][at : at + max_records - len(rows)]
                index = self.topics.index(name)
                rows += [(index, p, at + i, t, k, v) for i, (t, k, v) in enumerate(taken)]
                self.at[name, p] = at + len(taken)
        if not rows:
            return None
        columns = list(zip(*rows, strict=True))
        fields = [RECORD_SCHEMA.field(i) for i in range(6)]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, fields, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def positions(self):
        return dict(self.at)

    def seek(self, positions) -> None:
        self.at.update(positions)

    def close(self) -> None:
        return


class MemoryWriter:
    def __init__(self, cluster, name) -> None:
        self.cluster, self.name, self.waiting = cluster, name, []

    def write(self, topic, records) -> None:
        times = records.column("timestamp").to_pylist()
        rows = zip(times, records.column("key").to_pylist(), records.column("value").to_pylist(), strict=True)
        if self.name is None:
            self.cluster.put(topic, rows)
        else:
            self.waiting.append((topic, list(rows)))

    def pending(self):
        return False

    def flush(self) -> None:
        return

    def commit(self, marker) -> None:
        for topic, rows in self.waiting:
            self.cluster.put(topic, rows)
        self.waiting = []
        self.cluster.markers[self.name] = marker

    def last_marker(self):
        return self.cluster.markers.get(self.name)

    def close(self) -> None:
        self.waiting = []

    def abandon(self) -> None:
        self.waiting = []


class CountByKey:
    """`SELECT key, count(*) … GROUP BY key`, its state with before-images in SQLite. `stages` 1: passes records through.
    A value of b"raise" raises; b"bad" is reported."""

    def __init__(self, path: Path | None, sink: str, report=None, *, stages: int = 2, slow_s: float = 0.0) -> None:
        self.sink, self.report, self.stages, self.slow_s = sink, report, stages, slow_s
        self.epoch, self.calls, self.threads = 0, [], set()
        self.path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self.db.executescript("""PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
            CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, n INTEGER);
            CREATE TABLE IF NOT EXISTS undo (epoch INTEGER, key TEXT, n INTEGER)""")

    def decode(self, records: Sequence[pa.RecordBatch]) -> Frame:
        table = pa.Table.from_batches(records)
        seq = pa.array(range(table.num_rows), pa.int64())
        values = table.column("value").to_pylist()
        for i, value in enumerate(values):
            if value == b"raise":
                raise ValueError("a value that raises")
            if value == b"bad" and self.report:
                self.report(Failure("not decodable", "deserialization", "in", 0, i, None, value))
        columns = {"c0": table.column("key").cast(pa.string()), "c1": table.column("value")}
        columns |= {SEQUENCE: seq, ROWTIME: table.column("timestamp"), PARTITION: table.column("partition")}
        return Frame({0: pa.table(columns | {OFFSET: table.column("offset")})})

    def process(self, stage: int, frame: Frame) -> Frame:
        self.threads.add(threading.get_ident())
        time.sleep(self.slow_s)
        table = frame.edges.get(0)
        if table is None:
            return frame
        if stage == 0:
            self.calls.append(table.num_rows)
            partitions, times = table.column(PARTITION).to_pylist(), table.column(ROWTIME).to_pylist()
            known = dict(frame.stream_time)
            for p, t in zip(partitions, times, strict=True):
                known[p] = max(t, known.get(p, t))
            return Frame(dict(frame.edges), known)
        return Frame({0: self._count(table)}, frame.stream_time)

    def _count(self, table: pa.Table) -> pa.Table:
        grouped = table.group_by("c0").aggregate([("c1", "count")])
        out = []
        self.db.execute("BEGIN")
        for key, more in zip(grouped.column("c0").to_pylist(), grouped.column("c1_count").to_pylist(), strict=True):
            row = self.db.execute("SELECT n FROM counts WHERE key = ?", [key]).fetchone()
            self.db.execute("INSERT INTO undo VALUES (?, ?, ?)", [self.epoch, key, row and row[0]])
            n = (row[0] if row else 0) + more
            self.db.execute("INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET n = excluded.n", [key, n])
            out.append((key, str(n).encode()))
        self.db.execute("COMMIT")
        return pa.table({"c0": [k for k, _ in out], "c1": pa.array([n for _, n in out], pa.binary())})

    def shares(self, stage: int, frame: Frame, workers: int) -> list[Frame]:
        table = frame.edges[0]
        owners = pa.array([owner(zlib.crc32(k.encode()) % KEY_GROUPS, workers) for k in table.column("c0").to_pylist()])
        return [Frame({0: table.filter(pc.equal(owners, w))}, dict(frame.stream_time)) for w in range(workers)]

    def transaction(self):
        return nullcontext()

    def merge(self, frames: Sequence[Frame]) -> Frame:
        times: dict[int, int] = {}
        for frame in frames:
            times |= frame.stream_time
        return Frame({0: pa.concat_tables([f.edges[0] for f in frames])}, times)

    def encode(self, frame: Frame | None) -> list[tuple[str, pa.RecordBatch]]:
        table = None if frame is None else frame.edges.get(0)
        if table is None:
            return []
        columns = {"timestamp": pa.array([0] * table.num_rows, pa.int64())}
        columns |= {"key": table.column("c0").cast(pa.binary()), "value": table.column("c1")}
        return [(self.sink, batch) for batch in pa.table(columns).combine_chunks().to_batches()]

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def flush(self) -> None:
        return

    def durable(self, epoch: int) -> None:
        self.db.execute("DELETE FROM undo WHERE epoch <= ?", [epoch])

    def rollback_to(self, epoch: int) -> None:
        self.db.execute("BEGIN")
        rows = self.db.execute("SELECT key, n FROM undo WHERE epoch > ? ORDER BY rowid DESC", [epoch]).fetchall()
        for key, n in rows:
            if n is None:
                self.db.execute("DELETE FROM counts WHERE key = ?", [key])
            else:
                self.db.execute("UPDATE counts SET n = ? WHERE key = ?", [n, key])
        self.db.execute("DELETE FROM undo WHERE epoch > ?", [epoch])
        self.db.execute("COMMIT")

    def query(self, sql: str) -> pa.Table:
        return pa.table({"rows": [str(r) for r in self.db.execute(sql).fetchall()]})

    def state_bytes(self) -> int:
        return 0

    def counts(self) -> dict[str, int]:
        return dict(self.db.execute("SELECT key, n FROM counts").fetchall())

    def close(self) -> None:
        self.db.close()


def counts_in(folder: Path) -> dict[str, int]:
    """The counts of all workers' state files."""
    found: dict[str, int] = {}
    for path in folder.glob("*.sqlite"):
        db = sqlite3.connect(path)
        for key, n in db.execute("SELECT key, n FROM counts"):
            assert key not in found
            found[key] = n
        db.close()
    return found
