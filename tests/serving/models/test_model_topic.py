"""Versions of models that come through a topic: files and pointers, on embedded topics and on a real Kafka alike."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import mergus
from mergus.engine.io.topics import HEADERS


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """How to connect."""
    more = {} if request.param == "embedded" else {"kafka": request.getfixturevalue("kafka")}
    return {"data": tmp_path / "data", **more}


@pytest.fixture
def name() -> str:
    """Topics of a broker live longer than a test."""
    return f"models-{uuid.uuid4().hex[:10]}"


def times(factor: int) -> bytes:
    return f"def predict(x):\n    return x * {factor}\n".encode()


def send(db: Any, topic: str, value: bytes, key: str | None = "m", **headers: str) -> None:
    columns = {
        "key": pa.array([None if key is None else key.encode()], pa.binary()),
        "value": pa.array([value], pa.binary()),
        "headers": pa.array([[{"key": k, "value": v.encode()} for k, v in headers.items()]], HEADERS),
    }
    writer = db.engine.topics.writer()
    writer.write(topic, pa.RecordBatch.from_pydict(columns))
    writer.flush()
    writer.close()


def versions(db: Any) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in db.execute("DESCRIBE MODEL m;")[0].rows]


def create(topic: str, more: str = "") -> str:
    test = ', self_test=\'[{"input": 0, "output": 0}]\''
    return f"CREATE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', topic='{topic}'{test}{more});"


def test_versions_come_as_files_and_as_pointers(place: dict[str, Any], name: str, tmp_path: Path) -> None:
    sql = "SELECT m(a) AS y FROM s LIMIT 1;"
    with mergus.connect(**place) as db:
        db.engine.keeper.close()  # the test looks itself
        look = db.engine.keeper.tick
        with pytest.raises(mergus.MergusError, match="does not exist"):
            db.execute(create(name))
        db.engine.topics.create(name, 2)
        send(db, name, times(9), key="another")
        with pytest.raises(mergus.MergusError, match="holds no version"):
            db.execute(create(name))
        send(db, name, times(2))
        db.execute(create(name, ", promote=true"))
        db.execute(f"CREATE STREAM s (a DOUBLE) WITH (kafka_topic='{name}-s', value_format='JSON', partitions=1);")
        db.insert("s", [{"a": 1}])
        look()
        assert versions(db) == [(1, "CHAMPION")]
        assert db.query(sql).rows() == [{"Y": 2}]
        send(db, name, times(3), sha256=hashlib.sha256(times(3)).hexdigest(), file="../three.py")
        send(db, name, times(9), key="another")
        look()
        assert versions(db) == [(1, ""), (2, "CHAMPION")]
        assert db.query(sql).rows() == [{"Y": 3}]
        (tmp_path / "four.py").write_bytes(times(4))
        pointer = {"path": str(tmp_path / "four.py"), "sha256": hashlib.sha256(times(4)).hexdigest()}
        send(db, name, json.dumps(pointer).encode(), key=None)  # for every model that looks
        look()
        assert db.query(sql).rows() == [{"Y": 4}]
        assert f"TOPIC = '{name}'" in db.execute("SHOW CREATE MODEL m;")[0].text
    with mergus.connect(**place) as db:  # a restart reads nothing twice
        db.engine.keeper.close()
        db.engine.keeper.tick()
        assert versions(db) == [(1, ""), (2, ""), (3, "CHAMPION")]
        assert db.query(sql).rows() == [{"Y": 4}]


def test_what_is_not_fit_is_passed_over(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "five.py").write_bytes(times(5))
    unfit = {
        "not the one it means": (times(3), {"sha256": "00"}),
        "without its sha256": (json.dumps({"path": str(tmp_path / "five.py")}).encode(), {}),
        "fails its self-test": (b"def predict(x):\n    return x + 1\n", {}),
        "holds no artefact": (b"", {}),
        "is not the one": (json.dumps({"path": str(tmp_path / "five.py"), "sha256": "00"}).encode(), {}),
    }
    with mergus.connect(tmp_path / "data") as db:
        db.engine.keeper.close()
        db.engine.topics.create(name, 1)
        send(db, name, times(2))
        db.execute(create(name))
        for words, (value, headers) in unfit.items():
            send(db, name, value, **headers)
            caplog.clear()
            db.engine.keeper.tick()
            db.engine.keeper.tick()
            assert caplog.text.count("not fit to be a version") == 1
            assert words in caplog.text
        assert versions(db) == [(1, "CHAMPION")]
        send(db, name, times(3))
        db.engine.keeper.tick()
        assert versions(db) == [(1, "CHAMPION"), (2, "CHALLENGER")]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ("provider='python', topic='t', path='x.py'", "from TOPIC or from PATH"),
        ("provider='python', topic='t', watch=true", "from TOPIC or from PATH"),
        ("provider='tfserving', topic='t'", "no artefact that a topic"),
        ("provider='python'", "wants PATH"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, properties: str, words: str) -> None:
    with mergus.connect(tmp_path / "data") as db, pytest.raises(mergus.MergusError, match=words):
        db.execute(f"CREATE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH ({properties});")
