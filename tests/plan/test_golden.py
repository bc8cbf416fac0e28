"""Queries and their plans as text: golden/NAME.sql gives golden/NAME.plan.

`MERGUS_GOLDEN=write pytest tests/plan` writes the plans anew; the difference is then for a person to read.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mergus.engine.plan.explain import explain
from tests.plan.statements import GOLDEN, plan

CASES = sorted(p for p in GOLDEN.glob("*.sql") if not p.name.startswith("_"))


@pytest.mark.parametrize("case", CASES, ids=[p.stem for p in CASES])
def test_the_plan_is_as_written(case: Path) -> None:
    text = explain(plan(case.read_text()))
    golden = case.with_suffix(".plan")
    if os.environ.get("MERGUS_GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()
