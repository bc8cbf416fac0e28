"""The examples in docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import mergus.engine
import mergus.udfs

MODULES = [m.name for p in (mergus.engine, mergus.udfs) for m in pkgutil.walk_packages(p.__path__, f"{p.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0
