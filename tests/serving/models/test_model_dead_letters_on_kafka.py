"""REPLAY DEAD LETTERS over a real broker: letters and what comes again are in its topics, how far they were answered in its
transactions."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

import mergus
from tests.mergus_server import until

pytestmark = pytest.mark.kafka
UNLUCKY = "def predict(x):\n    if (x == 13).any():\n        raise ValueError('unlucky')\n    return x + 1\n"
CALM = "def predict(x):\n    return x + 1\n"


def create(folder: Path, topic: str, name: str, body: str) -> str:
    (folder / f"{name}.py").write_text(body)
    return (
        "CREATE OR REPLACE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', promote=true,"
        f" path='{folder / name}.py', on_error='dlq', dead_letters='{topic}_dead');"
    )


def rows(db: Any, sql: str, count: int) -> list[tuple[Any, ...]]:
    """What a query gives, once that is so many rows."""
    found: list[tuple[Any, ...]] = []

    def there() -> bool:
        nonlocal found
        found = sorted(tuple(row.values()) for row in db.query(sql).rows())
        return len(found) >= count

    until(there, f"{count} rows", 120, 0.1)
    return found


def replayed(db: Any) -> str:
    message: str = db.execute("ALTER MODEL m REPLAY DEAD LETTERS;")[0].message
    return message.removeprefix("Model M: ")


def test_records_come_again_once(kafka, tmp_path: Path) -> None:
    topic = "t" + uuid.uuid4().hex[:10]
    letters = f"SELECT ROWOFFSET, reason, topic, input->x AS x FROM {topic}_dead;"
    with mergus.connect(tmp_path / "data", kafka=kafka) as db:
        db.execute(
            f"CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic='{topic}', value_format='JSON', partitions=1);"
        )
        db.execute(create(tmp_path, topic, "unlucky", UNLUCKY))
        query = "SELECT id, m(a) AS y, MODEL_VERSION(m(a)) AS v FROM s EMIT CHANGES"
        db.execute(f"CREATE STREAM o WITH (kafka_topic='{topic}_o') AS {query};")
        db.insert("s", [{"id": i, "a": i, "rowtime": 1000 + i} for i in range(10, 16)])
        rows(db, letters, 1)
        assert replayed(db) == "1 records come again"  # and fails again
        kept = [letter[1:] for letter in rows(db, letters, 2)]
        assert kept == [("unlucky", topic, 13), ("unlucky", f"CSAS_O_0-{topic}-again", 13)]
        db.execute(create(tmp_path, topic, "calm", CALM))
    with mergus.connect(tmp_path / "data", kafka=kafka) as db:  # how far they were answered is with the broker
        assert replayed(db) == "1 records come again"
        found = rows(db, "SELECT id, y, v, ROWTIME FROM o;", 6)
        assert found == [(i, i + 1, 2 if i == 13 else 1, 1000 + i) for i in range(10, 16)]
        assert replayed(db) == "0 records come again"
