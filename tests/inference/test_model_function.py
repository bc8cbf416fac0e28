"""The public declaration of a model function."""

from __future__ import annotations

import pytest

import mergus
from mergus.engine.errors import ParseError, UserError
from mergus.engine.sql.functions import ModelCall
from mergus.engine.sql.types import STRING, Vector


def test_a_declaration_reads_types_and_touches_no_file() -> None:
    function = mergus.model_function("f", artefact="not/there", inputs={"text": "VARCHAR"}, output="FLOAT[3]")
    assert dict(function.inputs) == {"text": STRING}
    assert function.output == Vector(3)


def test_it_becomes_a_function_that_the_planner_hoists() -> None:
    function = mergus.model_function("score", artefact="x", inputs={"a": "INT", "b": "STRING"}, output="DOUBLE")
    entry = function.sql_function()
    assert entry.name == "SCORE"
    (overload,) = entry.overloads
    assert len(overload.params) == 2
    assert isinstance(overload.implementation, ModelCall)
    assert overload.implementation.model is function


def test_what_cannot_be_declared() -> None:
    with pytest.raises(ParseError):
        mergus.model_function("f", artefact="x", inputs={"a": "STRINGS"}, output="INT")
    with pytest.raises(UserError, match="no inputs"):
        mergus.model_function("f", artefact="x", inputs={}, output="INT")
    with pytest.raises(UserError, match="batch sizes"):
        mergus.model_function("f", artefact="x", inputs={"a": "INT"}, output="INT", batch_sizes=[0])


def test_a_missing_artefact_is_said_at_first_use() -> None:
    function = mergus.model_function("f", artefact="not/there", inputs={"text": "STRING"}, output="STRING")
    with pytest.raises(UserError, match="does not exist"):
        function(["x"])
