"""A user's script that opens an engine with hosts of its own needs no `if __name__ == "__main__"`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, mergus

@mergus.udf
def twice(v: int) -> int:
    return 2 * v

print("begun")
with mergus.connect(sys.argv[1], in_process=False) as db:
    db.register(twice)
    db.execute("CREATE STREAM s (id INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    db.execute("CREATE TABLE t AS SELECT id, SUM(TWICE(v)) AS n FROM s GROUP BY id;")
    db.insert("s", [{"id": 1, "v": 2}])
    db.wait(60)
    print(db.query("SELECT * FROM t;").rows())
"""


def test_a_script_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "data")], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines() == ["begun", "[{'ID': 1, 'N': 4}]"]
