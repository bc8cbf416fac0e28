"""The prompt, with statements from standard input: on a server as on an engine of its own. And a terminal's progress."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

import mergus
from mergus.engine.cli.progress import progress
from mergus.engine.cli.prompt import run, show, spool
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
SELECT nothing FROM s;
UNDEFINE name;
SHOW VARIABLES;
"""


def prompt(text, *arguments):
    done = subprocess.run([*MERGUS, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_server_is_shown_as_an_engine_of_its_own(tmp_path):
    with running_server(tmp_path / "data", "--setting", "log.level=error") as server:
        server.statement(SETUP)
        until(lambda: len(server.rows("SELECT * FROM t;")) == 1, "the table")
        elsewhere = [prompt(piece, "--server", server.url) for piece in (TEXT, "SELECT nothing FROM s;")]
    here = [prompt(piece, "--data", str(tmp_path / "data")) for piece in (TEXT, "SELECT nothing FROM s;")]
    for ours, theirs in zip(here, elsewhere, strict=True):
        assert [line for line in ours.splitlines() if "auto.offset" not in line] == [
            line for line in theirs.splitlines() if "auto.offset" not in line
        ]
    assert "┃ K   ┃ A    ┃ L      ┃ D   ┃" in here[0]
    assert "one | NULL | [1, 2]" in here[0]
    assert "NOTHING does not exist" in here[1]


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
    assert spool("SHOW TABLES;", None) == (False, None)
    assert spool(f"spool '{file}';", None) == (True, file)
    with mergus.connect() as db:
        show(db, "SHOW TYPES;", file)
        show(db, "SELEC 1;", file)
    kept = file.read_text()
    assert kept.startswith("SHOW TYPES;\n")
    assert "did you mean SELECT?" in kept
    assert capsys.readouterr().out in kept.replace("SHOW TYPES;\n", "").replace("SELEC 1;\n", "")
    assert spool("SPOOL OFF", file) == (True, None)
    with pytest.raises(UserError, match="cannot be written"):
        spool(f"SPOOL '{tmp_path}';", None)
