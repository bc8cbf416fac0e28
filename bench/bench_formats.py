"""(f) Formats: decoding and encoding flat records, as a ratio to the bare library on ready bytes.

    python -m bench.bench_formats [--records 50000] [--runs 5]

Ours: a binary Arrow array to Arrow columns and back, as a query does it. Bare: the library's own call for each record, to
and from the Python objects that it makes. Best of the runs, one thread, all in one process.
"""

from __future__ import annotations

import argparse
import csv
import io
import struct
import time
from collections.abc import Callable
from typing import Any

import fastavro
import orjson
import pyarrow as pa
from google.protobuf import message_factory
from rich.console import Console
from rich.table import Table

from mergus.engine.io.formats.avro.schema import parsed
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.formats.protobuf.compile import compiled
from mergus.engine.io.formats.registry import find
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.sql.types import arrow_type, parse_type
from mergus.engine.state.duckdb import connect

COLUMNS = [
    FormatColumn(name, parse_type(kind))
    for name, kind in (
        ("SENSOR", "STRING"),
        ("KIND", "STRING"),
        ("READING", "DOUBLE"),
        ("STATUS", "INT"),
        ("AT_MS", "BIGINT"),
        ("NOTE", "STRING"),
    )
]
ONE = [FormatColumn("AT_MS", parse_type("BIGINT"))]
PROPERTIES = {"SCHEMA_REGISTRY": "memory:bench"}


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "SENSOR": f"sensor-{i % 1000:07d}",
            "KIND": "temperature",
            "READING": i / 7,
            "STATUS": i % 2,
            "AT_MS": 1_700_000_000_000 + 3 * i,
            "NOTE": f"a note of some length, number {i}",
        }
        for i in range(count)
    ]


def bare(name: str, given: list[dict[str, Any]]) -> tuple[Callable[[], object], Callable[[], object]]:
    """The library's own loop: (decode, encode)."""
    registry = open_registry("memory:bench")
    if name in ("JSON", "JSON_SR"):
        texts = [orjson.dumps(r) for r in given]
        return lambda: [orjson.loads(t) for t in texts], lambda: [orjson.dumps(r) for r in given]
    if name == "AVRO":
        schema = parsed(registry.latest("AVRO-value").schema, registry.resolve, raw=True)

        def write(row: dict[str, Any]) -> bytes:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, schema, row)
            return out.getvalue()

        records = [write(r) for r in given]
        read = fastavro.schemaless_reader
        return lambda: [read(io.BytesIO(b), schema, None) for b in records], lambda: [write(r) for r in given]
    if name.startswith("PROTOBUF"):
        whole = compiled(registry.latest("PROTOBUF-value").schema, registry.resolve)
        message = message_factory.GetMessageClass(whole.message(None))
        made = [message(**r).SerializeToString() for r in given]
        return lambda: [message.FromString(b) for b in made], lambda: [message(**r).SerializeToString() for r in given]
    if name == "DELIMITED":
        return _bare_lines(given)
    pack = struct.Struct(">q")
    numbers = [pack.pack(r["AT_MS"]) for r in given]
    return lambda: [pack.unpack(b) for b in numbers], lambda: [pack.pack(r["AT_MS"]) for r in given]


def _bare_lines(given: list[dict[str, Any]]) -> tuple[Callable[[], object], Callable[[], object]]:
    def write(row: dict[str, Any]) -> bytes:
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(row.values())
        return out.getvalue().encode()

    lines = [write(r) for r in given]
    read = csv.reader
    return lambda: [next(read((line.decode(),))) for line in lines], lambda: [write(r) for r in given]


def ours(name: str, given: list[dict[str, Any]]) -> tuple[Callable[[], object], Callable[[], object]]:
    """A batch as a query reads and writes it: (decode, encode)."""
    connection = connect()
    columns = ONE if name == "KAFKA" else COLUMNS
    properties = PROPERTIES | {"TOPIC": name}
    arrays = [pa.array([r[c.name] for r in given], arrow_type(c.type)) for c in columns]
    encoder = find(name).encoder(columns, properties, is_key=False)
    payload, errors = encoder.encode(arrays, None, connection)
    decoder = find(name).decoder(columns, properties, is_key=False)
    decoded = decoder.decode(payload, connection)
    assert not errors
    assert not decoded.errors
    assert [a.equals(b) for a, b in zip(decoded.columns, arrays, strict=True)].count(False) == 0, name
    return lambda: decoder.decode(payload, connection), lambda: encoder.encode(arrays, None, connection)


def best(runs: int, *calls: Callable[[], object]) -> list[float]:
    """The shortest time of each, run by turns."""
    times = [float("inf")] * len(calls)
    for _ in range(runs):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            times[i] = min(times[i], time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    given = rows(options.records)
    table = Table("format", "decode, k rows/s", "bare", "ratio", "encode, k rows/s", "bare", "ratio")
    for name in ("JSON", "JSON_SR", "AVRO", "PROTOBUF", "PROTOBUF_NOSR", "DELIMITED", "KAFKA"):
        decode, encode = ours(name, given)
        read, write = bare(name, given)
        figures = best(options.runs, decode, read, encode, write)
        thousands = [options.records / t / 1000 for t in figures]
        told = [f"{v:,.0f}" for v in thousands]
        ratios = [f"{thousands[0] / thousands[1]:.2f}", f"{thousands[2] / thousands[3]:.2f}"]
        table.add_row(name, told[0], told[1], ratios[0], told[2], told[3], ratios[1])
    Console().print(table)


if __name__ == "__main__":
    main()
