"""Types are compared by identity wherever a plan goes."""

import pickle

import cloudpickle
import pytest

from mergus.engine.sql import types
from mergus.engine.sql.types import Array, Scalar

CONSTANTS = [value for value in vars(types).values() if isinstance(value, Scalar)]


@pytest.mark.parametrize("constant", CONSTANTS, ids=str)
@pytest.mark.parametrize("way", [pickle, cloudpickle])
def test_a_constant_that_was_sent_to_another_process_is_the_constant(constant, way):
    assert way.loads(way.dumps(constant)) is constant
    assert way.loads(way.dumps(Array(constant))).item is constant
