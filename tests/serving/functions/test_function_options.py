"""Packages that functions need, and WITH (…) of CREATE FUNCTION."""

from __future__ import annotations

import pytest

import mergus
from mergus.engine.errors import UserError
from mergus.engine.sql.statements.source import Property
from mergus.engine.sql.udf.options import options_of

STREAM = "CREATE STREAM s (a STRING) WITH (kafka_topic='s', format='JSON', partitions=1);"


@pytest.fixture
def db(tmp_path):
    with mergus.connect(tmp_path) as opened:
        yield opened


def created(options, name="f"):
    return f"""
CREATE FUNCTION {name}(a STRING) RETURNS STRING LANGUAGE PYTHON {options} AS $$
def {name}(a):
    return a
$$;"""


def test_a_function_whose_packages_are_not_there_is_refused(db):
    with pytest.raises(UserError, match=r"function F needs packages that are not there") as refused:
        db.execute(created("WITH (packages = 'nobodys-package>=2, numpy>=1,<2')"))
    assert refused.value.detail.startswith("nobodys-package>=2 (not installed), numpy<2,>=1 (2.")
    assert "pip install 'nobodys-package>=2'" in refused.value.hint
    db.execute(created("WITH (packages = 'numpy>=2, httpx[http2]')"))
    assert db.query("SELECT f('x') AS y;").one() == {"Y": "x"}
    with pytest.raises(UserError, match="names no package"):
        db.execute(created("WITH (packages = 'not a package')", "g"))


def test_a_function_of_a_file_is_known_and_its_calls_are_refused(tmp_path):
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "needy.py").write_text(
        "import mergus\n\n\n@mergus.udf(packages=['nobodys-package'])\n"
        "def needy(a: str) -> str:\n    import nobodys\n    return nobodys.f(a)\n\n\n"
        "@mergus.udtf(packages=['nobodys-package'])\ndef rows(a: str) -> list[str]:\n    return [a]\n"
    )
    with mergus.connect(tmp_path / "data", functions=str(folder)) as db:
        db.execute(STREAM)
        for call in ("needy(a)", "rows(a)"):
            with pytest.raises(UserError, match="needs packages that are not there") as refused:
                db.execute(f"CREATE STREAM u AS SELECT {call} AS x FROM s;")
            assert refused.value.span is not None
        db.execute("CREATE STREAM u AS SELECT a FROM s;")


def test_images_need_pillow(db, monkeypatch):
    monkeypatch.setattr("mergus.engine.sql.packages._instead", lambda package: "")
    with pytest.raises(UserError, match="function IMAGE_SIZE needs packages") as refused:
        db.execute(
            "CREATE STREAM p (b BYTES) WITH (kafka_topic='p', format='JSON', partitions=1); SELECT image_size(b) FROM p;"
        )
    assert "pillow" in refused.value.detail


def test_options_of_a_function(db):
    made = options_of(
        [
            Property("PACKAGES", "a[x,y]>=1,<2 , b"),
            Property("CONCURRENCY", 4),
            Property("TIMEOUT", "2 SECONDS"),
            Property("DETERMINISTIC", False),
        ]
    )
    assert made == {"packages": ["a[x,y]>=1,<2", "b"], "concurrency": 4, "timeout_s": 2.0, "deterministic": False}
    for options, words in (
        ("WITH (package = 'a')", "functions have no property PACKAGE"),
        ("WITH (concurrency = 4)", "concurrency is for functions that wait"),
        ("WITH (timeout = 'soon')", "TIMEOUT is a time, as '5 SECONDS'"),
        ("WITH (concurrency = 0)", "CONCURRENCY is a number greater than 0"),
        ("WITH (vectorized = 1)", "VECTORIZED is TRUE or FALSE"),
    ):
        with pytest.raises(UserError, match=words):
            db.execute(created(options))
