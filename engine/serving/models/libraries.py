"""Whether the libraries of the models that a query calls are installed: said of its statement, before any row."""

from __future__ import annotations

from ...inference.model_function import ModelFunction
from ...inference.providers.registry import check_installed
from ...plan.physical.calls import models_called
from ...plan.physical.steps import QueryPlan


def check_libraries(plan: QueryPlan) -> None:
    """Raise UserError where one is not. A model of CREATE MODEL has been run there."""
    for model in models_called(plan):
        if isinstance(model, ModelFunction):
            check_installed(model.name.upper(), model.provider)
