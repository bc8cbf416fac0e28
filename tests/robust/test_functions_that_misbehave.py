"""A function that ends its process, raises, or never returns: neighbours started before and after it go on unharmed."""

from __future__ import annotations

import json
import time

import pyarrow as pa
import pytest

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from tests.mergus_server import Refused, running_server, until

POISON = 13
VECTORIZED = """import mergus
@mergus.udf(vectorized=True, params=['BIGINT'], returns='BIGINT')
"""
BODIES = {
    "raises": "def bad(v):\n    if v == 13: raise ValueError('thirteen')\n    return v",
    "exits": "import sys\ndef bad(v):\n    if v == 13: sys.exit(3)\n    return v",
    "ends_the_process": "import os\ndef bad(v):\n    if v == 13: os._exit(7)\n    return v",
    "ends_the_process_vectorized": f"import os\n{VECTORIZED}def bad(v):\n    if 13 in v.to_pylist(): os._exit(7)\n    return v",
    "never_returns": "def bad(v):\n    while v == 13: pass\n    return v",
    "never_returns_and_holds_the_interpreter": (
        "import re\ndef bad(v):\n    if v == 13: re.match('(a+)+$', 'a' * 50 + 'b')\n    return v"
    ),
}
ROWS_BAD = {"raises", "exits"}  # these cost their row only


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder):
    with running_server(folder, "--setting", "epoch.ms=100", "--setting", "log.level=error") as running:
        yield running


@pytest.fixture(scope="module")
def topics(folder, server):
    opened = EmbeddedTopics(folder / "topics", clock=SystemClock())
    yield opened
    opened.close()


def produce(topics, topic, values):
    writer = topics.writer()
    lines = [json.dumps({"V": v}).encode() for v in values]
    writer.write(topic, pa.record_batch({"value": pa.array(lines, pa.binary())}))
    writer.close()


def count(server, table):
    return sum(row[1] for row in server.rows(f"SELECT g, n FROM {table};"))


def create_function(server, name, kind):
    """Under a name of its own in each test: what one leaves behind is no other's."""
    body = BODIES[kind].replace("def bad(", f"def {name}(")
    server.statement(f"CREATE FUNCTION {name}(v BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\n{body}\n$$;")


def query_of(entities):
    return entities[-1]["commandStatus"]["queryId"]


def table(server, name, topic):
    return query_of(
        server.statement(f"CREATE TABLE {name} AS SELECT v % 10 AS g, COUNT(*) AS n FROM {topic} GROUP BY v % 10;")
    )


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind == "never_returns" else kind for kind in BODIES]
)
def test_neighbours_are_unharmed(server, topics, kind):
    topic = f"s_{kind}"
    server.statement(
        f"CREATE STREAM {topic} (v BIGINT) WITH (kafka_topic='{topic}', value_format='JSON', partitions=1);"
    )
    create_function(server, f"bad_{kind}", kind)
    before = table(server, f"before_{kind}", topic)
    broken = query_of(server.statement(f"CREATE STREAM broken_{kind} AS SELECT bad_{kind}(v) AS v FROM {topic};"))
    produce(topics, topic, range(10))
    until(lambda: count(server, f"before_{kind}") == 10, "the neighbour")
    until(lambda: len(server.rows(f"SELECT v FROM broken_{kind};")) == 10, "the function to work")
    produce(topics, topic, [POISON, 20, 21])
    until(lambda: count(server, f"before_{kind}") == 13, "the neighbour started before")
    after = table(server, f"after_{kind}", topic)
    until(lambda: count(server, f"after_{kind}") == 13, "the neighbour started after")
    if kind in ROWS_BAD | {"never_returns"}:
        until(lambda: server.metric("mergus_query_rows_in_total", query=broken) == 13, "all rows to be read")
    if kind in ROWS_BAD:
        until(lambda: server.metric("mergus_query_rows_bad_total", query=broken) == 1, "the row to be counted")
        assert sorted(server.rows(f"SELECT v FROM broken_{kind} WHERE v > 15;")) == [[20], [21]]
    elif "ends" in kind:
        until(
            lambda: server.metric("mergus_query_restarts_total", query=broken) >= 2, "the process to be started again"
        )
        until(lambda: server.state(broken) == "ERROR", "the state to tell")
        reasons = server.rows("SELECT query, reason FROM mergus_processing_log;")
        assert any(query == broken and "has ended: status 7" in reason for query, reason in reasons)
    begun = time.monotonic()
    server.statement(f"TERMINATE {broken};")
    assert time.monotonic() - begun < 30
    produce(topics, topic, [30])
    until(lambda: count(server, f"before_{kind}") == count(server, f"after_{kind}") == 14, "the neighbours to go on")
    assert [server.metric("mergus_query_restarts_total", query=query) for query in (before, after)] == [0.0, 0.0]
    server.statement(f"TERMINATE {before}; TERMINATE {after}; DROP FUNCTION bad_{kind};")


def test_a_question_whose_function_ends_the_process_is_answered(server, topics):
    server.statement("CREATE STREAM q (v BIGINT) WITH (kafka_topic='q', value_format='JSON', partitions=1);")
    create_function(server, "ends", "ends_the_process")
    produce(topics, "q", [1, POISON])
    with pytest.raises((Refused, OSError)):
        server.rows("SELECT ends(v) FROM q;")
    assert server.rows("SELECT v FROM q;") == [[1], [POISON]]
    server.statement("DROP FUNCTION ends;")
