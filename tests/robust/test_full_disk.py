"""A full disk: said clearly, and nothing is lost or counted twice once there is room again.

The data folder lies on a file system of its own in memory, so the test needs the right to mount one (in a container: root).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter

import pyarrow as pa
import pytest

from mergus.engine.clock import SystemClock
from mergus.engine.errors import EnvironmentFault
from mergus.engine.io.embedded.topics import EmbeddedTopics
from tests.mergus_server import refused_start, start, until

SIZE_MB = 64
ROOM_KB = 3_000
STATEMENTS = """
CREATE STREAM s (k BIGINT, v STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE STREAM passed AS SELECT k, v FROM s WHERE k >= 0;
CREATE TABLE counts AS SELECT k, COUNT(*) AS n, SUM(LEN(v)) AS letters FROM passed GROUP BY k;
"""


@pytest.fixture
def disk(tmp_path):
    """A small file system; where none can be mounted the test is skipped."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount on this machine")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", folder], capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(path, leave_kb):
    """A file that takes all room but `leave_kb`."""
    with path.open("ab", buffering=0) as file:
        with pytest.raises(OSError, match="No space left"):
            write_on(file)
        file.truncate(max(0, file.tell() - leave_kb * 1024))


def write_on(file):
    for _ in range(SIZE_MB * 32):
        file.write(b"x" * (1 << 16))


class Producer:
    """Writes batches to the topic and remembers those that were taken."""

    def __init__(self, folder):
        self.topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
        self.wanted = Counter()
        self.number = 0

    def write(self, rows, payload):
        keys = [(self.number + i) % 97 for i in range(rows)]
        values = [json.dumps({"K": k, "V": payload}).encode() for k in keys]
        writer = self.topics.writer()
        try:
            writer.write("s", pa.record_batch({"value": pa.array(values, pa.binary())}))
        finally:
            writer.close()
        self.wanted.update(keys)
        self.number += rows

    def write_on(self, rows, payload):
        while True:
            self.write(rows, payload)

    def close(self):
        self.topics.close()


def counted(server):
    return dict(server.rows("SELECT k, n FROM counts;"))


def test_a_full_disk_loses_nothing(disk):
    data, filler = disk / "data", disk / "filler"
    server = start(data, "--setting", "epoch.ms=100", "--setting", "log.level=error")
    try:
        server.statement(STATEMENTS)
        producer = Producer(data)
        producer.write(1_000, "x" * 50)
        until(lambda: counted(server) == producer.wanted, "the first records")
        fill(filler, ROOM_KB)
        with pytest.raises(EnvironmentFault, match=r"full[\s\S]*disk"):
            producer.write_on(500, "y" * 100)
        fill(filler, 0)
        until(lambda: "ERROR" in {server.state("CSAS_PASSED_0"), server.state("CTAS_COUNTS_1")}, "a query to fail")
        told = json.dumps(server.statement("DESCRIBE counts EXTENDED; DESCRIBE passed EXTENDED;"))
        assert "full" in told or "No space left" in told
        assert server.open("/info").status == 200
        filler.unlink()
        until(lambda: counted(server) == producer.wanted, "all records to be worked in", 90)
        producer.write(200, "z")
        until(lambda: counted(server) == producer.wanted, "new records")
        server.kill()
        server = start(data, "--setting", "log.level=error")
        until(lambda: counted(server) == producer.wanted, "the table after a start")
        producer.close()
    finally:
        server.stop()


def test_a_start_on_a_full_disk(disk):
    fill(disk / "filler", 0)
    status, words = refused_start(disk / "data", "--listen", "127.0.0.1:0")
    assert status == 1
    assert "No space left on device" in words or "disk is full" in words
    assert "Traceback" not in words
