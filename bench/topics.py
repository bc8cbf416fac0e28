"""Topics alone: append and read of the embedded ones, and our Kafka reader against the bare consume loop.

python -m bench.topics [records]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.kafka.topics import KafkaTopics
from mergus.engine.io.topics import Topics
from tests.kafka_broker import running_broker

BATCH = 10_000


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    batch = pa.record_batch({"value": pa.array([b"x" * 150 + b"%020d" % i for i in range(BATCH)])})
    print(f"{'what':38}{'records/s':>12}{'CPU s / M':>12}{'CPU ratio':>12}")
    with tempfile.TemporaryDirectory() as folder:
        embedded = EmbeddedTopics(Path(folder), clock=SystemClock())
        embedded.create("t")
        line("embedded append", records, lambda: produce(embedded, batch, records))
        line("embedded read", records, lambda: read(embedded, records))
    with running_broker() as bootstrap:
        kafka = KafkaTopics(bootstrap)
        kafka.create("t")
        line("Kafka write", records, lambda: produce(kafka, batch, records))
        bare = line("bare consume(10_000) + value()", records, lambda: bare_loop(bootstrap, records))
        line("Kafka read", records, lambda: read(kafka, records), bare)


def line(what: str, records: int, work: Callable[[], None], compared: float | None = None) -> float:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, (time.process_time() - cpu) / records * 1e6
    ratio = f"{cpu / compared:12.2f}" if compared else ""
    print(f"{what:38}{records / wall:12,.0f}{cpu:12.2f}{ratio}", flush=True)
    return cpu


def produce(topics: Topics, batch: pa.RecordBatch, records: int) -> None:
    writer = topics.writer()
    for _ in range(records // BATCH):
        writer.write("t", batch)
        writer.flush()
    writer.close()


def read(topics: Topics, records: int) -> None:
    reader, found = topics.reader({("t", 0): 0}), 0
    while found < records:
        batch = reader.poll(50_000, timeout_ms=1000)
        found += 0 if batch is None else len(batch)
    reader.close()


def bare_loop(bootstrap: str, records: int) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bare", "fetch.queue.backoff.ms": 5})
    consumer.assign([TopicPartition("t", 0, 0)])
    found = 0
    while found < records:
        found += len([message.value() for message in consumer.consume(BATCH, 1.0)])
    consumer.close()


if __name__ == "__main__":
    main()
