"""The cache of outputs: what was asked lately is there, memory is bounded, and no key gets another's row."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mergus.engine.inference.cache import LOOK_S, REST_S, OutputCache, Payoff


def rows(keys: list[int]) -> dict[str, np.ndarray]:
    return {"y": np.array([[key, -key] for key in keys], dtype=np.int64).reshape(-1, 2)}


@given(st.integers(1, 9), st.lists(st.lists(st.integers(0, 12), unique=True, max_size=15), max_size=12))
def test_a_key_has_its_own_outputs_however_keys_come_and_go(capacity: int, batches: list[list[int]]) -> None:
    cache = OutputCache(capacity)
    for batch in batches:
        known, outputs = cache.find(batch)
        if known.any():
            assert outputs["y"][known].tolist() == [[k, -k] for k, hit in zip(batch, known, strict=True) if hit]
        fresh = [key for key, hit in zip(batch, known, strict=True) if not hit]
        cache.put(fresh, rows(fresh))
        assert len(cache) <= cache.capacity <= capacity + 1


@given(st.integers(1, 9), st.lists(st.integers(0, 12), max_size=40))
def test_the_half_that_was_asked_last_is_there(capacity: int, keys: list[int]) -> None:
    cache = OutputCache(capacity)
    for key in keys:
        if not cache.find([key])[0][0]:
            cache.put([key], rows([key]))
    for key in list(dict.fromkeys(reversed(keys)))[: cache.capacity // 2]:
        assert key in cache


def test_a_key_put_twice_has_the_newer_outputs_and_harms_no_other() -> None:
    cache = OutputCache(4)
    cache.put([1], rows([1]))
    cache.put([1, 2], rows([7, 2]))
    assert cache.find([1, 2])[1]["y"].tolist() == [[7, -7], [2, -2]]


def test_outputs_of_another_shape_empty_it() -> None:
    cache = OutputCache(4)
    cache.put([1], rows([1]))
    cache.put([2], {"y": np.zeros((1, 3), dtype=np.int64)})
    assert cache.find([1, 2])[0].tolist() == [False, True]


QUICK = 20 * LOOK_S  # seconds that a model takes an input


def test_a_cache_that_finds_nothing_for_a_quick_model_rests_for_three_times_as_long_as_it_looked() -> None:
    payoff = Payoff(1000)
    assert not payoff.rests(5.0, QUICK)
    payoff.count(999, 0)
    assert not payoff.rests(6.0, QUICK)
    payoff.count(1, 0)
    assert payoff.rests(7.0, QUICK)
    assert payoff.rests(12.9, QUICK)
    assert not payoff.rests(13.0, QUICK)
    payoff.count(1000, 100)  # now inputs come again
    assert not payoff.rests(14.0, QUICK)
    assert not payoff.rests(15.0, QUICK)


def test_how_many_hits_a_cache_must_have_depends_on_what_one_saves() -> None:
    for hits, seconds, rests in (
        (48, QUICK, True),
        (49, QUICK, False),
        (0, 999 * LOOK_S, True),
        (0, 1000 * LOOK_S, False),
    ):
        payoff = Payoff(1000)
        payoff.rests(0.0, seconds)
        payoff.count(1000, hits)
        assert payoff.rests(1.0, seconds) is rests, (hits, seconds)


def test_a_cache_never_rests_for_long() -> None:
    payoff = Payoff(1000)
    payoff.rests(0.0, QUICK)
    payoff.count(1000, 0)
    assert payoff.rests(3600.0, QUICK)
    assert not payoff.rests(3600.0 + REST_S, QUICK)
