"""Dates beyond the years that Python knows are written and read back, row by row as in a batch."""

import uuid

import duckdb
import pyarrow as pa
import pytest

from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.formats.registry import find
from mergus.engine.sql.types import DATE, STRING, TIMESTAMP, Array, Map

DAYS = pa.array([-2147483647, None, 5], pa.int32()).cast(pa.date32())
MOMENTS = pa.array([1_700_000_000_000_000, 7, None]).cast(pa.timestamp("ms"))
NO_NULLS = (pa.array([-2147483647, 2147483646, 5], pa.int32()).cast(pa.date32()), MOMENTS.fill_null(MOMENTS[0]))
JSON = {
    False: b'{"D":-2147483647,"T":1700000000000000}',
    True: b'{"D":[-2147483647],"T":{"k":1700000000000000}}',
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("rows", [3, 300])
@pytest.mark.parametrize("name", ["AVRO", "JSON", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR", "DELIMITED"])
def test_far_dates(name, rows, nested):
    if nested and name == "DELIMITED":
        pytest.skip("DELIMITED is flat")
    given = NO_NULLS if nested and name.startswith("PROTOBUF") else (DAYS, MOMENTS)  # it holds no NULL inside an array
    days, moments = (pa.concat_arrays([a] * (rows // 3)) for a in given)
    columns = [FormatColumn("D", DATE), FormatColumn("T", TIMESTAMP)]
    if nested:
        places = pa.array(range(rows + 1), pa.int32())
        days = pa.ListArray.from_arrays(places, days)
        moments = pa.MapArray.from_arrays(places, pa.array(["k"] * rows), moments)
        columns = [FormatColumn("D", Array(DATE)), FormatColumn("T", Map(STRING, TIMESTAMP))]
    properties = {"SCHEMA_REGISTRY": f"memory:{uuid.uuid4()}", "TOPIC": "t"}
    if name.startswith("PROTOBUF"):
        properties["VALUE_PROTOBUF_NULLABLE_REPRESENTATION"] = "WRAPPER"
    connection = duckdb.connect()
    form = find(name)
    encoded, errors = form.encoder(columns, properties, is_key=False).encode([days, moments], None, connection)
    assert errors == []
    decoded = form.decoder(columns, properties, is_key=False).decode(encoded, connection)
    assert decoded.errors == []
    assert decoded.columns[0].equals(days)
    assert decoded.columns[1].equals(moments)
    if name == "JSON":
        assert encoded[0].as_py() == JSON[nested]
    if name == "DELIMITED":
        assert encoded[0].as_py() == b'"-2147483647",1700000000000000'
