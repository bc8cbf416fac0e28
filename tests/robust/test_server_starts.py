"""How `mergus server` starts, or says why not: ports, folders, versions, listening beyond the machine."""

from __future__ import annotations

import functools
import re
import resource
import socket
import sqlite3
from pathlib import Path

import pytest

from mergus.engine.cli.server import FILES_MAX
from mergus.engine.runtime.data_folder import VERSION
from tests.house.test_deploy import metrics_told
from tests.mergus_server import Refused, refused_start, running_server, until

STATEMENTS = """
CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 1 SECOND) GROUP BY k;
"""
FUNCTION = "CREATE FUNCTION twice(a INT) RETURNS INT LANGUAGE PYTHON AS $$\ndef twice(a):\n    return 2 * a\n$$;"
QUIET = ("--setting", "log.level=error")


@pytest.fixture
def data(tmp_path):
    """A folder that a server has worked in."""
    with running_server(tmp_path / "data", *QUIET) as server:
        server.statement(STATEMENTS + "INSERT INTO s (rowtime, k, a) VALUES (0, 'x', 1);")
        until(lambda: len(server.rows("SELECT * FROM t;")) == 1, "the table")
    return tmp_path / "data"


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, words = refused_start(tmp_path / "data", "--listen", address)
    assert status == 1
    assert words.startswith(f"mergus: cannot listen on {address}\nDetail: the port is in use\nHint: ")
    assert not (tmp_path / "data").exists()


def test_a_folder_in_use(tmp_path):
    with running_server(tmp_path / "data", *QUIET) as server:
        status, words = refused_start(tmp_path / "data", "--listen", "127.0.0.1:0")
        assert status == 1
        assert f"the data folder {tmp_path}/data is in use by another process" in words
        assert f"process {server.pid} holds" in words
        assert "--server" in words
    with running_server(tmp_path / "data", *QUIET):
        pass


def test_a_second_start_goes_on(data):
    with running_server(data, *QUIET) as server:
        assert server.rows("SELECT k, n FROM t;") == [["x", 1]]
        server.statement("INSERT INTO s (rowtime, k, a) VALUES (1, 'x', 1);")
        until(lambda: server.rows("SELECT k, n FROM t;") == [["x", 2]], "the query to go on")


@pytest.mark.parametrize(
    ("version", "says"), [("0", "an older layout"), (str(VERSION + 1), "a newer Mergus has written it")]
)
def test_a_folder_of_another_version(data, version, says):
    before = sorted(p.relative_to(data) for p in data.rglob("*") if p.name != "lock")
    (data / "VERSION").write_text(version)
    status, words = refused_start(data, "--listen", "127.0.0.1:0")
    assert status == 1
    assert f"is of version {version}, this Mergus writes version {VERSION}" in words
    assert says in words
    assert "Hint: " in words
    assert (data / "VERSION").read_text() == version  # nothing is guessed, nothing is touched
    assert sorted(p.relative_to(data) for p in data.rglob("*") if p.name != "lock") == before
    (data / "VERSION").write_text(f"{VERSION}\n")
    with running_server(data, *QUIET) as server:
        assert server.rows("SELECT k, n FROM t;") == [["x", 1]]


def test_a_command_log_of_another_layout(data):
    with sqlite3.connect(data / "commands.db") as log:
        log.execute("PRAGMA user_version = 99")
    log.close()
    status, words = refused_start(data, "--listen", "127.0.0.1:0")
    assert status == 1
    assert "is of layout 99" in words


def test_beyond_this_machine(tmp_path):
    """Whoever reaches the port could run any Python and read any file: both are off unless they are asked for."""
    (tmp_path / "a.csv").write_text("x\n1\n")
    files = f"CREATE STREAM f WITH (path='{tmp_path}/a.csv', path_format='csv');"
    listen = ("--listen", "0.0.0.0:0", *QUIET)
    with running_server(tmp_path / "data", *listen) as server:
        with pytest.raises(Refused, match="functions written in SQL are switched off") as refused:
            server.statement(FUNCTION)
        assert refused.value.status == 400
        assert "functions.inline" in refused.value.body["message"]
        with pytest.raises(Refused, match="allowed"):
            server.statement(files)
    asked = ("--setting", "functions.inline=true", "--setting", f"files.allowed={tmp_path}")
    with running_server(tmp_path / "data", *listen, *asked) as server:
        server.statement(FUNCTION + files)
    with running_server(tmp_path / "data", *QUIET) as server:  # what was accepted once is there again
        assert server.statement("DESCRIBE FUNCTION twice;")


def test_what_is_counted(tmp_path):
    with running_server(tmp_path / "data", *QUIET) as server:
        server.statement(STATEMENTS)
        for at in (0, 10_000, 500):  # the last is late
            server.statement(f"INSERT INTO s (rowtime, k, a) VALUES ({at}, 'x', 1);")
        until(lambda: server.metric("mergus_query_rows_late_total") == 1, "the late row")
        until(lambda: server.metric("mergus_query_rows_out_total") == 2, "the table's changes")
        (told,) = server.statement("DESCRIBE t EXTENDED;")
        statistics = told["sourceDescription"]["statistics"]
        counts = dict(re.findall(r"([a-z0-9][a-z0-9 ]*): ([\d.e+-]+)", statistics))
        assert (counts["rows in"], counts["bad"], counts["late"], counts["lag"]) == ("3", "0", "1", "0")
        assert float(counts["rows out"]) == 2
        assert float(counts["state bytes"]) > 0
        assert told["sourceDescription"]["writeQueries"][0]["state"] == "RUNNING"
        assert server.metric("mergus_query_state", state="RUNNING", query="CTAS_T_0") == 1
        assert server.metric("mergus_query_state", state="ERROR") == 0
        assert server.metric("mergus_query_row_time_seconds", query="CTAS_T_0") == 10
        assert server.metric("mergus_process_resident_memory_bytes", process="server") > 1 << 20
        assert server.metric("mergus_process_resident_memory_bytes", process="shared 0") > 1 << 20
        assert server.metric("mergus_http_requests_total", path="/ksql", status="200") >= 5
        with pytest.raises(Refused):
            server.open("/v2/models/nobody")
        assert server.metric("mergus_http_requests_total", path="/v2/…", status="404") == 1
        assert set(re.findall(r"^# TYPE (\w+)", server.metrics(), re.MULTILINE)) >= metrics_told()


def test_it_takes_all_the_file_handles_that_it_may_have(tmp_path):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (100, most))
    with running_server(tmp_path / "data", *QUIET, preexec_fn=few) as server:
        server.statement(STATEMENTS)
        for pid in (server.pid, *server.hosts()):
            limits = Path(f"/proc/{pid}/limits").read_text()
            (soft,) = re.findall(r"Max open files +(\d+)", limits)
            assert int(soft) == min(most, FILES_MAX)


def test_a_data_folder_that_is_moved_away_is_told(tmp_path):
    """What is written to files that nobody finds again must not be answered as written."""
    with running_server(tmp_path / "data", *QUIET) as server:
        server.statement(STATEMENTS)
        (tmp_path / "data").rename(tmp_path / "away")
        for statement in ("INSERT INTO s (rowtime, k, a) VALUES (0, 'x', 1);", "DROP TABLE t;"):
            with pytest.raises(Refused, match="removed or replaced") as refused:
                server.statement(statement)
            assert refused.value.status == 503
        with pytest.raises(Refused) as refused:
            server.open("/healthcheck")
        assert refused.value.status == 503


@pytest.mark.parametrize(
    ("option", "says"),
    [("functions={}/none", "there is no folder"), ("queries={}/bytes", "is not text in UTF-8")],
)
def test_files_that_settings_name(tmp_path, option, says):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    setting = option.format(tmp_path)
    status, words = refused_start(tmp_path / "data", "--listen", "127.0.0.1:0", "--setting", setting)
    assert status == 1
    assert says in words
    assert "Traceback" not in words
