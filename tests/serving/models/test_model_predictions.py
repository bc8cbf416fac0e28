"""ML_PREDICT wherever a source may stand, with settings of one call: over streams, tables and files, pulled, pushed and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import mergus

UNLUCKY = "def predict(x):\n    if (x == 13).any():\n        raise ValueError('unlucky')\n    return x * 2\n"
HANGS = "import time\ndef predict(x):\n    if (x == 13).any():\n        time.sleep(600)\n    return x * 2\n"
VALUES = [(1, 5.0), (2, 13.0), (3, 7.0)]
PREDICT = "ML_PREDICT(TABLE {source}, MODEL m, DESCRIPTOR(a){more})"


@pytest.fixture(scope="module")
def db(tmp_path_factory) -> Iterator[Any]:
    """A stream S, a table T and a file F of the same rows, one of which the model fails on."""
    folder = tmp_path_factory.mktemp("predictions")
    (folder / "unlucky.py").write_text(UNLUCKY)
    (folder / "hangs.py").write_text(HANGS)
    (folder / "rows.jsonl").write_text("".join(f'{{"ID": {i}, "A": {a}}}\n' for i, a in VALUES))
    with mergus.connect(folder / "data") as made:
        made.execute(
            "CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
        )
        made.execute("CREATE TABLE t (id INT PRIMARY KEY, a DOUBLE) WITH (kafka_topic='s', value_format='JSON');")
        made.execute("CREATE TABLE u AS SELECT * FROM t EMIT CHANGES;")
        made.execute(f"CREATE STREAM f (id INT, a DOUBLE) WITH (path='{folder}/rows.jsonl', format='json');")
        for name, file in (("m", "unlucky"), ("h", "hangs")):
            made.execute(
                f"CREATE MODEL {name} INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{folder / file}.py');"
            )
        made.insert("s", [{"id": i, "a": a} for i, a in VALUES])
        made.wait()
        yield made


def tuples(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in rows)


def test_a_call_has_a_time_out_of_its_own(db) -> None:
    for limit, wanted, row in (("300 ms", None, 2), ("2min", 10, 1)):
        asked = (
            f"SELECT y FROM ML_PREDICT(TABLE s, MODEL h, DESCRIPTOR(a), MAP['timeout', '{limit}']) WHERE id = {row};"
        )
        assert db.query(asked).rows() == [{"Y": wanted}]
    last = db.query("SELECT reason FROM mergus_processing_log;").rows()[-1]["REASON"]
    assert last == "model H gave no answer within 300 ms"


@pytest.mark.parametrize(
    ("settings", "said", "shown"),
    [
        ("'on_error', 'dlq'", "on_error of a call is one of null, fail, error_column, not dlq", "'on_error', 'dlq'"),
        ("'timeout', 'soon'", "timeout is a time such as 500ms, 100s or 3min, not soon", "'timeout', 'soon'"),
        ("'timeout', '0s'", "timeout is a time", "'timeout', '0s'"),
        ("'async', 'true', 'colour', 'red'", "'colour' is not a setting of a call", "'colour'"),
        ("'async', 'true', 'ASYNC', 'no'", "'ASYNC' stands twice", "'ASYNC'"),
        ("'async'", "holds a value for each name", "'async'"),
    ],
)
def test_what_is_no_setting_is_told_with_its_place(db, settings: str, said: str, shown: str) -> None:
    sql = f"SELECT * FROM ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a), MAP[{settings}]);"
    with pytest.raises(mergus.MergusError, match=said) as refused:
        db.query(sql)
    span = refused.value.span
    assert span is not None
    assert sql[span.start : span.end] == shown
    assert "colour" not in settings or "settings are async, capacity" in (refused.value.hint or "")


def test_a_model_of_a_file_has_no_settings(db) -> None:
    with pytest.raises(mergus.MergusError, match="EMBED is declared in a file"):
        db.query("SELECT * FROM ML_PREDICT(TABLE s, MODEL embed, DESCRIPTOR(a), MAP['on_error', 'fail']);")


@pytest.mark.parametrize("source", ["s", "u", "f"])
def test_a_call_says_what_becomes_of_bad_rows(db, source: str) -> None:
    answers = {"": [(1, 10), (2, None), (3, 14)]}
    answers[", MAP['on_error', 'null']"] = answers[""]
    answers[", MAP['on-error', 'ERROR_COLUMN', 'async', 'true']"] = [
        (1, 10, None, 1), (2, None, "unlucky", 1), (3, 14, None, 1)
    ]  # fmt: skip
    for more, wanted in answers.items():
        columns = "id, y, error, model_version" if "ERROR" in more else "p.id, p.y"
        asked = f"SELECT {columns} FROM {PREDICT.format(source=source, more=more)} AS p"
        assert tuples(db.query(f"{asked};").rows()) == wanted
        with db.push(f"{asked} EMIT CHANGES LIMIT 3;", from_beginning=True) as pushed:
            assert tuples(list(pushed)) == wanted
        kind = "TABLE" if source == "u" else "STREAM"
        db.execute(f"CREATE {kind} kept AS {asked} EMIT CHANGES;")
        db.wait()
        assert tuples(db.query("SELECT * FROM kept;").rows()) == wanted
        db.execute(f"DROP {kind} kept DELETE TOPIC;")
    with pytest.raises(mergus.MergusError, match="unlucky"):
        db.query("SELECT y FROM " + PREDICT.format(source=source, more=", MAP['on_error', 'fail']") + ";")


def test_columns_of_a_file_are_found_in_any_case(db, tmp_path) -> None:
    (tmp_path / "rows.csv").write_text("id,x,Twice\n1,5,10\n3,7,14\n")
    db.execute(f"CREATE STREAM lower WITH (path='{tmp_path}/rows.csv', path_format='csv');")
    for source in ("ML_PREDICT(TABLE lower, MODEL m, DESCRIPTOR(x))", "ML.PREDICT(MODEL m, TABLE lower)"):
        assert tuples(db.query(f"SELECT id, y FROM {source};").rows()) == [(1, 10.0), (3, 14.0)]
    told = "ML_EVALUATE(TABLE lower, MODEL m, DESCRIPTOR(twice), DESCRIPTOR(x), 'regression')"
    assert db.query(f"SELECT evaluated, mae FROM {told};").rows() == [{"EVALUATED": 2, "MAE": 0.0}]
    with pytest.raises(mergus.MergusError, match="column Z does not exist"):
        db.query("SELECT y FROM ML_PREDICT(TABLE lower, MODEL m, DESCRIPTOR(z));")
