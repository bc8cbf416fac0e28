"""The records of the benchmarks: flat JSON of 170 bytes, made once and the same for every engine."""

from __future__ import annotations

import random

import pyarrow as pa

FIELDS = "sensor STRING, kind STRING, reading DOUBLE, status INT, at_ms BIGINT, note STRING"
START_MS = 1_700_000_000_000


def payloads(count: int, *, keys: int = 100, seed: int = 1) -> list[bytes]:
    """`count` records over `keys` keys, event time advancing one minute each 20,000 records, half of them status 1."""
    chance = random.Random(seed)
    made = []
    for i in range(count):
        head = (
            f'{{"sensor":"sensor-{chance.randrange(keys):07d}","kind":"temperature",'
            f'"reading":{chance.uniform(0, 100):.4f},"status":{chance.randrange(2)},"at_ms":{START_MS + i * 3}'
        )
        made.append(f'{head},"note":"{"n" * (161 - len(head))}"}}'.encode())
    return made


def batches(count: int, size: int = 10_000, **options: int) -> list[pa.RecordBatch]:
    """The same as batches for a topic's writer."""
    values = payloads(count, **options)
    return [
        pa.record_batch({"value": pa.array(values[i : i + size], pa.binary())}) for i in range(0, len(values), size)
    ]
