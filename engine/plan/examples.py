"""Small trees that the rules' doctests rewrite."""

from __future__ import annotations

from ..sql.expressions import Call, Column, Expr
from ..sql.functions import ModelCall, SqlTemplate
from ..sql.schema import ColumnDef, Schema
from ..sql.types import BIGINT, BOOLEAN, STRING, SqlType
from .logical import Read
from .physical.steps import Formats, Source

_JSON = Formats("KAFKA", "JSON")


def clicks() -> Read:
    """The stream CLICKS (USER STRING KEY, URL STRING, SPENT BIGINT)."""
    return Read(_source("CLICKS", is_table=False, columns={"USER": STRING, "URL": STRING, "SPENT": BIGINT}), "CLICKS")


def users() -> Read:
    """The table USERS (ID STRING PRIMARY KEY, CITY STRING)."""
    return Read(_source("USERS", is_table=True, columns={"ID": STRING, "CITY": STRING}), "USERS")


def flag(column: int) -> Expr:
    """`column > 0`."""
    above = SqlTemplate(lambda args, types, result: f"{args[0]} > 0")
    return Call(">", (Column(column, f"C{column}", BIGINT),), BOOLEAN, above)


def scored(column: int) -> Call:
    """A model's call over a column: `SCORE(column)`."""
    return Call("SCORE", (Column(column, f"C{column}", STRING),), BIGINT, ModelCall("score"))


def both(left: Expr, right: Expr) -> Expr:
    """`left AND right`."""
    return Call("AND", (left, right), BOOLEAN, SqlTemplate(lambda args, types, result: " AND ".join(args)))


def _source(name: str, *, is_table: bool, columns: dict[str, SqlType]) -> Source:
    schema = Schema(tuple(ColumnDef(n, t, i == 0) for i, (n, t) in enumerate(columns.items())))
    return Source(name, name.lower(), schema, _JSON, is_table, 0, frozenset(range(len(columns))))
