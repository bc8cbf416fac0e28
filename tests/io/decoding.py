"""What must hold of a record decoder whatever bytes it is given: they cost themselves only, alone as in a large batch.

Shared by the fuzz of `make test` (hypothesis) and the guided one of `make test-all` (atheris, `fuzz_decoders.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from mergus.engine.io.formats.format import Decoded, FormatColumn
from mergus.engine.io.formats.registry import find
from mergus.engine.sql.types import arrow_type, parse_type

AROUND = 100
"""Good records on each side: together a batch that goes down every format's fast path."""

FLAT = {
    "I": ("INT", 7), "L": ("BIGINT", -8), "B": ("BOOLEAN", True), "D": ("DOUBLE", 1.5), "S": ("STRING", "añ"),
    "Y": ("BYTES", b"\0x"), "N": ("DECIMAL(6, 2)", Decimal("-12.34")), "DA": ("DATE", date(2024, 2, 29)),
    "T": ("TIME", time(1, 2, 3)), "TS": ("TIMESTAMP", datetime(2024, 1, 2, 3, 4, 5)),
}  # fmt: skip
NESTED = {
    "A": ("ARRAY<BIGINT>", [1, 2, 3]),
    "M": ("MAP<STRING, DOUBLE>", [("k", 0.5)]),
    "R": ("STRUCT<X INT, Z ARRAY<STRUCT<Q STRING>>>", {"f0": 1, "f1": [{"f0": "q"}]}),
}
FORMATS = {
    "JSON": FLAT, "JSON nested": NESTED, "JSON_SR": FLAT, "AVRO": FLAT, "AVRO nested": NESTED, "PROTOBUF": FLAT,
    "PROTOBUF nested": NESTED, "PROTOBUF_NOSR": FLAT, "DELIMITED": FLAT, "KAFKA": {"L": FLAT["L"]},
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A decoder, a record that it reads, and what that record says."""

    name: str
    decode: Callable[[list[bytes | None]], Decoded]
    good: bytes
    types: tuple[pa.DataType, ...]

    def check(self, payload: bytes | None) -> None:
        """`payload` between good records: alone among them and in a large batch it says the same, and they are read."""
        small = self._middle([self.good, payload, self.good], 1)
        large = self._middle([*[self.good] * AROUND, payload, *[self.good] * AROUND], AROUND)
        assert small == large, f"{self.name}: {payload!r} says {small} among few records, {large} among many"

    def _middle(self, records: list[bytes | None], at: int) -> tuple[list[str], bool, bool]:
        """What the record at `at` says, whether it is NULL, and whether it is refused."""
        decoded = self.decode(records)
        assert tuple(c.type for c in decoded.columns) == self.types
        assert all(len(c) == len(records) for c in (*decoded.columns, decoded.is_null))
        refused = [row for row, _ in decoded.errors]
        assert set(refused) <= {at}, f"{self.name}: {records[at]!r} costs its neighbours: {decoded.errors[:3]}"
        if refused:
            return [], False, True
        first = _texts(decoded, 0)
        assert _texts(decoded, len(records) - 1) == first
        return _texts(decoded, at), bool(decoded.is_null[at].as_py()), False


def _texts(decoded: Decoded, row: int) -> list[str]:
    """A row's values as text: a date may lie where Python has none, and NaN equals nothing."""
    return [c.slice(row, 1).to_string() for c in decoded.columns]


def subjects(connection: duckdb.DuckDBPyConnection) -> Iterator[Subject]:
    """Every format's decoder, flat and nested: those of FORMATS."""
    for name, sample in FORMATS.items():
        columns = [FormatColumn(column, parse_type(text)) for column, (text, _) in sample.items()]
        properties = {"SCHEMA_REGISTRY": f"memory:{uuid.uuid4()}", "TOPIC": "t"}
        form = find(name.split()[0])
        values: list[Any] = [value for _, value in sample.values()]
        types = tuple(arrow_type(c.type) for c in columns)
        row = [pa.array([value], t) for value, t in zip(values, types, strict=True)]
        encoded, errors = form.encoder(columns, properties, is_key=False).encode(row, None, connection)
        assert not errors, (name, errors)
        decoder = form.decoder(columns, properties, is_key=False)

        def decode(records: list[bytes | None], decoder: Any = decoder) -> Decoded:
            made: Decoded = decoder.decode(pa.array(records, pa.binary()), connection)
            return made

        yield Subject(name, decode, encoded[0].as_py(), types)
