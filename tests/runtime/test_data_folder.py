"""The data folder and the command log: whose they are, and what they refuse."""

from __future__ import annotations

import os

import pytest

from mergus.engine.errors import EnvironmentFault
from mergus.engine.runtime.command_log import CommandLog
from mergus.engine.runtime.data_folder import VERSION, DataFolder


def test_a_second_holder_is_told_who_the_first_is(tmp_path):
    with DataFolder(tmp_path / "d"):
        with pytest.raises(EnvironmentFault, match="in use by another process") as caught:
            DataFolder(tmp_path / "d")
        assert f"process {os.getpid()}" in (caught.value.detail or "")
    DataFolder(tmp_path / "d").close()


@pytest.mark.parametrize(("version", "says"), [(str(VERSION + 1), "newer Mergus"), ("0", "older layout")])
def test_another_version_is_refused(tmp_path, version, says):
    DataFolder(tmp_path).close()
    (tmp_path / "VERSION").write_text(version)
    with pytest.raises(EnvironmentFault, match=f"is of version {version}") as caught:
        DataFolder(tmp_path)
    assert says in (caught.value.detail or "")


def test_a_strange_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(EnvironmentFault, match="not a data folder") as caught:
        DataFolder(tmp_path)
    assert "thesis.tex" in (caught.value.detail or "")


def test_topics_may_be_there_before_the_first_server(tmp_path):
    (tmp_path / "topics").mkdir()
    DataFolder(tmp_path).close()


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "d").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot use the data folder"):
        DataFolder(tmp_path / "d")


def test_a_private_folder_is_removed(tmp_path):
    DataFolder(tmp_path / "p", private=True).close()
    assert not (tmp_path / "p").exists()


def test_a_folder_that_is_removed_or_replaced_under_its_holder_is_seen(tmp_path):
    with DataFolder(tmp_path / "d") as held:
        held.check()
        (tmp_path / "d").rename(tmp_path / "e")
        with pytest.raises(EnvironmentFault, match="removed or replaced"):
            held.check()
        DataFolder(tmp_path / "d").close()
        with pytest.raises(EnvironmentFault, match="removed or replaced"):
            held.check()


def test_what_push_queries_of_a_killed_server_left_is_removed(tmp_path):
    DataFolder(tmp_path).close()
    for query_id in ("transient_1_1700000000000", "CTAS_T_0"):
        (tmp_path / "state" / query_id / "checkpoint").mkdir(parents=True)
    with DataFolder(tmp_path):
        assert [p.name for p in (tmp_path / "state").iterdir()] == ["CTAS_T_0"]


def test_statements_come_back_in_order_with_their_settings(tmp_path):
    log = CommandLog(tmp_path / "commands.db")
    log.append("CREATE STREAM a …", settings={"auto.offset.reset": "latest"})
    log.append("CREATE TABLE c AS …", query_id="CTAS_C_1", time_ms=7)
    log.close()
    again = CommandLog(tmp_path / "commands.db")
    first, second = again.commands()
    assert (first.text, first.settings) == ("CREATE STREAM a …", {"auto.offset.reset": "latest"})
    assert (second.text, second.query_id, second.time_ms) == ("CREATE TABLE c AS …", "CTAS_C_1", 7)
    assert again.append("x") > second.sequence


def test_a_damaged_log_is_refused(tmp_path):
    (tmp_path / "commands.db").write_text("not SQLite, surely" * 100)
    with pytest.raises(EnvironmentFault, match="cannot use the command log"):
        CommandLog(tmp_path / "commands.db")
