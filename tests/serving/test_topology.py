"""SHOW TOPOLOGY: what flows where, as rows and as text; and rows that go round, which are told or refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import mergus
from mergus.engine.errors import Conflict, ParseError
from tests.serving_thread import served

SOURCE = "CREATE STREAM {0} (id INT KEY, x INT) WITH (kafka_topic='{1}', value_format='JSON', partitions=1);"


@pytest.fixture
def db():
    with mergus.connect() as made:
        made.execute(SOURCE.format("a", "a"))
        yield made


def shown(db: Any) -> Any:
    return db.execute("SHOW TOPOLOGY;")[0]


def edges(db: Any) -> set[tuple[str, str, str]]:
    """(from, what, to) of every edge, kinds in front of names."""
    return {(f"{row[0]} {row[1]}", row[2], f"{row[3]} {row[4]}") for row in shown(db).rows}


def cycles(db: Any) -> list[str]:
    found: list[str] = shown(db).body["cycles"]
    return found


def test_topics_streams_tables_and_queries(db, tmp_path):
    (tmp_path / "lines.csv").write_text("n\n1\n")
    db.execute(f"CREATE STREAM f WITH (path='{tmp_path}/lines.csv', path_format='csv');")
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, y INT) WITH (kafka_topic='ys', value_format='JSON', partitions=1);")
    db.execute("CREATE STREAM b WITH (kafka_topic='bs') AS SELECT a.id, x, y FROM a JOIN t ON a.id = t.id;")
    db.execute("CREATE STREAM unused (v INT) WITH (kafka_topic='bs', value_format='JSON');")
    assert edges(db) == {
        ("TOPIC a", "holds (KAFKA/JSON)", "STREAM A"),
        (f"FILE {tmp_path}/lines.csv", "holds (CSV)", "STREAM F"),
        ("TOPIC ys", "holds (KAFKA/JSON)", "TABLE T"),
        ("STREAM A", "is read by", "QUERY CSAS_B_0"),
        ("TABLE T", "is read by", "QUERY CSAS_B_0"),
        ("QUERY CSAS_B_0", "writes", "TOPIC bs"),
        ("TOPIC bs", "holds (KAFKA/JSON)", "STREAM B"),
        ("TOPIC bs", "holds (KAFKA/JSON)", "STREAM UNUSED"),
    }
    assert not any(row[5] for row in shown(db).rows)
    db.wait()
    assert {"kind": "QUERY", "name": "CSAS_B_0", "about": "running"} in shown(db).body["nodes"]
    assert shown(db).text == ""
    db.execute("PAUSE CSAS_B_0;")
    assert shown(db).text == "query CSAS_B_0 is paused"


def test_the_processing_log_is_there_where_a_query_reads_it(db):
    assert "MERGUS_PROCESSING_LOG" not in str(shown(db).body)
    db.execute("CREATE TABLE bad AS SELECT query, COUNT(*) AS n FROM mergus_processing_log GROUP BY query;")
    assert ("STREAM MERGUS_PROCESSING_LOG", "is read by", "QUERY CTAS_BAD_0") in edges(db)


def test_models_with_the_version_that_answers_and_the_topics_that_they_fill(db, tmp_path):
    (tmp_path / "twice.py").write_text("def predict(x):\n    return x * 2\n")
    made = f"INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER='python', PATH='{tmp_path}/twice.py', ON_ERROR='dlq')"
    db.execute(f"CREATE MODEL m {made}; CREATE OR REPLACE MODEL m {made};")
    db.execute("CREATE STREAM o AS SELECT id, m(CAST(x AS DOUBLE)) AS y, m@challenger(1.0) AS z, m$1(2.0) AS w FROM a;")
    db.execute("CREATE STREAM c AS SELECT id, classify(CAST(x AS STRING)) AS y FROM a;")
    db.execute("ALTER MODEL m SET SHADOW challenger SAMPLE 10 PERCENT INTO seen;")
    found = edges(db)
    assert {edge for edge in found if "MODEL M" in edge} == {
        ("QUERY CSAS_O_0", "asks (champion = version 1)", "MODEL M"),
        ("QUERY CSAS_O_0", "asks (challenger = version 2)", "MODEL M"),
        ("QUERY CSAS_O_0", "asks (version 1)", "MODEL M"),
        ("MODEL M", "shadow (challenger, 10 % of rows)", "TOPIC SEEN"),
    }
    assert ("QUERY CSAS_O_0", "dead letters", "TOPIC m__dead_letters") in found
    assert ("TOPIC m__dead_letters", "holds (KAFKA/JSON)", "STREAM M__DEAD_LETTERS") in found
    assert ("QUERY CSAS_C_1", "asks", "MODEL classify") in found
    db.execute("ALTER MODEL m SET SPLIT (champion 90, challenger 10);")
    wanted = ("QUERY CSAS_O_0", "asks (champion 90 % = version 1, challenger 10 % = version 2)", "MODEL M")
    assert wanted in edges(db)
    assert cycles(db) == []


def test_rows_that_come_round_are_told_and_marked(db):
    db.execute("CREATE STREAM b AS SELECT * FROM a WHERE x < 5; CREATE STREAM c AS SELECT * FROM b;")
    assert cycles(db) == []
    (made,) = db.execute("INSERT INTO a SELECT * FROM c;")
    way = "A → CSAS_B_0 → B → CSAS_C_1 → C → INSERTQUERY_2 → A"
    told = "INSERTQUERY_2 → A → CSAS_B_0 → B → CSAS_C_1 → C → INSERTQUERY_2"
    assert made.warnings == (f"rows go round in a cycle, without end unless a condition stops them: {told}",)
    assert cycles(db) == [way]
    assert f"cycle: {way}" in shown(db).text
    db.execute("CREATE STREAM d AS SELECT * FROM c;")
    outside = [row for row in shown(db).rows if not row[5]]
    assert {(row[1], row[4]) for row in outside} == {("C", "CSAS_D_3"), ("CSAS_D_3", "D"), ("D", "D")}


def test_two_streams_over_a_topic_close_a_cycle_too(db):
    db.execute(SOURCE.format("other", "a"))
    (made,) = db.execute("INSERT INTO a SELECT * FROM other WHERE x < 5;")
    assert "INSERTQUERY_0 → OTHER → INSERTQUERY_0" in made.warnings[0]
    (made,) = db.execute("CREATE STREAM again WITH (kafka_topic='a') AS SELECT * FROM a WHERE x < 5;")
    assert "cycle" in made.warnings[0]


def test_a_property_refuses_cycles(db):
    db.execute("CREATE STREAM b AS SELECT * FROM a;")
    db.execute("SET 'topology.cycles' = 'refuse';")
    with pytest.raises(Conflict, match="INSERTQUERY_1 → A → CSAS_B_0 → B → INSERTQUERY_1"):
        db.execute("INSERT INTO a SELECT * FROM b;")
    assert list(db.engine.catalog.queries) == ["CSAS_B_0"]
    db.execute("CREATE STREAM c AS SELECT * FROM b;")


def test_a_cycle_is_there_after_a_restart(tmp_path):
    with mergus.connect(tmp_path) as db:
        db.execute(SOURCE.format("a", "a") + "CREATE STREAM b AS SELECT * FROM a WHERE x < 5;")
        db.execute("INSERT INTO a SELECT id, x + 1 AS x FROM b; INSERT INTO a (id, x) VALUES (1, 1);")
        db.execute("ALTER SYSTEM 'topology.cycles' = 'refuse';")
    with mergus.connect(tmp_path) as db:
        assert len(cycles(db)) == 1
        db.wait()
        assert [row["X"] for row in db.query("SELECT x FROM a;").rows()] == [1, 2, 3, 4, 5]


NAME = 'q"\\<b>&#;|'


def test_as_graphviz_and_mermaid_whatever_the_names(db):
    db.execute(f"CREATE STREAM `{NAME}` (id INT KEY, x INT) WITH (kafka_topic='t', value_format='JSON', partitions=1);")
    (made,) = db.execute("SHOW TOPOLOGY AS DOT;")
    assert made.body["form"] == "DOT"
    assert made.text.splitlines()[0] == "digraph topology {"
    assert '  "TOPIC t" -> "STREAM q\\"\\\\<b>&#;|" [label="holds (KAFKA/JSON)"];' in made.text.splitlines()
    (made,) = db.execute("SHOW TOPOLOGY AS MERMAID;")
    assert made.body["topology"] == made.text
    lines = made.text.splitlines()
    assert lines[0] == "flowchart LR"
    assert '  n3["q#34;#92;#60;b#62;#38;#35;;|"]' in lines
    assert '  n2 -->|"holds (KAFKA/JSON)"| n3' in lines


def test_what_is_marked_is_marked_in_pictures(db):
    db.execute("CREATE STREAM b AS SELECT * FROM a; INSERT INTO a SELECT * FROM b; PAUSE CSAS_B_0;")
    drawn = db.execute("SHOW TOPOLOGY AS DOT;")[0].text
    assert '"QUERY CSAS_B_0" -> "TOPIC B" [label="writes", color="#b3301a"];' in drawn
    assert '"QUERY CSAS_B_0" [label="CSAS_B_0\\npaused", shape=oval, color="#9a5b00"];' in drawn
    drawn = db.execute("SHOW TOPOLOGY AS MERMAID;")[0].text
    assert drawn.count("linkStyle") == 6


def test_over_http(db):
    with served(db.engine) as url, httpx.Client(base_url=url) as client:
        for path, form in (("/topology.dot", "DOT"), ("/topology.mermaid", "MERMAID")):
            answer = client.get(path)
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.text == db.execute(f"SHOW TOPOLOGY AS {form};")[0].text
        sql = {"ksql": "CREATE STREAM b AS SELECT * FROM a; INSERT INTO a SELECT * FROM b; SHOW TOPOLOGY;"}
        _, made, graph = client.post("/ksql", json=sql).json()
        assert made["warnings"][0]["message"].endswith("INSERTQUERY_1 → A → CSAS_B_0 → B → INSERTQUERY_1")
        assert (graph["@type"], graph["cycles"]) == ("topology", ["A → CSAS_B_0 → B → INSERTQUERY_1 → A"])
        assert {
            "from": {"kind": "QUERY", "name": "CSAS_B_0"},
            "to": {"kind": "TOPIC", "name": "B"},
            "what": "writes",
            "about": "",
            "inCycle": True,
        } in graph["edges"]


def test_no_other_form(db):
    with pytest.raises(ParseError, match="unexpected SVG, expected DOT or MERMAID"):
        db.execute("SHOW TOPOLOGY AS SVG;")
    with pytest.raises(ParseError):
        db.execute("SHOW TABLES AS DOT;")
