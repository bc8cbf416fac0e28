"""NULL_INPUT = 'pass': models that know what to do with missing values get them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mergus
from mergus.engine.errors import RecordError
from mergus.engine.inference.program import Tensor, as_declared

STREAM = "CREATE STREAM s (id INT KEY, a DOUBLE, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);"


def model(folder: Path, name: str, body: str) -> str:
    """CREATE MODEL's WITH (…) for a Python file."""
    (folder / f"{name}.py").write_text(body)
    return f"WITH (provider='python', path='{folder / name}.py'"


def rows(db: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = db.query(sql).rows()
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


KNOWS_NULL = """
import numpy as np
def predict(x, t):
    assert len(x) == len(t)
    return [("?" if np.isnan(a) else f"{a:g}") + ("?" if b is None else b) for a, b in zip(x, t)]
"""


@pytest.mark.parametrize("more", ["", ", isolated=true", ", batch_sizes='4'"])
def test_a_model_that_asks_for_it_gets_nulls(data: Path, tmp_path: Path, more: str) -> None:
    columns = "INPUT (x DOUBLE, t STRING) OUTPUT (y STRING)"
    with mergus.connect(data) as db:
        db.execute(STREAM)
        db.execute(f"CREATE MODEL m {columns} {model(tmp_path, 'knows', KNOWS_NULL)}, null_input='pass'{more});")
        db.execute(f"CREATE MODEL skips {columns} {model(tmp_path, 'knows', KNOWS_NULL)});")
        db.execute(
            "INSERT INTO s (id, a, t) VALUES (1, 1.5, 'a'), (2, NULL, 'a'), (3, 2.0, NULL), (4, NULL, NULL), (5, 1.5, 'a');"
        )
        asked = "SELECT id, m(a, t) AS y, skips(a, t) AS n, CASE WHEN id > 2 THEN m(a, t) END AS b FROM s;"
        found = {r["ID"]: (r["Y"], r["N"], r["B"]) for r in rows(db, asked)}
        assert found == {
            1: ("1.5a", "1.5a", None),
            2: ("?a", None, None),
            3: ("2?", None, "2?"),
            4: (None, None, None),
            5: ("1.5a", "1.5a", "1.5a"),
        }
        assert db.engine.failures() == {"bad": 0, "late": 0}
        (made,) = db.execute("SHOW CREATE MODEL m;")
        assert "NULL_INPUT = 'pass'" in made.text


def test_a_null_that_has_no_place_errs_with_its_row_or_is_made_one_by_transform(data: Path, tmp_path: Path) -> None:
    body = "def predict(i, x):\n    return i + x\n"
    with mergus.connect(data) as db:
        db.execute(STREAM)
        db.execute("INSERT INTO s (id, a) VALUES (1, 2.0), (2, NULL);")
        given = f"OUTPUT (y DOUBLE) {model(tmp_path, 'adds', body)}, null_input='pass'"
        db.execute(f"CREATE MODEL m INPUT (i INT, x DOUBLE) {given});")
        db.execute(
            f"CREATE MODEL t INPUT (i INT, x DOUBLE) TRANSFORM (COALESCE(i, 7) AS i, COALESCE(x, 0E0) AS x) {given});"
        )
        found = rows(
            db, "SELECT m(CASE WHEN id = 1 THEN 5 END, 1E0) AS m, t(CASE WHEN id = 1 THEN 5 END, a) AS t FROM s;"
        )
        assert found == [{"M": 6.0, "T": 7.0}, {"M": None, "T": None}]
        assert db.engine.failures()["bad"] == 1
        assert rows(db, "SELECT t(id, a) AS t FROM s;") == [{"T": 3.0}, {"T": 2.0}]
        with pytest.raises(mergus.MergusError, match="wants an input that can be missing"):
            db.execute(f"CREATE MODEL w INPUT (i INT, x INT) {given});")
        with pytest.raises(mergus.MergusError, match="NULL_INPUT is one of skip, pass, not zero"):
            db.execute(
                f"CREATE MODEL w INPUT (x DOUBLE) OUTPUT (y DOUBLE) {model(tmp_path, 'adds', body)}, null_input='zero');"
            )


def test_imputers_and_trees_get_nulls_as_nan(data: Path, tmp_path: Path) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    impute, pipeline = pytest.importorskip("sklearn.impute"), pytest.importorskip("sklearn.pipeline")
    fitted = pipeline.make_pipeline(impute.SimpleImputer(strategy="mean"), linear.LinearRegression())
    fitted.fit([[0.0, 1.0], [2.0, 1.0], [4.0, 2.0]], [1.0, 3.0, 6.0])
    pytest.importorskip("skops.io").dump(fitted, tmp_path / "m.skops")
    with mergus.connect(data) as db:
        db.execute(STREAM)
        db.execute("INSERT INTO s (id, a) VALUES (1, 2.0), (2, NULL);")
        for name, more in (("m", ", null_input='pass'"), ("skips", "")):
            db.execute(
                f"CREATE MODEL {name} INPUT (x DOUBLE, z DOUBLE) OUTPUT (prediction DOUBLE)"
                f" WITH (provider='sklearn', path='{tmp_path}/m.skops', trusted='numpy.dtype'{more});"
            )
        found = rows(db, "SELECT m(a, 1E0) AS m, skips(a, 1E0) AS n FROM s;")
        assert [r["N"] is None for r in found] == [False, True]
        assert [r["M"] for r in found] == pytest.approx([3.0, 3.0])


def test_engines_that_would_write_a_missing_text_out_do_not_get_one() -> None:
    tensor = Tensor("t", "string")
    assert as_declared(np.array([b"a"], dtype=object), tensor).tolist() == ["a"]
    with pytest.raises(RecordError, match="a text is NULL, which has no place in tensor t string"):
        as_declared(np.array([b"a", None], dtype=object), tensor)
