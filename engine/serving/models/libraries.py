"""Whether the libraries of the models that a query calls are installed: said of its statement, before any row."""

from __future__ import annotations

from ...inference.model_function import ModelFunction
from ...inference.providers.registry import check_installed
from ...plan.physical.steps import Infer, QueryPlan


def check_libraries(plan: QueryPlan) -> None:
    """Raise UserError where one is not. A model of CREATE MODEL has been run there."""
    steps = [step for stage in plan.stages for step in stage.steps if isinstance(step, Infer)]
    for model in (call.model for step in steps for call, _ in step.calls):
        if isinstance(model, ModelFunction):
            check_installed(model.name.upper(), model.provider)
