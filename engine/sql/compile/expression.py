"""Typed expressions to DuckDB SQL for a whole batch, and the Python functions that the text calls.

The input is a relation with the columns c0, c1 … and the system columns of `operators/operator.py`; no name of a user
reaches the text (DESIGN §7.5). The text raises where ksqlDB's expression fails, so that `TRY(…)` around it gives NULL for
the failing rows only; constants that always fail become NULL here, because DuckDB would fold them and spoil the TRY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from ...errors import InternalError, Unsupported
from ..expressions import Call, Case, Cast, Column, Expr, Field, Lambda, Literal, Parameter, System, walk
from ..functions import ArrowFunction, ModelCall, SqlTemplate
from ..types import BIGINT, BOOLEAN, DATE, DOUBLE, INTEGER, STRING, TIME, TIMESTAMP, SqlType, duckdb_type
from .cast import cast_text, failing_constant
from .literal import literal_text
from .python import Bound, bound_name, register

SYSTEM_COLUMNS = {
    "ROWTIME": "_rowtime",
    "ROWPARTITION": "_partition",
    "ROWOFFSET": "_offset",
    "WINDOWSTART": "_ws",
    "WINDOWEND": "_we",
}


_ARITHMETIC = frozenset("+-*/%")
_CANNOT_FAIL = frozenset(
    {
        "ARRAY[]",
        "MAP()",
        "STRUCT()",
        "[]",
        "AND",
        "OR",
        "NOT",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "IN",
        "IS NULL",
        "IS NOT NULL",
        "IS DISTINCT FROM",
        "IS NOT DISTINCT FROM",
    }
)
_TAKES_FAILURES_AS_NULL = frozenset(
    {"ARRAY[]", "MAP()", "STRUCT()", "COALESCE", "IFNULL", "CONCAT", "CONCAT_WS", "TRY_CAST"}
)


def compile_sql(expr: Expr, columns: Sequence[str] = ()) -> str:
    """The DuckDB SQL of `expr`, over what `columns` say in place of c0, c1 …. Call `bind_functions` on the connection that is to
    run it first."""
    return _Compiler(columns).text(expr)


def compile_condition(expr: Expr) -> str:
    """The DuckDB SQL of a filter, where NULL and FALSE are the same: cheaper than `compile_sql`, for WHERE only."""
    return _Compiler().condition(expr)


SUBQUERIES = frozenset({"(SELECT)", "IN (SELECT)", "EXISTS"})
"""Functions of calls whose text holds a query (plan/pull/scopes.py)."""


def guarded(expr: Expr) -> Expr:
    """The expression in a TRY, which makes it NULL where it fails; as it is where it cannot fail, or is volatile. Around a
    sub-query DuckDB takes no TRY: there the operands beside it are guarded."""
    nodes = list(walk(expr))
    if not _may_fail(nodes):
        return expr
    if _resists_try(nodes, compile_sql(expr)):
        return replace(expr, args=tuple(map(guarded, expr.args))) if isinstance(expr, Call) else expr
    return Call("TRY", (expr,), expr.type, SqlTemplate(lambda args, types, result: f"TRY({args[0]})"))


def bind_functions(connection: duckdb.DuckDBPyConnection, exprs: Iterable[Expr]) -> list[ArrowFunction]:
    """Make the Python functions that the expressions call known to `connection`; idempotent. Gives them."""
    compiler = _Compiler()
    for expr in exprs:
        compiler.text(expr)
    for bound in compiler.functions.values():
        register(connection, bound)
    return [bound.function for bound in compiler.functions.values()]


class _Compiler:
    """One walk over an expression; gathers the Python functions it meets."""

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.functions: dict[str, Bound] = {}
        self.inside_lambda = False
        self.columns = columns

    def text(self, expr: Expr) -> str:
        match expr:
            case Column(index=index):
                return self.columns[index] if self.columns else f"c{index}"
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
                return f"lambda {', '.join(p.name for p in parameters)}: {self._body(body)}"
            case Call():
                return self._call(expr)

    def _body(self, body: Expr) -> str:
        outside, self.inside_lambda = self.inside_lambda, True
        text = self.text(body)
        self.inside_lambda = outside
        return text

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
        if self.inside_lambda and expr.function in ("AND", "OR"):
            return _short_circuit(expr.function, args)
        if self.inside_lambda and expr.function in _ARITHMETIC and expr.type is not STRING:
            args = [_present(a, e) for a, e in zip(args, expr.args, strict=True)]
        if expr.function in _TAKES_FAILURES_AS_NULL:
            args = [_tried(a, e) for a, e in zip(args, expr.args, strict=True)]
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


def _short_circuit(symbol: str, args: Sequence[str]) -> str:
    """AND and OR as Java has them: what a lambda's first operand decides must not fail by its second."""
    if symbol == "AND":
        return f"(CASE WHEN {args[0]} THEN {args[1]} ELSE false END)"
    return f"(CASE WHEN {args[0]} THEN true ELSE {args[1]} END)"


def _present(text: str, expr: Expr) -> str:
    """An operand that raises when it is NULL: in a lambda arithmetic on NULL fails the row, as in ksqlDB."""
    if isinstance(expr, Literal):
        return text
    return f"coalesce({text}, CAST(concat('NULL in arithmetic', {text}) AS {duckdb_type(expr.type)}))"


def _tried(text: str, expr: Expr) -> str:
    """An argument whose failure is a NULL: an element of a constructor, an alternative of COALESCE."""
    nodes = list(walk(expr))
    if not _may_fail(nodes) or _resists_try(nodes, text):
        return text
    return f"TRY({text})"


def cannot_fail(expr: Expr) -> bool:
    """Whether the expression has a value (or is NULL) for every row."""
    return not _may_fail(list(walk(expr)))


def _may_fail(nodes: Sequence[Expr]) -> bool:
    return any(isinstance(n, Cast) or (isinstance(n, Call) and n.function not in _CANNOT_FAIL) for n in nodes)


def _resists_try(nodes: Sequence[Expr], text: str) -> bool:
    """Whether DuckDB takes it not inside TRY: it is volatile, or holds a sub-query."""
    calls = [n for n in nodes if isinstance(n, Call)]
    volatile = any(isinstance(c.implementation, ArrowFunction) and c.implementation.volatile for c in calls)
    return volatile or "random()" in text or "uuid()" in text or any(c.function in SUBQUERIES for c in calls)


def varies(expr: Expr) -> bool:
    """Whether it may give another value for the same row: by chance, by the clock, or by a function that says so."""
    return any(isinstance(node, Call) and _varies(node) for node in walk(expr))


def _varies(call: Call) -> bool:
    if isinstance(call.implementation, ArrowFunction):
        return call.implementation.volatile
    return not call.args and any(source in compile_sql(call) for source in ("random()", "uuid()", "now()"))


_AS_THEY_ARE = frozenset({INTEGER, BIGINT, DOUBLE, STRING, BOOLEAN, DATE, TIME, TIMESTAMP})
"""Types whose constants have the value that Arrow gives for them."""


def evaluate_constant(connection: duckdb.DuckDBPyConnection, expr: Expr) -> Any:
    """The value of an expression without columns (INSERT VALUES): as Arrow gives it; raises DuckDB's error."""
    if isinstance(expr, Literal) and expr.type in _AS_THEY_ARE:
        return expr.value
    for part in walk(expr):
        if isinstance(part, Call) and isinstance(part.implementation, ModelCall):
            raise Unsupported(
                f"the model {part.function} cannot be called in VALUES",
                hint=f"SELECT {part.function}(…); gives its answer, INSERT INTO … SELECT writes answers about rows",
                span=part.span,
            )
    bind_functions(connection, [expr])
    relation = connection.sql(f"SELECT {compile_sql(expr)} AS c0")
    return relation.to_arrow_table().column(0)[0].as_py()
