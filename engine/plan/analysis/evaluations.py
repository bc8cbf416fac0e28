"""ML_EVALUATE written out: what it gives are aggregates over a model's answers and the labels beside them.

So they can be grouped and windowed as any other, in queries that run on too. A row without a label or an answer counts for
nothing.
"""

from __future__ import annotations

from functools import cache

from sqlglot import exp

from ...sql.parser.parse import parse_statement
from ...sql.statements.statement import Query
from ...sql.types import BOOLEAN, SqlType

_ANSWER, _LABEL = "MODEL_ANSWER", "MODEL_LABEL"
_RIGHT = "SUM(CASE WHEN {p} AND {l} THEN 1 ELSE 0 END)"
_CLAIMED = "SUM(CASE WHEN {p} AND {l} IS NOT NULL THEN 1 ELSE 0 END)"
_WANTED = "SUM(CASE WHEN {l} AND {p} IS NOT NULL THEN 1 ELSE 0 END)"
_BOTH = "SUM(CASE WHEN {p} IS NULL OR {l} IS NULL THEN 0 ELSE 1 END)"
_GIVEN = "CASE WHEN {p} IS NULL THEN NULL ELSE CAST({l} AS DOUBLE) END"
_OFF = "(CAST({p} AS DOUBLE) - CAST({l} AS DOUBLE))"
_METRICS = {
    "regression": {
        "EVALUATED": _BOTH,
        "MAE": f"AVG(ABS({_OFF}))",
        "MSE": f"AVG({_OFF} * {_OFF})",
        "RMSE": f"SQRT(AVG({_OFF} * {_OFF}))",
        "R2": f"1 - SUM({_OFF} * {_OFF}) / NULLIF(SUM({_GIVEN} * {_GIVEN}) - SUM({_GIVEN}) * AVG({_GIVEN}), 0E0)",
    },
    "classification": {
        "EVALUATED": _BOTH,
        "ACCURACY": "AVG(CASE WHEN {p} = {l} THEN 1E0 WHEN {p} <> {l} THEN 0E0 END)",
    },
}
_OF_TRUTH = {
    "PRECISION": f"CAST({_RIGHT} AS DOUBLE) / NULLIF({_CLAIMED}, 0)",
    "RECALL": f"CAST({_RIGHT} AS DOUBLE) / NULLIF({_WANTED}, 0)",
    "F1": f"2E0 * {_RIGHT} / NULLIF({_CLAIMED} + {_WANTED}, 0)",
}
"""Where the label is true or false."""


def metrics(task: str, answer: exp.Expression, label: exp.Expression, kind: SqlType) -> dict[str, exp.Expression]:
    """Each metric's name and expression. `kind`: the label's type."""

    def put(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Column) or node.name not in (_ANSWER, _LABEL):
            return node
        return (answer if node.name == _ANSWER else label).copy()

    texts = _METRICS[task] | (_OF_TRUTH if task == "classification" and kind == BOOLEAN else {})
    return {name: _parsed(text).copy().transform(put) for name, text in texts.items()}


@cache
def _parsed(text: str) -> exp.Expression:
    statement = parse_statement(f"SELECT {text.format(p=_ANSWER, l=_LABEL)} FROM s")
    assert isinstance(statement, Query)
    assert statement.select[0].expression is not None
    return statement.select[0].expression
