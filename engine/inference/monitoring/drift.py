"""Drift: how far what a model is asked, and what it answers, has moved from a reference. Pure arithmetic over columns.

A column of numbers is cut at the reference's hundredths, so that a window needs a hundred counts whatever its size: PSI is
taken over tenths of them, KS over all edges. Texts and whole numbers are counted by value (PSI; the share of values that the
reference does not have), vectors by their mean (the cosine distance of the means).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

METRICS = ("psi", "ks", "centroid", "new_cluster_rate")
CELLS = 100
VALUES_MAX = 10_000
"""So many values of a column are told apart."""
_FLOOR = 1e-4
"""The share that an empty bin counts as: the logarithm of nought is none."""
Summary = Mapping[str, Any]


def summary_of(column: pa.Array, *, edges: list[float] | None = None) -> dict[str, Any]:
    """A column counted, NULLs left out; `edges`: the reference's, where it is to be compared with one."""
    column = column.drop_null()
    kind = column.type
    made: dict[str, Any] = {"rows": len(column)}
    if pa.types.is_fixed_size_list(kind):
        matrix = np.asarray(column.flatten(), dtype=np.float64).reshape(len(column), kind.list_size)
        return made | {"sum": matrix.sum(axis=0).tolist()}
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        values = np.asarray(column, dtype=np.float64)
        values = values[np.isfinite(values)]
        if edges is None:
            edges = _edges(values) if len(values) else []
        cells = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        made |= {"rows": len(values), "edges": edges, "cells": cells.tolist()}
    if pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_boolean(kind):
        counts = pc.value_counts(column.cast(pa.string())).to_pylist()
        made["values"] = dict(Counter({c["values"]: c["counts"] for c in counts}).most_common(VALUES_MAX))
    return made


def _edges(values: np.ndarray[Any, Any]) -> list[float]:
    """Where a reference's values are cut, each edge the last of its cell; a value that fills hundredths alone is a cell of its
    own, so that what comes to lie below it is told apart.

    >>> _edges(np.array([5.0, 5.0, 5.0])) == [math.nextafter(5.0, 0.0), 5.0]
    True
    """
    hundredths = np.quantile(values, np.linspace(0, 1, CELLS + 1)[1:-1])
    alone = hundredths[1:][np.diff(hundredths) == 0]
    made: list[float] = np.unique([*hundredths, *np.nextafter(alone, -np.inf)]).tolist()
    return made


def added(one: Summary, other: Summary) -> dict[str, Any]:
    """Two summaries of a column with the same edges as one."""
    made: dict[str, Any] = {**one, "rows": one["rows"] + other["rows"]}
    for part in ("sum", "cells"):
        if part in one:
            made[part] = [a + b for a, b in zip(one[part], other[part], strict=True)]
    if "values" in one:
        made["values"] = dict((Counter(one["values"]) + Counter(other["values"])).most_common(VALUES_MAX))
    return made


def distances(reference: Summary, window: Summary, metrics: tuple[str, ...]) -> dict[str, float]:
    """What of `metrics` a column has."""
    if not reference["rows"] or not window["rows"]:
        return {}
    made: dict[str, float] = {}
    if "cells" in reference:
        wanted, found = _shares(reference["cells"]), _shares(window["cells"])
        made["psi"] = psi(_tenths(wanted), _tenths(found))
        made["ks"] = float(np.abs(np.cumsum(wanted) - np.cumsum(found)).max())
    if "sum" in reference:
        made["centroid"] = _cosine_distance(reference["sum"], window["sum"])
    if "values" in reference:
        new = sum(count for value, count in window["values"].items() if value not in reference["values"])
        made["new_cluster_rate"] = new / window["rows"]
        if "cells" not in reference:
            names = sorted({*reference["values"], *window["values"]})
            counts = [[s["values"].get(n, 0) for n in names] for s in (reference, window)]
            made["psi"] = psi(_shares(counts[0]), _shares(counts[1]))
    return {name: value for name, value in made.items() if name in metrics}


def psi(wanted: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> float:
    """The population stability index: below 0.1 nothing has moved, above 0.2 much has.

    >>> round(psi(np.array([0.5, 0.5]), np.array([0.5, 0.5])), 3), round(psi(np.array([0.5, 0.5]), np.array([0.9, 0.1])), 3)
    (0.0, 0.879)
    """
    p, q = np.maximum(wanted, _FLOOR), np.maximum(found, _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def _shares(counts: list[int]) -> np.ndarray[Any, Any]:
    whole: np.ndarray[Any, Any] = np.asarray(counts, dtype=np.float64)
    shares: np.ndarray[Any, Any] = whole / max(1.0, float(whole.sum()))
    return shares


def _tenths(shares: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Neighbouring cells together, ten where there are so many."""
    return np.array([part.sum() for part in np.array_split(shares, min(10, len(shares)))])


def _cosine_distance(one: list[float], other: list[float]) -> float:
    a, b = np.asarray(one), np.asarray(other)
    length = math.sqrt(float(a @ a) * float(b @ b))
    return 1.0 - float(a @ b) / length if length else 0.0
