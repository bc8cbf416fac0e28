"""Whatever is written, the answer is a result or an error of the user's kind; never an internal one.

Statements come from `grammar.py`: 500 with the fixed seed, 10,000 in `make test-all`. MERGUS_FUZZ_SEED chooses another seed,
MERGUS_FUZZ_STATEMENTS another number. One in four queries that are taken is also run over two records.
"""

import os

import pytest

from mergus.engine.cli.testing.engine import CaseEngine
from mergus.engine.errors import UserError
from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.state.duckdb import connect

from .grammar import SOURCES, Grammar

SEED = int(os.environ.get("MERGUS_FUZZ_SEED", "20240229"))
STATEMENTS = int(os.environ.get("MERGUS_FUZZ_STATEMENTS", "10000" if os.environ.get("MERGUS_TEST_ALL") else "500"))
RECORDS = (
    b'{"B":true,"I":1,"L":2,"D":1.5,"P":1.25,"T":"abc","Y":"IQ==","DA":10,"TI":1000,"TS":99,"A":[1,null],"M":{"x":1},"R":{"X":1}}',
    b'{"I":-2147483648,"L":9223372036854775807,"D":-0.0,"T":"","A":[],"M":{},"R":null}',
)


@pytest.fixture(scope="module")
def answering():
    instance, registry = connect(), default_registry()

    def answer(text: str, *, running: bool) -> str:
        engine = CaseEngine(instance, registry, {})
        try:
            engine.execute(SOURCES)
            try:
                engine.execute(text)
            except UserError:
                return "refused"
            if running:
                for i, record in enumerate(RECORDS):
                    engine.driver.topics.append("s", b"k", record, i)
                engine.run()
            return "taken"
        finally:
            engine.close()

    yield answer
    instance.close()


def test_every_answer_is_a_result_or_a_users_error(answering):
    grammar, told = Grammar(SEED), {"taken": 0, "refused": 0}
    failures = []
    for i in range(STATEMENTS):
        text = grammar.statement()
        try:
            told[answering(text, running=i % 4 == 0)] += 1
        except Exception as why:  # noqa: BLE001 - whatever it is, it is the finding
            failures.append(f"seed {SEED}, statement {i}: {text}\n    {type(why).__name__}: {str(why)[:300]}")
    assert not failures, f"{len(failures)} failures\n" + "\n".join(failures[:20])
    assert told["taken"] > STATEMENTS / 20, told
