"""What a wrong name is answered with: the nearest known one, as it must be written."""

import pytest

from mergus.engine.sql.scope import suggestion, suggestion_as_spelled


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("COUNTT", ["COUNT", "SUM"], "did you mean COUNT?"),
        ("MYCOL", ["myCol"], "did you mean `myCol`? A name that is not all upper case is written in back-quotes"),
        ("MYCOLL", ["myCol"], "did you mean `myCol`?"),
        ("ZZZ", ["myCol"], None),
    ],
)
def test_sql_names(name, known, said):
    assert suggestion(name, known) == said


@pytest.mark.parametrize(
    ("name", "said"), [("clickz", "did you mean clicks?"), ("CLICKS", "did you mean clicks?"), ("a", None)]
)
def test_names_that_are_not_sql(name, said):
    assert suggestion_as_spelled(name, ["clicks", "orders"]) == said
