"""What is evaluated in the engine's DuckDB reaches the state and nothing else of the machine."""

from __future__ import annotations

import duckdb
import pytest

import mergus
from mergus.engine.errors import UserError
from mergus.engine.runtime.hosts.host import Host, HostSettings
from mergus.engine.state.duckdb import attach, connect_to_files

BREAKOUTS = (
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd', sep = ':')",
    "SELECT * FROM glob('/etc/*')",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "ATTACH '{folder}/other.duckdb' AS other",
    "INSTALL httpfs",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET memory_limit = '100GB'",
)


def check(connection, folder):
    for sql in BREAKOUTS:
        with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
            connection.execute(sql.format(folder=folder)).fetchall()


def test_a_host(tmp_path):
    host = Host(HostSettings(tmp_path / "data"), lambda _: None)
    instance = host.engine.instance
    check(instance, tmp_path)
    (tmp_path / "data" / "state" / "q").mkdir(parents=True)
    attach(instance, tmp_path / "data" / "state" / "q" / "0.duckdb", "state0")  # its own state it opens at any time
    instance.execute("CREATE TABLE state0.t AS SELECT 1")
    with pytest.raises(duckdb.PermissionException):
        instance.execute(f"ATTACH '{tmp_path}/data/state/../commands.db' AS commands")
    host.close_all()


def test_the_server_itself(tmp_path):
    with mergus.connect() as db:
        check(db.engine.connection, tmp_path)


def test_what_reads_a_file_reads_no_other(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    with connect_to_files([tmp_path / "a.csv"]) as connection:
        assert connection.execute(f"SELECT * FROM '{tmp_path}/a.csv'").fetchall() == [(1,)]
        check(connection, tmp_path)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT read_text('/etc/passwd') FROM s EMIT CHANGES;",
        "SELECT * FROM '/etc/passwd' EMIT CHANGES;",
        "SELECT * FROM read_csv('/etc/passwd') EMIT CHANGES;",
        "SELECT (SELECT content FROM read_text('/etc/passwd')) FROM s EMIT CHANGES;",
        "SELECT x FROM s WHERE x IN (SELECT content FROM read_text('/etc/passwd')) EMIT CHANGES;",
        "COPY s TO '/etc/passwd';",
        "ATTACH '/etc/passwd' AS p;",
    ],
)
def test_no_statement_reads_a_file(sql):
    with mergus.connect() as db:
        db.execute("CREATE STREAM s (x STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        with pytest.raises(UserError):
            list(db.results(sql))
