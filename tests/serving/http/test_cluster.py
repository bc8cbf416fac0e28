"""What ksqlDB's clients ask of a cluster: everything EXTENDED, /clusterStatus, and its end by /ksql/terminate."""

import uuid

import httpx
import pytest
from confluent_kafka import Consumer

import mergus
from mergus.engine.config import load
from mergus.engine.errors import Conflict
from mergus.engine.serving.ending import end_for_good
from mergus.engine.serving.engine import Engine
from tests.mergus_server import until
from tests.serving_thread import served

STATEMENTS = """
CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=2);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;
CREATE STREAM u WITH (kafka_topic='bar_1') AS SELECT * FROM s EMIT CHANGES;
INSERT INTO s VALUES ('x', 1);
"""


@pytest.fixture
def engine(tmp_path):
    made = Engine.open(load({"data": str(tmp_path), "epoch.ms": 50}, {}), in_process=True)
    list(made.execute(STATEMENTS))
    made.wait_caught_up(30)
    yield made
    made.close()


@pytest.fixture
def client(engine):
    with served(engine) as url, httpx.Client(base_url=url, timeout=60) as made:
        yield made


def asked(client, sql):
    (entity,) = client.post("/ksql", json={"ksql": sql}).raise_for_status().json()
    return entity


def test_streams_and_tables_extended(client):
    entity = asked(client, "LIST STREAMS EXTENDED;")
    assert entity["@type"] == "source_descriptions"
    assert [d["name"] for d in entity["sourceDescriptions"]] == ["MERGUS_PROCESSING_LOG", "S", "U"]
    (table,) = asked(client, "SHOW TABLES EXTENDED;")["sourceDescriptions"]
    assert (table["extended"], table["partitions"], [q["id"] for q in table["writeQueries"]]) == (True, 2, ["CTAS_T_0"])


def test_queries_extended(client):
    entity = asked(client, "SHOW QUERIES EXTENDED;")
    assert entity["@type"] == "query_descriptions"
    first, second = entity["queryDescriptions"]
    assert (first["id"], first["sources"], first["sinks"], first["state"]) == ("CSAS_U_1", ["S"], ["U"], "RUNNING")
    assert (second["id"], second["queryType"], second["queryErrors"]) == ("CTAS_T_0", "PERSISTENT", [])
    assert "Aggregate" in second["executionPlan"]
    assert [f["name"] for f in second["fields"]] == ["K", "N"]


def test_queries_extended_for_people(engine):
    (listing,) = engine.execute("SHOW QUERIES EXTENDED;")
    assert "CTAS_T_0\nStatement: CREATE TABLE t AS" in listing.text
    assert "rows in: 1" in listing.text


def test_topics_extended_tell_who_reads(client):
    entity = asked(client, "SHOW TOPICS EXTENDED;")
    assert entity["@type"] == "kafka_topics_extended"
    read = {t["name"]: (t["consumerCount"], t["consumerGroupCount"]) for t in entity["topics"]}
    assert read == {"T": (0, 0), "bar_1": (0, 0), "s": (2, 2)}
    assert "consumerCount" not in asked(client, "SHOW TOPICS;")["topics"][0]


def test_all_queries_end_but_those_that_keep_source_tables(engine):
    table = "CREATE SOURCE TABLE c (k STRING PRIMARY KEY) WITH (kafka_topic='c', value_format='JSON', partitions=1);"
    list(engine.execute(table + "TERMINATE ALL;"))
    assert list(engine.catalog.queries) == ["CST_C_2"]
    with pytest.raises(Conflict, match="drop the table instead"):
        list(engine.execute("TERMINATE CST_C_2;"))


def test_cluster_status(client):
    ((address, told),) = client.get("/clusterStatus").raise_for_status().json()["clusterStatus"].items()
    assert address == f"{client.base_url.host}:{client.base_url.port}"
    assert told["hostAlive"] is True
    assert told["lastStatusUpdateMs"] > 1_700_000_000_000
    table = told["activeStandbyPerQuery"]["CTAS_T_0"]
    assert table["activePartitions"] == [{"topic": "s", "partition": 0}, {"topic": "s", "partition": 1}]
    (store,) = table["activeStores"]
    lag = told["hostStoreLags"]["stateStoreLags"][f"CTAS_T_0#{store}"]
    assert lag["size"] == 2
    assert sum(p["endOffsetPosition"] for p in lag["lagByPartition"].values()) == 1
    assert sum(p["offsetLag"] for p in lag["lagByPartition"].values()) == 0


def test_the_end_of_a_cluster(client, engine, tmp_path):
    refused = client.post("/ksql/terminate", json={"deleteTopicList": ["("]})
    assert (refused.status_code, engine.terminated) == (400, False)
    assert client.post("/ksql/terminate", json={"deleteTopicList": "T"}).status_code == 400
    (done,) = client.post("/ksql/terminate", json={"deleteTopicList": ["T", "bar.*", "s"]}).raise_for_status().json()
    assert done["statementText"] == "TERMINATE CLUSTER;"
    assert done["commandStatus"]["status"] == "SUCCESS"
    left = {topic.name for topic in engine.topics.list()}
    assert "s" in left  # no query made it
    assert not left & {"T", "bar_1"}
    for path, body in (("/ksql", {"ksql": "SHOW STREAMS;"}), ("/query-stream", {"sql": "SELECT * FROM t;"})):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (503, 50303)
        assert answer.json()["message"].startswith("The cluster has been terminated.")
    assert client.post("/ksql/terminate", json={}).status_code == 503
    assert client.get("/healthcheck").json()["serverState"] == "TERMINATED"
    assert list((tmp_path / "state").glob("C*")) == []


def test_nothing_comes_back_after_the_end(tmp_path):
    config = load({"data": str(tmp_path)}, {})
    first = Engine.open(config, in_process=True)
    list(first.execute(STATEMENTS))
    end_for_good(first, ())
    first.close()
    again = Engine.open(config, in_process=True)
    try:
        assert set(again.catalog.relations) == {"MERGUS_PROCESSING_LOG"}
        assert {"s", "T", "bar_1"} <= {topic.name for topic in again.topics.list()}
    finally:
        again.close()


@pytest.mark.kafka
def test_consumer_groups_of_others_are_counted(kafka, tmp_path):

    name = "c" + uuid.uuid4().hex[:8]
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"CREATE STREAM s (a INT) WITH (kafka_topic='{name}', value_format='JSON', partitions=2);")
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": name})
        consumer.subscribe([name])
        until(lambda: consumer.poll(0.1) is None and consumer.assignment() != [], "the assignment")
        (listing,) = db.engine.execute("SHOW TOPICS EXTENDED;")
        (row,) = [row for row in listing.rows if row[0] == name]
        assert row[3:] == (1, 1)
        consumer.close()
