"""Drift's arithmetic, against what is known of the distributions."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.inference.monitoring.drift import METRICS, added, distances, summary_of
from mergus.engine.inference.monitoring.monitor import Monitors


def between(reference: pa.Array, window: pa.Array) -> dict[str, float]:
    known = summary_of(reference)
    return distances(known, summary_of(window, edges=known.get("edges")), METRICS)


def normal(mean: float, rows: int = 5000) -> pa.Array:
    return pa.array(np.random.default_rng(int(mean * 10) + rows).normal(mean, 1.0, rows))


def test_numbers_that_have_not_moved_are_near_and_moved_ones_far() -> None:
    near, far = between(normal(0), normal(0, 4000)), between(normal(0), normal(1, 4000))
    assert near["psi"] < 0.02
    assert near["ks"] < 0.05
    assert far["psi"] > 0.5
    assert far["ks"] == pytest.approx(0.383, abs=0.03)  # of two normal distributions, a deviation apart
    assert "new_cluster_rate" not in far


def test_texts_and_cluster_numbers_are_counted_by_value() -> None:
    found = between(pa.array(["a"] * 50 + ["b"] * 50), pa.array(["a"] * 45 + ["b"] * 45 + ["c"] * 10 + [None]))
    assert found["new_cluster_rate"] == pytest.approx(0.1)
    assert 0.5 < found["psi"] < 1
    assert between(pa.array([1, 2, 2, 3]), pa.array([3, 4, 5, 1]))["new_cluster_rate"] == 0.5


@pytest.mark.parametrize("value", [5.0, 15.0, float(np.nextafter(10.0, 0.0))])
def test_what_leaves_a_value_that_was_constant_is_far(value: float) -> None:
    still = pa.array([10.0] * 500)
    assert between(still, pa.array([10.0] * 50)) == {"psi": 0, "ks": 0}
    assert between(still, pa.array([value] * 50))["ks"] == 1
    mostly = pa.concat_arrays([pa.array([0.0] * 600), pa.array(np.linspace(1, 2, 400))])
    assert between(mostly, pa.array([-1.0] * 50))["ks"] == pytest.approx(1)
    assert between(mostly, mostly) == {"psi": 0, "ks": 0}


def test_vectors_by_their_mean() -> None:
    kind = pa.list_(pa.float32(), 2)
    reference = pa.array([[1, 0], [1, 0.2]], kind)
    assert between(reference, reference)["centroid"] == pytest.approx(0, abs=1e-9)
    assert between(reference, pa.array([[-0.1, 1], [0.1, 1]], kind))["centroid"] > 0.8


def test_parts_of_a_window_add_up() -> None:
    known = summary_of(normal(0))
    one, other = normal(0, 300), normal(1, 500)
    parts = added(summary_of(one, edges=known["edges"]), summary_of(other, edges=known["edges"]))
    assert parts == summary_of(pa.concat_arrays([one, other]), edges=known["edges"])


def test_nothing_to_compare_gives_nothing() -> None:
    assert between(pa.array([], pa.float64()), normal(0)) == {}
    assert between(normal(0), pa.array([None, None], pa.float64())) == {}
    assert distances(summary_of(normal(0)), summary_of(normal(0)), ("psi",)).keys() == {"psi"}


def test_a_window_is_told_when_its_time_is_over_version_by_version() -> None:
    told: list[dict[str, Any]] = []
    now = [1_005]
    monitors = Monitors(lambda topic, records: told.extend(json.loads(r) for r in records), lambda: now[0])
    reference = {"X": summary_of(pa.array([float(i % 100) for i in range(1000)]))}
    monitor = {"reference": reference, "metrics": ["ks"], "window_ms": 1000, "threshold": 0.2, "topic": "t"}
    for version, shift in ((1, 0), (2, 50), (1, 0)):
        monitors.see("M", version, monitor, [("X", pa.array([float(i + shift) for i in range(100)])), ("Y", normal(0))])
    now[0] = 1_999
    monitors.end_windows()
    assert told == []
    now[0] = 2_000
    monitors.end_windows()
    assert [(r["VERSION"], r["COLUMN_NAME"], r["DRIFTED"], r["ROWS_SEEN"]) for r in told] == [
        (1, "X", False, 200),
        (2, "X", True, 100),
    ]
    assert (told[0]["WINDOW_START"], told[0]["WINDOW_END"]) == (1000, 2000)


def test_a_monitor_that_is_set_anew_begins_a_window_of_its_own() -> None:
    told: list[dict[str, Any]] = []
    now = [1_005]
    monitors = Monitors(lambda topic, records: told.extend(json.loads(r) for r in records), lambda: now[0])
    usual = pa.array([float(i) for i in range(100)])
    for reference in (pa.array([1.0, 2.0, 3.0]), usual):
        counted = {"X": summary_of(reference)}
        monitor = {"reference": counted, "metrics": ["ks"], "window_ms": 1000, "threshold": 0.2, "topic": "t"}
        monitors.see("M", 1, monitor, [("X", usual)])
    now[0] = 2_000
    monitors.end_windows()
    assert [(r["DRIFTED"], r["ROWS_SEEN"]) for r in told] == [(False, 100)]
