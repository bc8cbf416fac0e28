"""Typed expressions to DuckDB SQL for a whole batch, and the Python functions that the text calls.

The input is a relation with the columns c0, c1 … and the system columns of `operators/operator.py`; no name of a user
reaches the text (DESIGN §7.5). The text raises where ksqlDB's expression fails, so that `TRY(…)` around it gives NULL for
the failing rows only; constants that always fail become NULL here, because DuckDB would fold them and spoil the TRY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from ..errors import InternalError
from .compile_cast import cast_text, failing_constant
from .compile_literal import literal_text
from .compile_python import Bound, bound_name, register
from .expressions import Call, Case, Cast, Column, Expr, Field, Lambda, Literal, Parameter, System
from .functions import ArrowFunction, ModelCall, SqlTemplate
from .types import BOOLEAN, SqlType, duckdb_type

SYSTEM_COLUMNS = {
    "ROWTIME": "_rowtime",
    "ROWPARTITION": "_partition",
    "ROWOFFSET": "_offset",
    "WINDOWSTART": "_ws",
    "WINDOWEND": "_we",
}


def compile_sql(expr: Expr) -> str:
    """The DuckDB SQL of `expr`. Call `bind_functions` on the connection that is to run it first."""
    return _Compiler().text(expr)


def compile_condition(expr: Expr) -> str:
    """The DuckDB SQL of a filter, where NULL and FALSE are the same: cheaper than `compile_sql`, for WHERE only."""
    return _Compiler().condition(expr)


def bind_functions(connection: duckdb.DuckDBPyConnection, exprs: Iterable[Expr]) -> None:
    """Make the Python functions that the expressions call known to `connection`; idempotent."""
    compiler = _Compiler()
    for expr in exprs:
        compiler.text(expr)
    for bound in compiler.functions.values():
        register(connection, bound)


class _Compiler:
    """One walk over an expression; gathers the Python functions it meets."""

    def __init__(self) -> None:
        self.functions: dict[str, Bound] = {}

    def text(self, expr: Expr) -> str:
        match expr:
            case Column(index=index):
                return f"c{index}"
            case System(name=name):
                return SYSTEM_COLUMNS[name]
            case Parameter(name=name):
                return name
            case Literal(value=value, type=sql_type):
                return literal_text(value, sql_type)
            case Cast():
                return self._cast(expr)
            case Case():
                return self._case(expr)
            case Field(operand=operand, index=index):
                return f"({self.text(operand)}).f{index}"
            case Lambda(parameters=parameters, body=body):
                return f"lambda {', '.join(p.name for p in parameters)}: {self.text(body)}"
            case Call():
                return self._call(expr)

    def condition(self, expr: Expr) -> str:
        """A filter's text: AND and OR of comparisons without their guard against NULL."""
        if isinstance(expr, Call) and expr.function in ("AND", "OR"):
            return f"({self.condition(expr.args[0])} {expr.function} {self.condition(expr.args[1])})"
        text = self.text(expr)
        if isinstance(expr, Call) and expr.type is BOOLEAN and text.endswith(" IS TRUE)"):
            return text.removeprefix("(").removesuffix(" IS TRUE)")
        return text

    def _cast(self, expr: Cast) -> str:
        if isinstance(expr.operand, Literal) and failing_constant(expr.operand, expr.type):
            return f"CAST(NULL AS {duckdb_type(expr.type)})"
        return cast_text(self.text(expr.operand), expr.operand.type, expr.type, self._use)

    def _case(self, expr: Case) -> str:
        branches = "".join(f" WHEN {self.text(c)} THEN {self.text(r)}" for c, r in expr.whens)
        default = "" if expr.default is None else f" ELSE {self.text(expr.default)}"
        return f"(CASE{branches}{default} END)"

    def _call(self, expr: Call) -> str:
        implementation = expr.implementation
        args, types = [self.text(a) for a in expr.args], [a.type for a in expr.args]
        match implementation:
            case SqlTemplate(render=render):
                return render(args, types, expr.type)
            case ArrowFunction():
                return self._use(implementation, args, types, expr.type)
            case ModelCall():
                raise InternalError(f"the model call {expr.function} was not hoisted out of the SQL")

    def _use(self, function: ArrowFunction, args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        """A call of a Python function, remembered for `bind_functions`."""
        name = bound_name(function, types, result)
        self.functions[name] = Bound(name, function, tuple(types), result)
        return f"{name}({', '.join(args) if args else '0'})"


def evaluate_constant(connection: duckdb.DuckDBPyConnection, expr: Expr) -> Any:
    """The value of an expression without columns (INSERT VALUES): as Arrow gives it; raises DuckDB's error."""
    bind_functions(connection, [expr])
    relation = connection.sql(f"SELECT {compile_sql(expr)} AS c0")
    return relation.to_arrow_table().column(0)[0].as_py()
