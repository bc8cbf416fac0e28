"""No case of ksqlDB's that passed may fail again."""

import pytest

from .ratchet import CONFORMANCE, PASSING_REST, REST_CASES, compare, listed, prefix, run_cases
from .rest import run_rest_cases


def test_what_is_lost_and_gained():
    verdicts = {"a": None, "b": "wrong", "c": None, "d": "wrong"}
    found = compare(verdicts, {prefix("a"), prefix("b")})
    assert found.lost == (f"{prefix('b')} b: wrong",)
    assert found.gained == (prefix("c"),)


def test_the_list_is_in_order_and_names_each_case_once():
    names = list(listed())
    assert len(names) > 1000
    assert all(len(name) == 12 for name in names)


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="ksqlDB's cases are not here")
def test_no_case_is_lost():
    found = compare(run_cases(), listed())
    if found.gained:
        print(f"{len(found.gained)} more pass: add them with python -m tests.conformance.ratchet --update")
    assert not found.lost


@pytest.mark.slow  # a server a case: minutes
@pytest.mark.skipif(not CONFORMANCE.exists(), reason="ksqlDB's cases are not here")
def test_no_case_of_the_rest_interface_is_lost():
    assert not compare(run_rest_cases(REST_CASES), listed(PASSING_REST)).lost
