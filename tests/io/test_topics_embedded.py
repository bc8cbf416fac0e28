"""What only the embedded topics promise: many processes on one file, kill -9, retention, a full disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from mergus.engine.clock import FixedClock, SystemClock
from mergus.engine.errors import EnvironmentFault
from mergus.engine.io.embedded.batches import Stored, complete, decode, encode
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.topics import HEADERS

PRODUCER = """
import sys
from pathlib import Path
import pyarrow as pa
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
writer = EmbeddedTopics(Path(sys.argv[1]), clock=SystemClock()).writer()
count, done = int(sys.argv[3]), 0
while count < 0 or done < count:
    values = pa.array([b"%s %d" % (sys.argv[2].encode(), done + i) for i in range(10)])
    writer.write("t", pa.record_batch({"value": values}))
    writer.flush()
    done += 10
    print(done, flush=True)
"""


def _produce(directory: Path, label: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PRODUCER, str(directory), label, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _values(topics: EmbeddedTopics, name: str = "t") -> list[bytes]:
    reader = topics.reader({(name, p): 0 for p in topics.begin_offsets(name)})
    found: list[bytes] = []
    while (batch := reader.poll(1000)) is not None:
        found += batch.column("value").to_pylist()
    reader.close()
    return found


def test_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    topics = EmbeddedTopics(tmp_path, clock=SystemClock())
    topics.create("t")
    producers = [_produce(tmp_path, label, 500) for label in ("a", "b")]
    reader = topics.reader({("t", 0): 0})
    found: list[bytes] = []
    while len(found) < 1000:
        batch = reader.poll(64, timeout_ms=30_000)
        assert batch is not None
        found += batch.column("value").to_pylist()
    for producer, label in zip(producers, (b"a", b"b"), strict=True):
        assert producer.wait(30) == 0
        assert [v for v in found if v.startswith(label)] == [label + b" %d" % i for i in range(500)]


def test_a_killed_producer_leaves_whole_batches_and_loses_none_that_was_flushed(tmp_path: Path) -> None:
    topics = EmbeddedTopics(tmp_path, clock=SystemClock())
    topics.create("t")
    producer = _produce(tmp_path, "a", -1)
    assert producer.stdout is not None
    told = [int(producer.stdout.readline()) for _ in range(20)][-1]
    producer.send_signal(signal.SIGKILL)
    producer.wait(30)
    found = _values(topics)
    assert len(found) >= told
    assert len(found) % 10 == 0
    assert found == [b"a %d" % i for i in range(len(found))]
    writer = topics.writer()
    writer.write("t", pa.record_batch({"value": pa.array([b"next"])}))
    writer.flush()
    assert _values(topics)[-1] == b"next"


def test_retention_by_time_and_by_size(tmp_path: Path) -> None:
    clock = FixedClock(1_000_000)
    topics = EmbeddedTopics(tmp_path, clock=clock)
    topics.create("old", config={"retention.ms": "1000"})
    topics.create("large", config={"retention.bytes": "2500"})
    topics.create("kept")
    writer = topics.writer()
    behind = topics.reader({("old", 0): 0})
    for _ in range(5):
        for name in ("old", "large", "kept"):
            writer.write(name, pa.record_batch({"value": pa.array([b"x" * 1000])}))
        writer.flush()
        clock.current_ms += 600
    topics.enforce_retention()
    assert [topics.begin_offsets(n)[0] for n in ("old", "large", "kept")] == [4, 2, 0]
    assert [topics.end_offsets(n)[0] for n in ("old", "large", "kept")] == [5, 5, 5]
    assert [row["offset"] for row in behind.poll(10).to_pylist()] == [4]  # type: ignore[union-attr]


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    topics = EmbeddedTopics(tmp_path, clock=SystemClock())
    for name in ("t", "u"):
        topics.create(name)
    writer = topics.writer()
    (pages,) = writer._store.connection.execute("PRAGMA page_count").fetchone()
    writer._store.connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    for name, size in (("u", 10), ("t", 100_000)):
        writer.write(name, pa.record_batch({"value": pa.array([b"x" * size])}))
    with pytest.raises(EnvironmentFault, match="full") as raised:
        writer.flush()
    assert "free space" in str(raised.value)
    assert _values(topics, "u") == _values(topics, "t") == []
    writer._store.connection.execute("PRAGMA max_page_count = 1000000")
    writer.flush()
    assert [len(v) for name in ("u", "t") for v in _values(topics, name)] == [10, 100_000]


def test_batches_of_all_shapes_come_back_in_order() -> None:
    """Neighbours of one shape are decoded together; a large one is not copied for it."""
    header = pa.array([[{"key": "h", "value": b"1"}]], HEADERS)
    shapes = [{"value": [b"a"]}, {"key": [b"k"], "value": [None]}, {"key": [b"k", b"l"], "value": [b"b", b"c"]}]
    shapes += [
        {"value": [b"d", b"e"], "timestamp": [7, 9]},
        {"value": [b"f"] * 500},
        {"key": [b"k"], "headers": header},
    ]
    made = [pa.record_batch(dict(shapes[(i * i + i // 5) % len(shapes)])) for i in range(60)]
    whole = [complete(records, lambda: 5) for records in made]
    stored: list[Stored] = []
    offset = 0
    for row in (row for records in whole for row in encode(records)):
        offset += offset % 3 == 0  # a gap
        stored.append((offset, row.count, row.shape, row.min_timestamp, bytes(row.body)))
        offset += row.count
    given = pa.concat_batches(decode(stored, ["key", "value", "headers"]))
    assert given.drop_columns("offset").to_pylist() == pa.concat_batches(whole).to_pylist()
    assert given.column("offset").to_pylist() == [row[0] + i for row in stored for i in range(row[1])]
