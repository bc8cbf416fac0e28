"""The examples in the planner's docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import mergus.engine.plan

MODULES = [m.name for m in pkgutil.walk_packages(mergus.engine.plan.__path__, "mergus.engine.plan.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0
