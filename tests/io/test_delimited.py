"""DELIMITED: what is put in quotes, and that it comes back."""

import duckdb
import pyarrow as pa
import pytest

from mergus.engine.io.formats.delimited import DelimitedFormat
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.sql.types import DOUBLE, INTEGER, STRING


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("a", "b", b"a,b"),
        ("-a", "-b", b'"-a",-b'),
        (" a", "b ", b'" a","b "'),
        ('say "x"', "p,q", b'"say ""x""","p,q"'),
        ("a\nb", "#c", b'"a\nb","#c"'),
        (None, "b", b",b"),
        ("a", None, b"a,"),
    ],
)
def test_quotes(first, second, line):
    columns = [FormatColumn("A", STRING), FormatColumn("B", STRING)]
    connection = duckdb.connect()
    rows = [pa.array([first], pa.string()), pa.array([second], pa.string())]
    encoded, errors = DelimitedFormat().encoder(columns, {}, is_key=False).encode(rows, None, connection)
    assert (encoded.to_pylist(), errors) == ([line], [])
    back = DelimitedFormat().decoder(columns, {}, is_key=False).decode(encoded, connection)
    assert [c.to_pylist() for c in back.columns] == [[first], [second]]


def test_a_number_below_zero_is_quoted_where_a_line_begins():
    columns = [FormatColumn("A", INTEGER), FormatColumn("B", INTEGER)]
    rows = [pa.array([-1, 1], pa.int32()), pa.array([-1, 1], pa.int32())]
    encoded, _ = DelimitedFormat().encoder(columns, {}, is_key=False).encode(rows, None, duckdb.connect())
    assert encoded.to_pylist() == [b'"-1",-1', b"1,1"]


def test_a_double_is_written_as_java_writes_it():
    values = [0.5, 100.0, 1e7, 1e-5, 5e-324, float("inf")]
    rows = [pa.array([1] * len(values), pa.int32()), pa.array(values)]
    columns = [FormatColumn("A", INTEGER), FormatColumn("B", DOUBLE)]
    encoded, _ = DelimitedFormat().encoder(columns, {}, is_key=False).encode(rows, None, duckdb.connect())
    assert encoded.to_pylist() == [b"1,0.5", b"1,100.0", b"1,1.0E7", b"1,1.0E-5", b"1,4.9E-324", b"1,Infinity"]
    back = DelimitedFormat().decoder(columns, {}, is_key=False).decode(encoded, duckdb.connect())
    assert back.columns[1].to_pylist() == values


def test_a_number_is_written_as_java_reads_it_and_text_is_as_long_as_it_likes():
    columns = [FormatColumn("A", INTEGER), FormatColumn("B", DOUBLE), FormatColumn("C", STRING)]
    long = "x" * 200_000
    lines = pa.array([f" 1,1.5,{long}".encode(), b"1_0,1,a", b"1,1_0,a", b"1,1,1_0"], pa.binary())
    read = DelimitedFormat().decoder(columns, {}, is_key=False).decode(lines, duckdb.connect())
    assert [c.to_pylist() for c in read.columns] == [
        [1, None, None, 1],
        [1.5, None, None, 1.0],
        [long, None, None, "1_0"],
    ]
    assert [row for row, _ in read.errors] == [1, 2]
