"""docs/models.md: its Python files are written, its SQL is run from top to bottom, and it does what the page says."""

import re
from pathlib import Path

import mergus
from mergus.engine.inference.providers import registry as providers

PAGE = (Path(__file__).parent.parent / "docs" / "models.md").read_text()
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def test_the_page_runs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE)
    functions = [text for language, text in blocks if language == "python" and text.startswith("def predict")]
    for name, text in zip(("double.py", "triple.py"), functions, strict=True):
        Path(name).write_text(text)
    Path("half.py").write_text("def predict(x):\n    return x / 2\n")
    answers = []
    with mergus.connect() as db:
        for text in (text for language, text in blocks if language == "sql"):
            for statement in filter(str.strip, text.split(";\n")):
                answers += db.execute(statement.strip().rstrip(";") + ";")
                db.wait()
        scored = [(r["ID"], r["S"], r["V"]) for r in db.query("SELECT * FROM scored;").rows()]
    assert scored == [(1, 20, 1), (2, 40, 1), (3, 90, 2), (4, 80, 1)]
    found = [a.rows() for a in answers if hasattr(a, "rows") and callable(a.rows)]
    assert found == [
        [{"ID": 2, "Y": 40.0, "__MODEL_VERSION": 1}],
        [{"ID": 1, "Y": 20.0, "ERROR": None}, {"ID": 2, "Y": 40.0, "ERROR": None}],
        [{"EVALUATED": 2, "MAE": 15.0}],
        [{"ID": 1, "POINTS": 3000.0, "HIGH": False}],
        [{"ID": 1, "LIVE": 20.0, "NEXT": 30.0}],
        [],
        [],
    ]
    exec(next(text for language, text in blocks if text.startswith("import mergus")), {})


def test_the_page_names_every_engine() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .*mergus\[|^\| `(python)` \|", PAGE, re.MULTILINE)
    assert {a or b for a, b in rows} == set(providers.SHIPPED)
