"""A model loaded by the repository extension of the Open Inference Protocol: CREATE OR REPLACE MODEL, in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import UserError
from ..connection.models import Models
from ..session import Session
from .keeper import watched_text

if TYPE_CHECKING:
    from ..engine import Engine

_CLAUSES = ("inputs", "outputs", "before", "after")


def load(engine: Engine, session: Session, name: str, parameters: Any) -> str:
    """What is said of the version that is added: by `parameters`, the properties of WITH and, as objects by column, the
    clauses; without them again from where the last one came. Raises what the statement raises."""
    if not isinstance(parameters, dict):
        raise UserError("'parameters' is a JSON object")
    given = {str(n).lower(): value for n, value in parameters.items()}
    if not given:
        folded = name if name in engine.catalog.models else name.upper()
        latest = engine.catalog.model(folded, None).versions[-1]
        (done,) = engine.execute(watched_text(folded, latest), session)
        return str(getattr(done, "message", ""))
    for clause in _CLAUSES:
        columns = given.get(clause, {})
        if not isinstance(columns, dict) or not all(isinstance(v, str) for v in columns.values()):
            raise UserError(f"'{clause}' is an object of texts by column")
    plain = {n: v for n, v in given.items() if n not in _CLAUSES}
    if wrong := next((n for n, v in plain.items() if n == "name" or not isinstance(v, str | int | float)), None):
        raise UserError(f"'{wrong}' is no property with a text, a number, true or false")
    for needed in ("provider", "path"):
        if needed not in given:
            raise UserError(f"'parameters' has no '{needed}'")
    models = Models(lambda sql: list(engine.execute(sql, session)))
    return models.create(name, **{**given, "replace": True})
