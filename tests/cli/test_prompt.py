"""The prompt, with statements from standard input: on a server as on an engine of its own. And a terminal's progress."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

import mergus
from mergus.engine.cli.progress import progress
from mergus.engine.cli.shell import Shell, run
from mergus.engine.errors import UserError
from tests.mergus_server import running_server, until

MERGUS = [sys.executable, "-m", "mergus.engine.cli.main"]
SETUP = """
CREATE STREAM s (k STRING KEY, a INT, l ARRAY<INT>, d DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;
INSERT INTO s VALUES ('one', NULL, ARRAY[1, 2], 0.5);
"""
TEXT = """
DEFINE name = 's';
SET 'auto.offset.reset' = 'earliest';
SHOW STREAMS; SHOW TABLES; SHOW VARIABLES; SHOW TYPES;
DESCRIBE ${name};
DESCRIBE FUNCTION UCASE;
SELECT * FROM ${name};
SELECT * FROM t;
SELECT k, a, l FROM ${name} EMIT CHANGES LIMIT 1;
PRINT s FROM BEGINNING LIMIT 1;
SET 'max.task.idle.ms' = '1';
help
UNDEFINE name;
SHOW VARIABLES;
exit
SELECT nothing FROM s;
"""
BAD = "SELECT nothing FROM s; SHOW TYPES;"


def prompt(text, *arguments, status=0):
    done = subprocess.run([*MERGUS, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


def test_a_server_is_shown_as_an_engine_of_its_own(tmp_path):
    with running_server(tmp_path / "data", "--setting", "log.level=error") as server:
        server.statement(SETUP)
        until(lambda: len(server.rows("SELECT * FROM t;")) == 1, "the table")
        elsewhere = [prompt(TEXT, server.url), prompt(BAD, "--server", server.url, status=1)]
        asked = prompt("", server.url, "--execute", "SELECT n FROM t; output JSON; SHOW TYPES;", status=1)
    data = ("--data", str(tmp_path / "data"))
    here = [prompt(TEXT, *data), prompt(BAD, *data, status=1)]
    for ours, theirs in zip(here, elsewhere, strict=True):
        assert ours == theirs
    assert "┃ K   ┃ A    ┃ L      ┃ D   ┃" in here[0]
    assert "one | NULL | [1, 2]" in here[0]
    assert '0 | one | {"A":null,"L":[1,2],"D":0.5}' in here[0]
    assert "has no effect here" in here[0]
    assert "Statements end with a semicolon" in here[0]
    assert "NOTHING does not exist" in here[1]
    assert "Type Name" not in here[1]
    assert "1" in asked
    assert "output is not a command of this prompt" in asked


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_terminals_alone():
    with mergus.connect() as db:
        for out in (Terminal(), io.StringIO()):
            with progress(db.engine, out):
                db.wait()
            assert out.getvalue() == ""  # nothing runs
        db.execute(SETUP)
        terminal, file = Terminal(), io.StringIO()
        for out in (terminal, file):
            with progress(db.engine, out):
                db.wait()
        assert "1 records read, 0 to go" in terminal.getvalue()
        assert terminal.getvalue().endswith("\r\x1b[K")
        assert file.getvalue() == ""


def test_a_script_runs_at_the_prompt(tmp_path):
    inner, outer = tmp_path / "it's.sql", tmp_path / "outer.sql"
    inner.write_text("CREATE TYPE address AS STRUCT<town STRING>;")
    outer.write_text(f"RUN SCRIPT '{str(inner).replace(chr(39), chr(39) * 2)}'; DEFINE n = 'address';")
    with mergus.connect() as db:
        told = "".join(run(db, f"run script '{outer}'; DROP TYPE ${{n}};"))
        assert "Registered custom type with name 'ADDRESS'" in told
        assert told.endswith("Dropped type 'ADDRESS'\n")
        outer.write_text(f"SHOW TYPES; RUN SCRIPT '{outer}';")
        with pytest.raises(UserError, match="runs itself"):
            list(run(db, f"RUN SCRIPT '{outer}';"))
        with pytest.raises(UserError, match="cannot be read"):
            list(run(db, "RUN SCRIPT 'nowhere.sql';"))


def test_spool_keeps_what_is_typed_and_shown(tmp_path, capsys):
    file = tmp_path / "kept.txt"
    with mergus.connect() as db:
        shell = Shell(db)
        for text in (f"SPOOL '{file}'; SHOW TYPES;", "SELEC 1;", "SPOOL OFF;", "SHOW STREAMS;", f"SPOOL '{tmp_path}';"):
            shell.carry_out(text)
    kept, shown = file.read_text(), capsys.readouterr().out
    assert "Type Name" in kept
    assert "mergus> SELEC 1;\nsyntax error" in kept
    assert kept.endswith("mergus> SPOOL OFF;\n")
    assert "Stream Name" in shown
    assert "cannot be written" in shown
    assert shell.refused
