"""The models that a query calls."""

from __future__ import annotations

from typing import Any

from .steps import Infer, QueryPlan


def models_called(plan: QueryPlan) -> list[Any]:
    """One for each call, in the order in which they are made (`ModelCall.model`)."""
    infers = [step for stage in plan.stages for step in stage.steps if isinstance(step, Infer)]
    return [call.model for step in infers for call, _ in step.calls]
