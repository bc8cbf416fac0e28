"""What a model said lately: raw outputs by input, bounded, the least recently used going first.

Outputs sit in one array a tensor and entries hold only a row number, so that a hit is a gather and memory is known in
advance. One cache belongs to one version of one model, which makes the version part of every key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Tensors = Mapping[str, "np.ndarray[Any, Any]"]
KEY_BYTES_MAX = 4096
"""Longer inputs are not kept: they seldom repeat, and a few would hold more memory than all others."""


class OutputCache:
    """At most `capacity` inputs with their outputs. Not thread-safe: its owner holds a lock."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._rows: OrderedDict[Any, int] = OrderedDict()
        self._store: dict[str, np.ndarray[Any, Any]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, keys: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """For each key the row to `gather`, or -1. Rows found become the most recently used."""
        if not self._rows:
            return np.full(len(keys), -1, dtype=np.int64)
        get, touch = self._rows.get, self._rows.move_to_end
        # A dictionary is the only exact index over strings, and it is asked once a distinct input.
        rows = [get(key, -1) for key in keys]
        for key, row in zip(keys, rows, strict=True):
            if row >= 0:
                touch(key)
        return np.array(rows, dtype=np.int64)

    def gather(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of the outputs at these rows."""
        return {name: values[rows] for name, values in self._store.items()}

    def put(self, keys: Sequence[Any], outputs: Tensors) -> None:
        """Remember the outputs of these keys, one row each; what is there already stays as it is."""
        chosen = self._worth_keeping(keys)
        if self._rows:
            chosen = np.array([i for i in chosen.tolist() if keys[i] not in self._rows], dtype=np.int64)
        if not len(chosen):
            return
        self._prepare(outputs)
        if not self._store:
            return
        rows = self._claim([keys[i] for i in chosen] if len(chosen) < len(keys) else keys)
        for name, values in outputs.items():
            self._store[name][rows] = values[chosen] if len(chosen) < len(keys) else values

    def clear(self) -> None:
        """Forget everything and free the memory."""
        self._rows.clear()
        self._store.clear()

    def _worth_keeping(self, keys: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Indices of the newest keys that fit, without the long ones."""
        if not keys:
            return np.empty(0, dtype=np.int64)
        chosen = np.arange(len(keys))
        measure = len if isinstance(keys[0], str) else _size  # keys of one cache are of one kind
        sizes = np.fromiter(map(measure, keys), dtype=np.int64, count=len(keys))
        if len(sizes) and sizes.max() > KEY_BYTES_MAX:
            chosen = chosen[sizes <= KEY_BYTES_MAX]
        return chosen[-self.capacity :]

    def _claim(self, keys: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """A row for each key, free ones first, then those of the least recently used."""
        held = len(self._rows)
        free = min(self.capacity - held, len(keys))
        evicted = [self._rows.popitem(last=False)[1] for _ in range(len(keys) - free)]
        rows = np.concatenate([np.arange(held, held + free), np.array(evicted, dtype=np.int64)])
        self._rows.update(zip(keys, rows.tolist(), strict=True))
        return rows

    def _prepare(self, outputs: Tensors) -> None:
        """Make room of the outputs' shape; another shape than before (a ragged output) empties the cache."""
        fits = all(
            name in self._store and self._store[name].shape[1:] == v.shape[1:] and self._store[name].dtype == v.dtype
            for name, v in outputs.items()
        )
        if not fits:
            self._rows.clear()
            self._store = {n: np.empty((self.capacity, *v.shape[1:]), dtype=v.dtype) for n, v in outputs.items()}


def _size(key: Any) -> int:
    if isinstance(key, str | bytes):
        return len(key)
    return sum(map(_size, key)) if isinstance(key, tuple) else 8
