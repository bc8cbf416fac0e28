"""What a version has done is told by DESCRIBE MODEL and /metrics, also of one in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mergus

CODE = """
import os

def predict(x):
    if 13 in x:
        os._exit(3)
    return x * 2
"""
MODEL = "CREATE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{path}', isolated=true);"
STREAM = "CREATE STREAM s (a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"


def test_a_version_tells_what_it_has_done(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(CODE)
    with mergus.connect(tmp_path / "data", in_process=True) as db:
        db.execute(MODEL.format(path=path))
        assert described(db)["rows"] == 0
        assert "isolated" in str(db.execute("SHOW CREATE MODEL m;")[0].rows).lower()
        db.execute(STREAM)
        db.execute("CREATE STREAM o AS SELECT a, m(a) AS y FROM s EMIT CHANGES;")
        db.insert("s", [{"a": 1.0}, {"a": 13.0}, {"a": None}, {"a": 3.0}])
        db.wait()
        db.insert("s", [{"a": 1.0}])
        db.wait()
        assert [r["Y"] for r in db.query("SELECT * FROM o;").rows()] == [2, None, None, 6, 2]
        done = described(db)
        assert (done["rows"], done["errors"]) == (5, 1)
        assert done["hitRate"] > 0
        assert done["callMs"] > 0
        assert done["memoryBytes"] > 0
        text = db.engine.lifecycle.metrics().decode()
        assert 'mergus_model_errors_total{model="M",version="1"} 1.0' in text
        assert 'mergus_model_glue_seconds_total{model="M",version="1"}' in text


def described(db: Any) -> dict[str, Any]:
    versions: list[dict[str, Any]] = db.execute("DESCRIBE MODEL m;")[0].body["modelDescription"]["versions"]
    return versions[0]
