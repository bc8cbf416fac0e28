"""(d) Many keys: the job of bench_filter_count over 1 M keys against 100, with and without the table's topic.

    python -m bench.bench_keys [--records 2000000] [--keys 1000000]

Embedded topics, one worker, checkpoints on. Without the topic: the same plan with its sink taken off, so that the table is
kept and answers, and no changes are written.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from bench.bench_filter_count import SOURCE, TABLE, WARM, Figure, engine, fill, show, used
from bench.records import batches
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.plan.planner import plan_query
from mergus.engine.plan.target import SinkTarget
from mergus.engine.serving.engine import Engine
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.statements.statement import CreateSourceAs

PARTS = 2
QUERY_ID = "CTAS_PER_MINUTE_0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    options = parser.parse_args()
    figures = []
    for keys in (100, options.keys):
        made = batches(options.records, keys=keys)
        figures += [one(made, options.records, keys, topic=topic) for topic in (True, False)]
    for label, some in (("with the table's topic", figures[::2]), ("without", figures[1::2])):
        print(label)
        show(some)


def one(made: list[pa.RecordBatch], rows: int, keys: int, *, topic: bool) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        topics = EmbeddedTopics(data / "topics", clock=SystemClock())
        fill(topics, made, PARTS)
        topics.close()
        with engine(data, 1, None) as opened:
            list(opened.execute(WARM))
            opened.wait_caught_up(60)
            list(opened.execute("TERMINATE ALL;"))
            list(opened.execute(SOURCE.format(parts=PARTS)))
            cpu, begun = used(opened), time.perf_counter()
            start(opened, topic=topic)
            statuses = opened.lifecycle.wait_caught_up(limit_s=900)
            seconds, cpu = time.perf_counter() - begun, used(opened) - cpu
            if any(s.error or s.metrics.rows_in != rows for s in statuses):
                raise RuntimeError(f"{[(s.error, s.metrics.rows_in) for s in statuses]}")
    return Figure(f"{keys:,} keys", rows, seconds, cpu)


def start(opened: Engine, *, topic: bool) -> None:
    """The query, as the statement plans it; without its sink where no topic is wanted."""
    text = TABLE.format(reading="reading", condition="")
    if topic:
        list(opened.execute(text))
        return
    statement = parse_statement(text.rstrip(";"))
    assert isinstance(statement, CreateSourceAs)
    sink = SinkTarget("PER_MINUTE", "PER_MINUTE", True)
    plan = plan_query(statement.query, opened.catalog, opened.registry, query_id=QUERY_ID, sink=sink, settings={})
    opened.lifecycle.start(replace(plan, sink=None))


if __name__ == "__main__":
    main()
