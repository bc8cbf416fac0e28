"""Plans of pull queries: one of a shape that was asked twice before is neither read nor planned again.

What is known holds for one catalog and one registry of functions; both are replaced when they change, and then all is
forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...plan.analysis.predictions import expand_predictions
from ...plan.pull.plan import PullPlan, plan_pull
from ...plan.pull.shapes import CONSTANTS_MAX, PullShape, constants_of, shape_of
from ...sql.parser.parse import parse_statement
from ...sql.statements.statement import Query

if TYPE_CHECKING:
    from ..engine import Engine

SHAPES_MAX = 1_000


class PullPlans:
    """Of one engine. Methods may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made_for = (engine.catalog, engine.registry)
        self._shapes: dict[str, PullShape | None] = {}
        self._seen: set[str] = set()

    def known(self, text: str) -> PullPlan | None:
        """The plan of a statement whose shape is known."""
        if not self._shapes or not self._current():
            return None
        shape, values = constants_of(text)
        known = self._shapes.get(shape)
        return None if known is None else known.filled(values)

    def plan(self, query: Query, text: str) -> PullPlan:
        """The plan of a pull query over a table, read from `text`."""
        made = plan_pull(query, self._engine.catalog, self._engine.registry)
        self._note(text)
        return made

    def _note(self, text: str) -> None:
        if not self._current() or len(self._seen) >= SHAPES_MAX:
            self._seen, self._shapes = set(), {}
        shape, values = constants_of(text)
        if len(values) > CONSTANTS_MAX:
            return
        if shape not in self._seen:
            self._seen.add(shape)  # most statements are asked once
        elif shape not in self._shapes:
            self._shapes[shape] = shape_of(text, self._planned)

    def _current(self) -> bool:
        now = (self._engine.catalog, self._engine.registry)
        if now[0] is self._made_for[0] and now[1] is self._made_for[1]:
            return True
        self._seen, self._shapes, self._made_for = set(), {}, now
        return False

    def _planned(self, text: str) -> PullPlan:
        catalog, registry = self._engine.catalog, self._engine.registry
        query = parse_statement(text, catalog.types)
        assert isinstance(query, Query)
        return plan_pull(expand_predictions(query, catalog, registry), catalog, registry)
