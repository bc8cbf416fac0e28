"""The command `mergus` from outside: what goes to which output, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pyarrow as pa
import pytest

from mergus.engine.config import SETTINGS

MERGUS = [sys.executable, "-m", "mergus"]
SETUP = (
    "CREATE STREAM s (k STRING KEY, `aB` INT, l ARRAY<INT>) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
    """INSERT INTO s VALUES ('one, "two"', NULL, ARRAY[1, 2]);"""
)


def mergus(*arguments, **more):
    return subprocess.run([*MERGUS, *arguments], capture_output=True, timeout=60, check=False, **more)


def test_csv():
    done = mergus("run", "--format", "csv", "-e", SETUP, "-e", "SELECT * FROM s;")
    assert done.returncode == 0
    assert done.stdout == b'K,aB,L\n"one, ""two""",,"[1,2]"\n'
    assert b"created" in done.stderr.lower()


def test_a_hyphen_is_standard_input():
    for arguments in (["-"], ["-", "--format", "json"], ["--format", "json", "-"]):
        done = mergus("run", *arguments, input=(SETUP + "SELECT k FROM s;").encode())
        assert (done.returncode, b'one, "two"' in done.stdout.replace(b'\\"', b'"')) == (0, True)


def test_json_and_arrow():
    done = mergus("run", "--format", "json", "-e", SETUP + "SELECT * FROM s;")
    assert done.stdout == b'{"K":"one, \\"two\\"","aB":null,"L":[1,2]}\n'
    done = mergus("run", "--format", "arrow", "-e", SETUP + "SELECT l FROM s;")
    assert pa.ipc.open_stream(done.stdout).read_all().to_pylist() == [{"L": [1, 2]}]


def test_a_bounded_select_waits_for_the_queries_before_it():
    chain = "CREATE STREAM t AS SELECT * FROM s; CREATE TABLE n AS SELECT k, COUNT(*) AS n FROM t GROUP BY k;"
    asked = "SELECT * FROM n EMIT CHANGES; PRINT N FROM BEGINNING;"
    done = mergus("run", "--until", "caught-up", "--format", "json", "-e", SETUP + chain + asked)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0] == {"K": 'one, "two"', "N": 1}
    assert [(a["KEY"], a["VALUE"]) for a in answers[1:]] == [('one, "two"', '{"N":1}')]


NESTED = """
CREATE STREAM n (k INT KEY, m MAP<STRING, INT>, d ARRAY<DECIMAL(4, 2)>, b BYTES, t ARRAY<DATE>,
  s STRUCT<`x y` BYTES, z BOOLEAN>, o BOOLEAN)
  WITH (kafka_topic='n', value_format='JSON', partitions=1);
INSERT INTO n VALUES (1, MAP('a' := 1), ARRAY[2.50, NULL], TO_BYTES('hi', 'utf8'), ARRAY[CAST('2024-02-29' AS DATE)],
  STRUCT(`x y` := TO_BYTES('hi', 'utf8'), z := true), true);
"""


def test_nested_values_in_tables_and_csv():
    push = mergus("run", "--until", "caught-up", "-e", NESTED + "SELECT * FROM n EMIT CHANGES;").stdout.decode()
    cells = ["1", '{"a": 1}', "[2.50, null]", "aGk=", '["2024-02-29"]', '{"x y": "aGk=", "Z": true}', "true"]
    assert push.splitlines()[1] == " | ".join(cells)
    pull = mergus("run", "-e", NESTED + "SELECT * FROM n;").stdout.decode()
    assert all(f" {cell} " in pull for cell in cells)
    text = mergus("run", "--format", "csv", "-e", NESTED + "SELECT m, d, t FROM n;").stdout.decode()
    assert text.splitlines()[1] == '"{""a"":1}","[2.50,null]","[""2024-02-29""]"'


def test_rows_that_selects_have_lost_are_counted(tmp_path):
    (tmp_path / "in.csv").write_text("a\n1\nx\n3\n")
    made = f"CREATE STREAM f (a INT) WITH (path='{tmp_path}/in.csv', path_format='csv');"
    for asked in ("SELECT * FROM f;", "SELECT * FROM f EMIT CHANGES;"):
        done = mergus("run", "--format", "csv", "-e", made + asked)
        assert (done.returncode, done.stdout) == (0, b"A\n1\n3\n")
        assert b"1 rows could not be processed, 0 came late" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run"], 2, b"nothing to run"),
        (["run", "--form", "csv"], 2, b"--form"),
        (["run", "-e", "SHOW STREAMS;", "--set", "x"], 2, b"name=value"),
        (["topics"], 2, b"--data"),
        (["run", "-e", "SELECT * FROM nobody;"], 1, b"NOBODY does not exist"),
        (["run", "missing.sql"], 1, b"cannot read missing.sql"),
    ],
)
def test_how_it_ends(arguments, status, words):
    done = mergus(*arguments)
    assert done.returncode == status
    assert done.stdout == b""
    assert words in done.stderr


@pytest.mark.parametrize("command", ["run", "server", "produce", "consume", "topics", "test", "parity"])
def test_help_teaches_by_example(command):
    assert f"    mergus {command}".encode() in mergus(command, "--help").stdout.replace(b"| mergus", b"    mergus")


def test_help_of_the_server_lists_every_setting():
    told = mergus("server", "--help").stdout.decode()
    assert [setting.name for setting in SETTINGS if f"\n    {setting.name}" not in told] == []


def test_a_private_folder_goes_when_the_command_is_told_to_end(tmp_path):
    command = [*MERGUS, "run", "--format", "csv", "-e", SETUP + "SELECT * FROM s EMIT CHANGES;"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            assert process.stdout.readline() == b"K,aB,L\n"
            process.terminate()
            assert process.wait(20) == 128 + signal.SIGTERM
        finally:
            process.kill()
    assert list(tmp_path.glob("mergus-*")) == []


def test_a_file_of_windows_is_read(tmp_path):
    (tmp_path / "a.sql").write_bytes(b"\xef\xbb\xbfSELECT 1 AS a;\r\nSELECT 2 AS a;\r\n")
    done = mergus("run", "--format", "csv", "a.sql", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"A\n1\nA\n2\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["produce", "s", "--key-separator", ""], b"--key-separator is empty"),
        (["consume", "s", "--max", "-1"], b"--max"),
    ],
)
def test_options_that_say_nothing_are_wrong_usage(tmp_path, arguments, why):
    done = mergus(*arguments, "--data", str(tmp_path), input=b"a line")
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr
