"""What a server does about its models unasked: versions that appear in a watched folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mergus


def put(base: Path, number: int, factor: int) -> None:
    """A version in TensorFlow Serving's layout."""
    (base / str(number)).mkdir(parents=True)
    (base / str(number) / "model.py").write_text(f"def predict(x):\n    return x * {factor}\n")


@pytest.fixture
def db(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # what Python compiles is no part of a version
    with mergus.connect(tmp_path / "data") as made:
        made.engine.keeper.close()  # the tests look themselves
        made.execute("CREATE STREAM s (a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        made.insert("s", [{"a": 1}])
        yield made


def versions(db: Any) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in db.execute("DESCRIBE MODEL m;")[0].rows]


WATCHED = (
    "CREATE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{base}', file='model.py',"
    ' watch=true, self_test=\'[{{"input": 0, "output": 0}}]\'{more});'
)


def test_versions_of_a_watched_folder_are_taken_in_when_they_lie_still(db, tmp_path: Path) -> None:
    base, look = tmp_path / "base", db.engine.keeper.tick
    with pytest.raises(mergus.MergusError, match="does not exist"):
        db.execute(WATCHED.format(base=base, more=""))
    base.mkdir()
    with pytest.raises(mergus.MergusError, match="holds no version"):
        db.execute(WATCHED.format(base=base, more=""))
    put(base, 3, 2)
    put(base, 12, 3)
    (base / "notes").mkdir()
    db.execute(WATCHED.format(base=base, more=", promote=true"))
    look()
    look()
    assert versions(db) == [(1, "CHAMPION")]
    put(base, 20, 4)
    look()
    assert versions(db) == [(1, "CHAMPION")]  # it may still be copied
    look()
    assert versions(db) == [(1, ""), (2, "CHAMPION")]
    assert db.query("SELECT m(a) AS y, m$1(a) AS first FROM s;").rows() == [{"Y": 4, "FIRST": 3}]
    look()
    assert len(versions(db)) == 2


def test_what_is_not_fit_is_passed_over_until_it_changes(db, tmp_path: Path) -> None:
    base, look = tmp_path / "base", db.engine.keeper.tick
    put(base, 1, 2)
    db.execute(WATCHED.format(base=base, more=""))
    put(base, 2, 3)
    broken = base / "2" / "model.py"
    broken.write_text("def predict(x):\n    return x + 1\n")  # fails the self-test
    for _ in range(3):
        look()
    assert versions(db) == [(1, "CHAMPION")]
    broken.write_text("def predict(x):\n    return x * 30\n")
    look()
    look()
    assert versions(db) == [(1, "CHAMPION"), (2, "CHALLENGER")]
    assert "WATCH = 'true'" in db.execute("SHOW CREATE MODEL m;")[0].text
