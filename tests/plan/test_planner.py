"""What plans say beside their text: settings, sinks, states, sources that only keep."""

from __future__ import annotations

from mergus.engine.plan.analysis.select import NEW_PLANNER
from mergus.engine.plan.physical.steps import Evaluate
from mergus.engine.plan.planner import plan_source_table
from tests.plan.statements import catalog, plan


def test_the_new_planner_lets_keys_go_and_orders_them_as_projected() -> None:
    made = plan("CREATE STREAM out AS SELECT b, a, v FROM pairs;", {NEW_PLANNER: "true"})
    assert made.schema.text(is_table=False) == "B INTEGER KEY, A INTEGER KEY, V INTEGER"
    made = plan("CREATE STREAM out AS SELECT v FROM pairs;", {NEW_PLANNER: "true"})
    assert made.schema.text(is_table=False) == "V INTEGER"
    assert made.sink is not None
    assert made.sink.formats.key == "NONE"


def test_keys_are_ordered_as_in_the_source() -> None:
    made = plan("CREATE STREAM out AS SELECT b, v, a FROM pairs;")
    assert made.schema.text(is_table=False) == "A INTEGER KEY, B INTEGER KEY, V INTEGER"


def test_insert_into_coerces_to_the_stream_that_is_written_to() -> None:
    made = plan("INSERT INTO plain SELECT url, id AS spent FROM clicks PARTITION BY NULL;")
    assert made.schema.text(is_table=False) == "URL STRING, SPENT BIGINT"


def test_a_sink_takes_its_formats_from_the_first_source() -> None:
    made = plan("CREATE STREAM out AS SELECT * FROM pairs;")
    assert made.sink is not None
    assert (made.sink.formats.key, made.sink.formats.value) == ("JSON", "JSON")
    made = plan("CREATE TABLE out WITH (value_format = 'DELIMITED') AS SELECT url, COUNT(*) FROM plain GROUP BY url;")
    assert made.sink is not None
    assert (made.sink.formats.key, made.sink.formats.value) == ("KAFKA", "DELIMITED")


def test_a_windowed_source_keeps_its_window_unless_it_is_grouped() -> None:
    made = plan("CREATE STREAM out AS SELECT * FROM counted;")
    assert made.sink is not None
    assert made.sink.windowed is not None
    assert plan("CREATE TABLE out AS SELECT id, COUNT(*) FROM counted GROUP BY id;").window is None


def test_a_push_query_has_no_key_but_its_tombstones_do() -> None:
    made = plan("SELECT age, id FROM users EMIT CHANGES;")
    assert not made.schema.keys
    (step,) = made.stages[0].steps
    assert isinstance(step, Evaluate)
    assert [c.name for c in step.schema.keys] == ["ID"]


def test_a_source_table_only_keeps_its_rows() -> None:
    made = plan_source_table(catalog().get("USERS"), query_id="CST_USERS_0", settings={})
    assert made.sink is None
    assert made.materialized == "rows_1"
    assert len(made.stages) == 2
