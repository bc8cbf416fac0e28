"""JSON comes out the same by the fast path and by the exact one, oddities included."""

import random

import duckdb
import pyarrow as pa
import pytest

from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.io.formats.json import fast as json_fast
from mergus.engine.io.formats.registry import find
from mergus.engine.sql.types import BIGINT, BOOLEAN, DOUBLE, FLOAT, INTEGER, STRING, Vector, parse_type

COLUMNS = [
    FormatColumn("I", INTEGER),
    FormatColumn("L", BIGINT),
    FormatColumn("D", DOUBLE),
    FormatColumn("S", STRING),
    FormatColumn("B", BOOLEAN),
]
PLAIN = '{"I":1,"L":2,"D":1.5,"S":"x","B":true}'
ODD_VALUES = {
    "I": [
        "1.9",
        "1.0",
        "-1.9",
        "true",
        '"12"',
        '" 12"',
        '"x"',
        "99999999999",
        "null",
        "1e3",
        "{}",
        "[1]",
        '""',
        "-0",
        "1e63",
        "1e64",
        "-1e999999999999",
        "1e-999999999999",
        "1e99999999999999999999",
    ],
    "L": ["9223372036854775808", "-9223372036854775808", "1e3", '"9"', "false", "18446744073709551616"],
    "D": [
        "1",
        "true",
        '"1.5"',
        "1e400",
        '"nan"',
        "12345678901234567890123",
        "null",
        '"abc"',
        "-0.0",
        "NaN",
        "Infinity",
        "-Infinity",
        '"NaN"',
        "nan",
        "1e99999999999999999999",
    ],
    "S": [
        "1",
        "1.50",
        "1e5",
        "true",
        "null",
        '{"a" : 1}',
        "[1, 2]",
        '"\\u0041"',
        '"é"',
        '""',
        '"\\ud83d\\ude00"',
        '"\\ud83d"',
        '{"\\ude00":["\\ud83d"]}',
        "1e999999999999",
        *(
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            '"NaN"',
            '"-Infinity"',
            "[NaN]",
            '{"a":NaN}',
            "1e99999999999999999999",
        ),
    ],
    "B": ['"true"', "1", "0", "null", "[]"],
}
WHOLE = [
    "{}", "null", "[1]", "1", '"x"', "{", "", " ", '{"I":1}', '{"i":7,"l":8,"d":9,"s":"y","b":false}',
    '{"I":1,"I":3,"L":2,"D":1.5,"S":"x","B":true}', '{"I":1,"i":3,"L":2,"D":1.5,"S":"x","B":true}',
    PLAIN + "x", '{"I":1,"other":{"I":2},"s":"nested \\"S\\""}', '{"\\u0049":5}', '{"I":NaN}',
    '{"I":1,"other":NaN}', '{"I":1,"other":[-Infinity,{"a":1e99999999999999999999}],"L":2}',
    '{"I":1,"L":2,}', '{"I":1 ,\n}', '{"I":1,"other":[1,2,],"L":2}', '{"I":1,"S":[1,]}', '{"I":1,"S":",}"}',
    '{"I":1,"S":"nan,]",}', '{"I":1,,}', '{,}', '{"I":1,"other":[,]}', '{"I":1,"other":[ ,]}',
    '[1,]', '{"I":1},', '{"I":1,"other":nan}',
    '{"I":1,"other":-inf,"L":2}', '{"I":1,"other":INFINITY}', '{"I":1,"other":nano}', '{"I":1,"other":+inf}', '{"nan":1,"I":2,}',
    '{"I":1,"other":"\\"",}', '{"I":1,"other":"a\\"b,]"}', '{nan:1}', "{'I':1}", '{"I":1,"other":-Infinity,}', '{"I":1 "L":2,}',
]  # fmt: skip
PLAIN_VALUES = {"I": "1", "L": "2", "D": "1.5", "S": '"x"', "B": "true"}
ODDITIES = [
    PLAIN.replace(f'"{name}":{PLAIN_VALUES[name]}', f'"{name}":{value}')
    for name, values in ODD_VALUES.items()
    for value in values
]
PAYLOADS: list[bytes | None] = [o.encode() for o in ODDITIES + WHOLE] + [b"\xff", None, b'{"S":"\xff"}']


def outcome(decoded, row):
    errors = dict(decoded.errors)
    if row in errors:
        return "error"
    return (decoded.is_null[row].as_py(), [str(c[row].as_py()) for c in decoded.columns])


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        yield connection


LOWER_ODDITIES = [
    '{"i":1,"I":3,"l":2,"d":1.5,"s":"x","b":true}', '{"i":1,"\\u0049":3,"l":2,"d":1.5,"s":"x","b":true}',
    '{"i":1,"l":2,"d":1.5,"s":"I","b":true}', '{"i":1,"l":2,"d":1.5,"s":"x","b":true,"o":{"I":9}}',
    ' {"i":1,"l":2,"d":1.5,"s":"x","b":true}', ' [1]', '[{"i":1}]', 'null', '"{"', '{"I":5}', '{"i":1,"I":null}',
    '{"i":1.9,"l":2,"d":1.5,"s":"\\u001f","b":true}', '{"\\u0069":1,"S":"x"}',
]  # fmt: skip


@pytest.mark.parametrize("oddity", LOWER_ODDITIES + ODDITIES + WHOLE)
def test_both_ways_agree_in_another_spelling(oddity, connection):
    plain = [PLAIN.lower().encode()] * (json_fast.ROWS_MIN + 20)
    exact = find("JSON").decoder(COLUMNS, {}, is_key=False).decode(pa.array([oddity.encode()]), connection)
    rows = pa.array([*plain, oddity.encode()], pa.binary())
    fast = find("JSON").decoder(COLUMNS, {}, is_key=False).decode(rows, connection)
    assert outcome(fast, len(plain)) == outcome(exact, 0)
    assert outcome(fast, 0) == (False, ["1", "2", "1.5", "x", "True"])


@pytest.mark.parametrize("oddity", PAYLOADS)
def test_both_ways_agree(oddity, connection):
    plain = [PLAIN.encode()] * (json_fast.ROWS_MIN + 20)
    exact = find("JSON").decoder(COLUMNS, {}, is_key=False).decode(pa.array([oddity], pa.binary()), connection)
    fast = find("JSON").decoder(COLUMNS, {}, is_key=False).decode(pa.array([*plain, oddity], pa.binary()), connection)
    assert outcome(fast, len(plain)) == outcome(exact, 0)
    assert outcome(fast, 0) == (False, ["1", "2", "1.5", "x", "True"])


def test_the_fast_path_is_taken_and_alone(connection):
    decoder = find("JSON").decoder(COLUMNS, {}, is_key=False)
    decoder._exact = None  # any row that goes the exact way fails
    lower = PLAIN.lower().encode()
    for payload in (PLAIN.encode(), lower, b'{"l":2}', b'{"i":null}'):
        decoder.fast = None
        decoded = decoder.decode(pa.array([payload] * 300, pa.binary()), connection)
        assert len(decoded.columns[0]) == 300
        assert not decoded.errors


def test_a_mixture(connection):
    chance = random.Random(7)
    rows = [chance.choice(PAYLOADS[:-3]) if chance.random() < 0.1 else PLAIN.encode() for _ in range(2_000)]
    fast = find("JSON").decoder(COLUMNS, {}, is_key=False).decode(pa.array(rows, pa.binary()), connection)
    one = find("JSON").decoder(COLUMNS, {}, is_key=False)
    for row, raw in enumerate(rows):
        assert outcome(fast, row) == outcome(one.decode(pa.array([raw], pa.binary()), connection), 0), raw


def test_nested_values_and_back(connection):
    columns = [
        FormatColumn("A", parse_type("ARRAY<STRUCT<X INT, `y` STRING>>")),
        FormatColumn("M", parse_type("MAP<STRING, DECIMAL(5, 2)>")),
        FormatColumn("V", parse_type("FLOAT[3]")),
        FormatColumn("T", parse_type("TIMESTAMP")),
        FormatColumn("R", parse_type("BYTES")),
    ]
    text = b'{"A":[{"X":1,"y":"a"},null],"M":{"k":12.30},"V":[0.1,2.5,3.5],"T":1700000000123,"R":"AQI="}'
    decoded = find("JSON").decoder(columns, {}, is_key=False).decode(pa.array([text], pa.binary()), connection)
    assert not decoded.errors
    encoded, _ = find("JSON").encoder(columns, {}, is_key=False).encode(decoded.columns, None, connection)
    assert encoded[0].as_py() == text


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("DECIMAL(3, 1)", b'{"C":123.4}', "numeric field overflow"),
        ("DECIMAL(3, 1)", b'{"C":"1_0"}', "cannot read text as DECIMAL"),
        ("INT", b'{"C":1e99999999999999999999}', "a number out of reach as INTEGER"),
        ("DOUBLE", b'{"C":NaN}', "cannot read NaN"),
        ("STRING", b'{"C":[NaN]}', "cannot read NaN"),
        ("STRING", b'{"C":"\\ud800"}', "half of a surrogate pair"),
        ("FLOAT[2]", b'{"C":[1]}', "takes 2 numbers"),
        ("BYTES", b'{"C":"%"}', "base64"),
        ("MAP<STRING, INT>", b'{"C":3}', "cannot read a number as MAP"),
        ("INT", b"{", "not JSON"),
        ("INT", b"\xff", "not UTF-8"),
        ("ARRAY<INT>", b'{"C":' + b"[" * 100_000, "not JSON"),
    ],
)
def test_reasons(column, text, reason, connection):
    columns = [FormatColumn("C", parse_type(column))]
    decoded = find("JSON").decoder(columns, {}, is_key=False).decode(pa.array([text], pa.binary()), connection)
    assert reason in decoded.errors[0][1]


def test_both_ways_write_the_same_bytes(connection):
    chance = random.Random(3)
    doubles = [1e22, 1e21, 1e16, 1e-5, 1e-6, 1e-7, 1.5e-9, 5e-324, -0.0, 1.0, 1e20, 12345678901234567890.0, None]
    doubles += [chance.random() * 10 ** chance.randint(-320, 300) for _ in range(400)]
    singles = [0.1, 1e10, 1e20, 1e-7, 1e-45, 3.4e38, -0.0, 16777216.0, None]
    singles += [chance.random() * 10 ** chance.randint(-44, 38) for _ in range(400)]
    texts = [chr(i) for i in range(1, 400)] + ['"', "\\", "\\u001f", "\\\\", "\u2028", "\U0001f600", None]
    rows = json_fast.ROWS_MIN * 2
    columns = [
        pa.array([chance.choice(doubles) for _ in range(rows)], pa.float64()),
        pa.array([chance.choice(texts) for _ in range(rows)], pa.string()),
        pa.array([chance.choice([1, -7, None]) for _ in range(rows)], pa.int32()),
        pa.array([chance.choice([True, False, None]) for _ in range(rows)], pa.bool_()),
        pa.array([chance.choice(singles) for _ in range(rows)], pa.float32()),
        pa.array(
            [chance.choice([None, [chance.choice(singles) or 0.0, 0.1]]) for _ in range(rows)],
            pa.list_(pa.float32(), 2),
        ),
    ]
    names = [("d", DOUBLE), ('it\'s "S"', STRING), ("I", INTEGER), ("B", BOOLEAN), ("F", FLOAT), ("V", Vector(2))]
    encoder = find("JSON").encoder([FormatColumn(n, t) for n, t in names], {}, is_key=False)
    fast, _ = encoder.encode(columns, None, connection)
    encoder.fast_applies = False
    exact, _ = encoder.encode(columns, None, connection)
    assert fast.to_pylist() == exact.to_pylist()
