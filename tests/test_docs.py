"""The examples of docs/ are run: every page on an engine of its own, its blocks in order, as a reader would type them.

A block without a language behind an SQL block is its answer: what `mergus run --format csv` writes for SELECTs, and what
the command line shows for other statements. A block `sql refused` must be refused, and is followed by the words.
MERGUS_UPDATE_DOCS=1 writes the answers into the pages instead, to be looked at before they are committed.
"""

import io
import os
import re
from pathlib import Path

import pytest

from mergus.engine.cli.rendering import write_answer, write_told
from mergus.engine.config import load
from mergus.engine.errors import UserError
from mergus.engine.serving.engine import Engine
from mergus.engine.serving.results import Push, Rows
from mergus.engine.serving.session import Session

DOCS = Path(__file__).parent.parent / "docs"
ELSEWHERE = {"models.md"}  # test_docs_models.py runs it, with its artefacts
PAGES = sorted(
    p for p in DOCS.rglob("*.md") if "adr" not in p.parts and p.name not in ELSEWHERE and "```sql" in p.read_text()
)
BLOCK = re.compile(r"```sql( refused)?\n(.*?)```\n(?:\n```\n(.*?)```\n)?", re.DOTALL)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weather.csv").write_text("city,degrees\nBergen,7.5\nOslo,3.0\nTromsø,-2.0\nStavanger,8.0\n")
    opened = Engine.open(load({"data": str(tmp_path / "data"), "epoch.ms": 50}, {}), in_process=True)
    yield opened
    opened.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_examples_of(page, engine):
    text, session = page.read_text(), Session()

    def run(block: re.Match) -> str:
        refused, sql, answer = block.groups()
        found = _refusal(engine, sql, session) if refused else _answers(engine, sql, session)
        if answer is None and not found:
            return block.group()
        if os.environ.get("MERGUS_UPDATE_DOCS") and (answer is not None or found):
            return f"```sql{refused or ''}\n{sql}```\n\n```\n{found}```\n"
        if answer is not None:
            assert found == answer, sql
        return block.group()

    made = BLOCK.sub(run, text)
    if made != text:
        page.write_text(made)


def _answers(engine: Engine, sql: str, session: Session) -> str:
    out = io.StringIO()
    for result in engine.execute(sql, session, before_reading=engine.wait_caught_up):
        if isinstance(result, Rows | Push):
            write_answer(result, "csv", out)
        elif not _is_word_of_success(result):
            write_told(result, out)
    assert not engine.wait_caught_up(30)
    return out.getvalue()


def _is_word_of_success(result) -> bool:
    return not getattr(result, "columns", None) and not getattr(result, "text", None)


def _refusal(engine: Engine, sql: str, session: Session) -> str:
    with pytest.raises(UserError) as refused:
        list(engine.execute(sql, session, before_reading=engine.wait_caught_up))
    return f"{refused.value}\n"
