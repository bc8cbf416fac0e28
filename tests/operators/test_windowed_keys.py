"""Windowed keys in topics are byte for byte what Kafka Streams' own serialisers write, and its deserialisers read them.

Those run from Maven's artefacts on a JVM; without Java or Maven the test is skipped on a developer's machine and fails in CI.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mergus.engine.sql.statements.statement import WindowClause
from tests.kafka_broker import BrokerUnavailable, resolve_streams

from .queries import Bench, hopping, session, source, tumbling

PROGRAM = Path(__file__).parent / "WindowedKeys.java"
READINGS = source("S", "ID INTEGER KEY, NAME STRING, V BIGINT, D DOUBLE")
TYPES = {"ID": "INTEGER", "NAME": "STRING", "V": "BIGINT", "D": "DOUBLE"}
WINDOWS = {60_000: tumbling(60_000), 90_000: hopping(90_000, 30_000), 0: session(10_000)}
ROWS = [
    (1, {"NAME": "a", "V": 1, "D": 0.5}, 0),
    (-7, {"NAME": "é✓", "V": -(2**63), "D": -1e300}, 59_999),
    (2**31 - 1, {"NAME": "long" * 40, "V": 2**63 - 1, "D": -0.25}, 1_700_000_000_123),
    (1, {"NAME": "a", "V": 1, "D": 0.5}, 1_700_000_005_000),
    (1, {"NAME": "a", "V": 1, "D": 0.5}, 1_700_000_009_000),  # its session's end
]


@pytest.fixture(scope="module")
def class_path() -> str:
    try:
        return resolve_streams()
    except BrokerUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def written(instance: duckdb.DuckDBPyConnection, column: str, window: WindowClause) -> set[tuple[bytes, Any, int, int]]:
    """The sink's keys with what each says."""
    bench = Bench(instance, [READINGS])
    for key, row, time in ROWS:
        bench.put("s", key, row, time)
    items = f"{column}; AS_VALUE({column}) AS K; WINDOWSTART AS A; WINDOWEND AS Z; COUNT(*) AS N"
    bench.driver.run(bench.plan(items, "S", group_by=column, window=window, table=True), None)
    return {(key, row["K"], row["A"], row["Z"]) for key, row, _ in bench.out() if row is not None}


@pytest.mark.kafka
def test_keys_are_kafka_streams(instance: duckdb.DuckDBPyConnection, class_path: str) -> None:
    told = [
        (sql_type, key, size, start, end, raw)
        for size, window in WINDOWS.items()
        for column, sql_type in TYPES.items()
        for raw, key, start, end in sorted(written(instance, column, window))
    ]
    assert len(told) == 4 * (4 + 9 + 4)
    lines = [f"{sql_type} {key} {size} {start} {end} {raw.hex()}" for sql_type, key, size, start, end, raw in told]
    command = ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", class_path, str(PROGRAM)]
    done = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    theirs = [line.split() for line in done.stdout.decode().splitlines()]
    for (sql_type, key, _, start, end, raw), (hexadecimal, read, began, ended) in zip(told, theirs, strict=True):
        assert raw.hex() == hexadecimal
        assert (type(key)(read), int(began), int(ended)) == (key, start, end), (sql_type, key)
