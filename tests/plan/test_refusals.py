"""What is refused, with words that a user can act on: refusals.txt lists statements and a part of what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from mergus.engine.errors import UserError
from tests.plan.statements import plan

BLOCKS = (Path(__file__).parent / "refusals.txt").read_text().split("\n\n")
CASES = [tuple(block.strip().split("\n=> ")) for block in BLOCKS if "\n=> " in block]


@pytest.mark.parametrize(("statement", "said"), CASES, ids=[said for _, said in CASES])
def test_it_is_refused_with_a_reason(statement: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        plan(statement)
    assert refused.value.kind == "user"
    assert said in str(refused.value.at(statement))
