"""Functions of files in the processes where queries run: with what cannot be sent there, and with the files beside theirs."""

from __future__ import annotations

from tests.mergus_server import running_server, until

HELPER = "import threading\n\nlock = threading.Lock()\n\n\ndef doubled(x):\n    with lock:\n        return x * 2\n"
FUNCTIONS = '''
import asyncio
import threading

import mergus

from . import _helper
from ._helper import doubled

seen = threading.local()


class Sum:
    """What a state is made of."""

    def __init__(self, value):
        self.value = value


@mergus.udf
def twice(x: int) -> int:
    seen.last = x
    return doubled(x)


@mergus.udf(concurrency=5)
async def later(x: int) -> int:
    await asyncio.sleep(0.001)
    with _helper.lock:
        return Sum(x + 1).value


@mergus.udtf
def pair(x: int) -> list[int]:
    return [x, doubled(x)]


@mergus.udaf
class doubled_sum:
    def initialize(self) -> int:
        return 0

    def aggregate(self, value: int, state: int) -> int:
        return state + doubled(value)

    def merge(self, a: int, b: int) -> int:
        return a + b

    def map(self, state: int) -> int:
        return Sum(state).value
'''
TEXT = """
CREATE FUNCTION counted(x BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
import threading
lock = threading.Lock()

def helper(x):
    return x + 100

def counted(x):
    with lock:
        return helper(x)
$$;
"""
STATEMENTS = """
CREATE STREAM s (x BIGINT) WITH (kafka_topic='s', format='JSON', partitions=1);
CREATE STREAM u AS SELECT twice(x) AS a, later(x) AS b, counted(x) AS c FROM s;
CREATE STREAM v AS SELECT pair(x) AS p FROM s;
CREATE TABLE t AS SELECT 1 AS k, doubled_sum(x) AS n FROM s GROUP BY 1;
INSERT INTO s VALUES (1);
INSERT INTO s VALUES (20);
"""


def test_clients_and_locks_of_a_module_need_not_travel(tmp_path):
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "_helper.py").write_text(HELPER)
    (folder / "some.functions.py").write_text(FUNCTIONS)
    with running_server(tmp_path / "data", "--setting", f"functions={folder}") as server:
        server.statement(TEXT + STATEMENTS)
        until(lambda: server.rows_if_there("SELECT * FROM u;") == [[2, 2, 101], [40, 21, 120]], "the scalar functions")
        until(lambda: server.rows_if_there("SELECT p FROM v;") == [[1], [2], [20], [40]], "the table function")
        until(lambda: server.rows_if_there("SELECT n FROM t;") == [[42]], "the aggregate")
        assert server.rows("SELECT twice(5) AS a, later(5) AS b, counted(5) AS c;") == [[10, 6, 105]]
