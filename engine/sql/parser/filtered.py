"""What aggregates are given: AGGREGATE(DISTINCT …), and AGGREGATE(…) FILTER (WHERE condition).

FILTER gives the rows that the condition holds for, as CASE gives them: it is exact for aggregates that pass NULLs over, and
refused for all others. DISTINCT is another aggregate's name.
"""

from __future__ import annotations

from sqlglot import exp

from ...errors import Span, Unsupported

_ONE = frozenset(
    [
        "COUNT",
        "SUM",
        "AVG",
        "MIN",
        "MAX",
        "STDDEV_SAMP",
        "STDDEV_SAMPLE",
        "COUNT_DISTINCT",
        "APPROX_COUNT_DISTINCT",
        "MEDIAN",
    ]
)
_TWO = frozenset(
    ["TOPK", "TOPKDISTINCT", "TOPKCOUNT", "EARLIEST_BY_OFFSET", "LATEST_BY_OFFSET", "PERCENTILE", "APPROX_PERCENTILE"]
)
"""Aggregates that pass NULLs over in their first argument, by how many arguments they may have for that."""


def filter_call(call: exp.Anonymous, condition: exp.Expression, span: Span) -> None:
    """Give the call the rows of the condition only: `COUNT(*)` counts ones, any other has its first argument or NULL."""
    arguments = call.expressions
    known = len(arguments) == 1 and call.this in _ONE | _TWO
    known |= len(arguments) == 2 and call.this in _TWO and not isinstance(arguments[1], exp.Boolean)
    if not known:
        raise Unsupported(
            f"FILTER is not supported for this call of {call.this}",
            detail=f"it is for aggregates that pass NULLs over: {', '.join(sorted(_ONE | _TWO))}",
            hint="aggregate a sub-query with WHERE, or give the aggregate CASE WHEN … END",
            span=span,
        )
    value = exp.Literal.number(1) if isinstance(arguments[0], exp.Star) else arguments[0]
    call.set("expressions", [exp.Case(ifs=[exp.If(this=condition, true=value)]), *arguments[1:]])


_DISTINCT = {"COUNT": "COUNT_DISTINCT", "COLLECT_LIST": "COLLECT_SET", "MIN": "MIN", "MAX": "MAX"}


def distinct_name(call: exp.Anonymous, span: Span) -> str:
    """The aggregate that AGGREGATE(DISTINCT x) is; `span`: of DISTINCT. Raises Unsupported where there is none."""
    name, given = call.this, call.expressions
    if name in _DISTINCT and len(given) == 1 and not isinstance(given[0], exp.Star):
        return _DISTINCT[name]
    hint = f"group the values in a sub-query: SELECT {name}(x) … FROM (SELECT x FROM … GROUP BY x) v"
    if name == "COUNT":
        hint = "COUNT(DISTINCT STRUCT(A := a, B := b)) counts pairs"
    raise Unsupported(
        f"DISTINCT is not supported for this call of {name}",
        detail=f"it is for one argument of {', '.join(sorted(_DISTINCT))}",
        hint=hint,
        span=span,
    )
