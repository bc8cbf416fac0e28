"""The catalog: names, kinds, who uses what, and numbers that never come back."""

from __future__ import annotations

import pytest

from mergus.engine.errors import Conflict, UnknownName
from mergus.engine.sql.catalog import Catalog, QueryEntry, Relation
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.types import BIGINT, STRING


def relation(name: str, kind: str = "STREAM", topic: str = "t") -> Relation:
    schema = Schema((ColumnDef("ID", BIGINT, is_key=True), ColumnDef("V", STRING)))
    return Relation(name, kind, schema, topic, "KAFKA", "JSON")


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog()
    made.add(relation("CLICKS"))
    made.add(relation("USERS", "TABLE", "u"))
    return made


def test_unknown_names_are_suggested(catalog: Catalog) -> None:
    with pytest.raises(UnknownName) as caught:
        catalog.get("CLICK")
    assert caught.value.hint == "did you mean CLICKS?"
    with pytest.raises(UnknownName, match="USERS is a table, not a stream"):
        catalog.typed("USERS", "STREAM")
    with pytest.raises(UnknownName, match="stream CLICK does not exist"):
        catalog.typed("CLICK", "STREAM")


def test_a_name_is_taken_once(catalog: Catalog) -> None:
    with pytest.raises(Conflict, match="already exists"):
        catalog.add(relation("CLICKS", "TABLE"))
    catalog.add(relation("CLICKS", topic="other"), or_replace=True)
    assert catalog.get("CLICKS").topic == "other"


def test_a_copy_is_its_own(catalog: Catalog) -> None:
    trial = catalog.copy()
    trial.add(relation("MORE"))
    trial.new_query_id("CSAS", "MORE")
    assert catalog.find("MORE") is None
    assert catalog.next_query == 0


def test_what_is_used_cannot_be_dropped(catalog: Catalog) -> None:
    catalog.add_query(QueryEntry("CTAS_USERS_1", ("CLICKS",), "USERS", "CREATE TABLE …"))
    with pytest.raises(Conflict) as caught:
        catalog.drop("CLICKS")
    assert "CTAS_USERS_1" in str(caught.value)
    with pytest.raises(Conflict, match="cannot drop table USERS"):
        catalog.drop("USERS")
    catalog.remove_query("ctas_users_1")
    assert catalog.drop("CLICKS").name == "CLICKS"


def test_a_table_outlives_its_query(catalog: Catalog) -> None:
    made = Relation("T", "TABLE", relation("T").schema, "t2", "KAFKA", "JSON", query_id="CTAS_T_5")
    catalog.add(made)
    catalog.add_query(QueryEntry("CTAS_T_5", ("CLICKS",), "T", ""))
    catalog.remove_query("CTAS_T_5")
    assert catalog.get("T").query_id is None


def test_ids_are_never_used_twice(catalog: Catalog) -> None:
    first = catalog.new_query_id("CTAS", "T")
    catalog.add_query(QueryEntry(first, (), None, ""))
    catalog.remove_query(first)
    assert catalog.new_query_id("CTAS", "T") == "CTAS_T_1"
    catalog.skip_query_ids(9)
    assert catalog.new_query_id("INSERTQUERY") == "INSERTQUERY_9"


def test_topics_are_counted_by_their_users(catalog: Catalog) -> None:
    catalog.add(relation("AGAIN"))
    assert catalog.topic_users("t", but="CLICKS") == ("AGAIN",)
    assert catalog.topic_users("u", but="USERS") == ()


def test_unknown_queries_are_suggested(catalog: Catalog) -> None:
    catalog.add_query(QueryEntry("CSAS_A_0", (), "A", ""))
    with pytest.raises(UnknownName) as caught:
        catalog.query("CSAS_A_1")
    assert caught.value.hint == "did you mean CSAS_A_0?"


def test_types(catalog: Catalog) -> None:
    assert catalog.add_type("ADDRESS", STRING)
    assert not catalog.add_type("ADDRESS", BIGINT, if_not_exists=True)
    with pytest.raises(Conflict):
        catalog.add_type("ADDRESS", BIGINT)
    assert catalog.drop_type("ADDRESS")
    assert not catalog.drop_type("ADDRESS", if_exists=True)
    with pytest.raises(UnknownName):
        catalog.drop_type("ADDRESS")
