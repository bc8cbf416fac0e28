"""Flat AVRO a field at a time: the same as record by record, whatever the records hold."""

import datetime
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mergus.engine.io.formats.avro import records as avro
from mergus.engine.io.formats.avro.columns import Odd, flat_fields
from mergus.engine.io.formats.avro.records import AvroFormat
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Schema
from mergus.engine.sql.types import arrow_type, parse_type

PROPERTIES = {"SCHEMA_REGISTRY": "memory:avro columns", "TOPIC": "t"}
AVRO = AvroFormat()
TYPES = {
    "INT": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300),
    "DOUBLE": st.floats(allow_nan=False),
    "BOOLEAN": st.booleans(),
    "STRING": st.text(max_size=9),
    "BYTES": st.binary(max_size=9),
    "DATE": st.dates(),
    "TIMESTAMP": st.datetimes(datetime.datetime(1600, 1, 1), datetime.datetime(2200, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
}
COLUMNS = [FormatColumn(f"C{i}", parse_type(kind)) for i, kind in enumerate(TYPES)]
ROW = st.tuples(*(st.none() | values for values in TYPES.values()))


@pytest.fixture
def exact(monkeypatch):
    """A context in which everything goes record by record."""

    def inside(call):
        with monkeypatch.context() as patched:
            patched.setattr(avro, "ROWS_MIN", 1 << 60)
            return call()

    return inside


def arrays(rows):
    return [pa.array([r[i] for r in rows], arrow_type(c.type)) for i, c in enumerate(COLUMNS)]


def plain(column):
    """Times as numbers: broken bytes may say a year that Python has no date for."""
    if pa.types.is_date32(column.type):
        return column.cast(pa.int32())
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


def all_of(decoded):
    return (
        [plain(c).to_pylist() for c in decoded.columns],
        decoded.is_null.to_pylist(),
        [row for row, _ in decoded.errors],
    )


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(ROW, min_size=1, max_size=20), gone=st.integers(0, 90))
def test_both_ways_write_and_read_the_same(rows, gone):
    rows = (rows * 90)[:90]
    null = pa.array([i == gone for i in range(90)])
    with pytest.MonkeyPatch.context() as patched:
        flat, _ = AVRO.encoder(COLUMNS, PROPERTIES, is_key=False).encode(arrays(rows), null, None)
        read = AVRO.decoder(COLUMNS, PROPERTIES, is_key=False).decode(flat.slice(1), None)
        patched.setattr(avro, "ROWS_MIN", 1 << 60)
        assert AVRO.encoder(COLUMNS, PROPERTIES, is_key=False).encode(arrays(rows), null, None)[0].equals(flat)
        assert all_of(AVRO.decoder(COLUMNS, PROPERTIES, is_key=False).decode(flat.slice(1), None)) == all_of(read)
    assert read.columns[0].to_pylist() == [None if i == gone else r[0] for i, r in enumerate(rows)][1:]


@settings(deadline=None, max_examples=60)
@given(row=ROW, at=st.integers(0, 60), byte=st.integers(0, 255), cut=st.booleans())
def test_an_odd_record_is_read_as_it_would_be_alone(row, at, byte, cut):
    plain = [(1, 2, 0.5, True, "x", b"y", datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1))] * 80
    payload, _ = AVRO.encoder(COLUMNS, PROPERTIES, is_key=False).encode(arrays([row, *plain]), None, None)
    broken = bytearray(payload[0].as_py())
    place = 5 + at % max(1, len(broken) - 5)
    broken = broken[:place] if cut else broken[:place] + bytes([byte]) + broken[place + 1 :]
    payloads = pa.array([bytes(broken), *payload.to_pylist()[1:]], pa.binary())
    wanted = [*COLUMNS[:2], *(FormatColumn(c.name, c.type, wanted=False) for c in COLUMNS[2:4]), *COLUMNS[4:]]
    read = AVRO.decoder(wanted, PROPERTIES, is_key=False).decode(payloads, None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(avro, "ROWS_MIN", 1 << 60)
        other = AVRO.decoder(wanted, PROPERTIES, is_key=False).decode(payloads, None)
    assert repr(all_of(read)) == repr(all_of(other))


def test_a_null_where_the_schema_takes_none_costs_its_record(exact):
    text = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["string","null"]}]}'
    number = open_registry(PROPERTIES["SCHEMA_REGISTRY"]).register("named", Schema("AVRO", text))
    described = [FormatColumn("a", parse_type("INT")), FormatColumn("b", parse_type("STRING"))]
    properties = PROPERTIES | {"VALUE_SCHEMA_ID": str(number)}
    numbers, texts = pa.array([*range(99), None], pa.int32()), pa.array([None, *"x" * 99], pa.string())
    payload, errors = AVRO.encoder(described, properties, is_key=False).encode([numbers, texts], None, None)
    assert [row for row, _ in errors] == [99]
    kept = [numbers.slice(0, 99), texts.slice(0, 99)]
    flat, none = AVRO.encoder(described, properties, is_key=False).encode(kept, None, None)
    assert not none
    assert flat.equals(payload.slice(0, 99))
    assert exact(lambda: AVRO.encoder(described, properties, is_key=False).encode(kept, None, None))[0].equals(flat)


def test_what_is_flat():
    node = {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "int"]}]}
    assert [(f.kind, f.null_branch) for f in flat_fields(node)] == [("int", 0)]
    nested = json.loads(json.dumps(node).replace('"int"', '{"type": "array", "items": "int"}'))
    assert flat_fields(nested) is None
    assert flat_fields("int") is None
    assert issubclass(Odd, Exception)
