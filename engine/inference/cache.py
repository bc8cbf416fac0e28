"""What a model said lately: raw outputs by input, bounded, what was not asked for long going first.

Two generations of rows, in one array a tensor: answers are written one behind another into the young one, and when it is
full the old one is forgotten whole and they change places; what is found in the old one is written into the young one
again. So a batch is remembered by one dictionary update and one copy of its rows, without a list kept in order of use.
One cache belongs to one version of one model, which makes the version part of every key.

Where inputs do not come again, to look for them and to keep their outputs costs more than a quick model: `rests` tells when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

Tensors = Mapping[str, "np.ndarray[Any, Any]"]
KEY_BYTES_MAX = 4096
"""Longer inputs are not kept: they seldom repeat, and a few would hold more memory than all others."""

LOOK_S = 5e-7
"""About what it takes to look for an input and to keep its outputs."""
WINDOW_MIN = 4096
REST_S = 10.0


@dataclass
class Payoff:
    """Whether a cache pays. Counted over as many inputs as it holds: with fewer hits than those looks have cost it rests for
    three times as long as they took, and for ten seconds at most, so that inputs that begin to come again are found."""

    window: int
    begun: float | None = None
    until: float = 0.0
    asked: int = 0
    hits: int = 0

    def count(self, asked: int, hits: int) -> None:
        """So many inputs were looked for, so many found."""
        self.asked += asked
        self.hits += hits

    def rests(self, now: float, row_seconds: float) -> bool:
        """Whether it is to be left alone now (a monotonic time), where the model takes `row_seconds` an input."""
        if now < self.until:
            return True
        if self.begun is None:
            self.begun = now
        if self.asked < self.window:
            return False
        pays = (self.hits + 1) * row_seconds >= self.asked * LOOK_S
        self.until = now if pays else now + min(3 * (now - self.begun), REST_S)
        self.begun, self.asked, self.hits = self.until, 0, 0
        return not pays


class OutputCache:
    """At most `capacity` inputs (an even number) with their outputs, the half of them that were asked last among them. Not
    thread-safe: its owner holds a lock."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity + capacity % 2
        self._half = self.capacity // 2
        self._young: dict[Any, int] = {}
        self._old: dict[Any, int] = {}
        self._start = self._used = 0
        self._store: dict[str, np.ndarray[Any, Any]] = {}
        self._payoff = Payoff(max(self.capacity, WINDOW_MIN))

    def rests(self, now: float, row_seconds: float) -> bool:
        """Whether inputs are better asked straight away (`Payoff`), as always where it holds none."""
        return self.capacity == 0 or self._payoff.rests(now, row_seconds)

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def __contains__(self, key: Any) -> bool:
        return key in self._young or key in self._old

    def find(self, keys: Sequence[Any]) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], dict[str, np.ndarray[Any, Any]]]:
        """For each key whether it is known, and, where one is, the outputs: a row a key, of no meaning where it is not."""
        # A dictionary is the only exact index over strings, and it is asked once a distinct input.
        rows = list(map(self._young.get, keys, repeat(-1)))
        again = []
        if not self._old.keys().isdisjoint(keys):
            again = [i for i, row in enumerate(rows) if row < 0 and keys[i] in self._old]
        for place in again:
            rows[place] = self._old[keys[place]]
        places = np.array(rows, dtype=np.int64)
        known = places >= 0
        self._payoff.count(len(keys), int(known.sum()))
        if not known.any():
            return known, {}
        outputs = {name: values[np.maximum(places, 0)] for name, values in self._store.items()}
        if again:
            self._add([keys[i] for i in again], {name: values[again] for name, values in outputs.items()})
        return known, outputs

    def put(self, keys: Sequence[Any], outputs: Tensors) -> None:
        """Remember the outputs of these keys, one row each; a key that was there has the new ones."""
        chosen = self._worth_keeping(keys)
        if not len(chosen) or not outputs:
            return
        self._prepare(outputs)
        some = len(chosen) < len(keys)
        self._add(
            [keys[i] for i in chosen] if some else keys, {n: v[chosen] if some else v for n, v in outputs.items()}
        )

    def clear(self) -> None:
        """Forget everything and free the memory."""
        self._young, self._old = {}, {}
        self._start = self._used = 0
        self._store.clear()

    def _worth_keeping(self, keys: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Indices of the newest keys that fit, without the long ones."""
        if not keys:
            return np.empty(0, dtype=np.int64)
        chosen = np.arange(len(keys))
        if isinstance(keys[0], int | float):
            return chosen[-self.capacity :]
        measure = len if isinstance(keys[0], str | bytes) else _size  # keys of one cache are of one kind
        sizes = np.fromiter(map(measure, keys), dtype=np.int64, count=len(keys))
        if len(sizes) and sizes.max() > KEY_BYTES_MAX:
            chosen = chosen[sizes <= KEY_BYTES_MAX]
        return chosen[-self.capacity :]

    def _add(self, keys: Sequence[Any], outputs: Tensors) -> None:
        """Write rows behind the young generation's last, a generation after the other."""
        done = 0
        while done < len(keys):
            if self._used == self._half:
                self._young, self._old = {}, self._young
                self._start, self._used = self._half - self._start, 0
            count = min(len(keys) - done, self._half - self._used)
            first = self._start + self._used
            self._young.update(zip(keys[done : done + count], range(first, first + count), strict=True))
            for name, values in outputs.items():
                self._store[name][first : first + count] = values[done : done + count]
            self._used += count
            done += count

    def _prepare(self, outputs: Tensors) -> None:
        """Make room of the outputs' shape; another shape than before (a ragged output) empties the cache."""
        fits = all(
            name in self._store and self._store[name].shape[1:] == v.shape[1:] and self._store[name].dtype == v.dtype
            for name, v in outputs.items()
        )
        if not fits:
            self.clear()
            self._store = {n: np.empty((self.capacity, *v.shape[1:]), dtype=v.dtype) for n, v in outputs.items()}


def _size(key: Any) -> int:
    if isinstance(key, str | bytes):
        return len(key)
    return sum(map(_size, key)) if isinstance(key, tuple) else 8
