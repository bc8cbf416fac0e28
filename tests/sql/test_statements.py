"""Statements check themselves: a wrong one cannot be made."""

from __future__ import annotations

import pytest
from sqlglot import exp

from mergus.engine.errors import UserError
from mergus.engine.sql.statements import statement as s
from mergus.engine.sql.types import BIGINT

SOURCE = s.SourceRef("A", "A")


def test_a_projection_is_not_empty() -> None:
    with pytest.raises(UserError, match="at least one item"):
        s.Query((), SOURCE)


def test_an_item_is_an_expression_or_a_star() -> None:
    with pytest.raises(UserError):
        s.SelectItem(None)
    with pytest.raises(UserError, match="no alias"):
        s.SelectItem(None, alias="A", is_star=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: s.Join(SOURCE, SOURCE, "NATURAL", exp.true()),
        lambda: s.WindowClause("SLIDING", 1),
        lambda: s.WindowClause("HOPPING", 1),
        lambda: s.CreateSource("STREAM", "S", (), (), or_replace=True, if_not_exists=True),
        lambda: s.InsertValues("S", ("A", "B"), ((exp.true(), exp.true()), (exp.true(),))),
        lambda: s.Show("CONNECTORS"),
        lambda: s.CreateFunction("F", (), None, "", language="PERL"),
        lambda: s.CreateFunction("F", (s.FunctionParameter("A", BIGINT), s.FunctionParameter("A", BIGINT)), None, ""),
        lambda: s.AssertValues("S", ("A",), ()),
        lambda: s.AssertSchema(None, None),
        lambda: s.ColumnElement("H", BIGINT, is_key=True, header="h"),
    ],
)
def test_what_contradicts_itself_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(UserError):
        make()


def test_sources_come_in_order() -> None:
    join = s.Join(s.Join(SOURCE, s.SourceRef("B", "X"), "INNER", exp.true()), s.SourceRef("C", "C"), "LEFT", exp.true())
    query = s.Query((s.SelectItem(None, is_star=True),), join)
    assert [ref.alias for ref in query.sources()] == ["A", "X", "C"]
    assert not query.is_push
