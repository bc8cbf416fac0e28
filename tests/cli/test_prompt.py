"""The prompt, with statements from standard input: on a server as on an engine of its own. And a terminal's progress."""

from __future__ import annotations

import io
import subprocess
import sys

import mergus
from mergus.engine.cli.progress import progress
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
