"""Monitors: what models are asked and answer, counted a window at a time and compared with a reference, beside the batches.

Windows are of the clock's time, in each process that runs the model; one ends with the first batch behind it, or when
nothing comes for a second. Every version has its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ...sql.types import SqlType, Struct
from ..arrays import parts_of
from .drift import added, distances, summary_of
from .shadow import Write

Named = Sequence[tuple[str, pa.Array]]


@dataclass
class _Window:
    """One model version's, under way."""

    start_ms: int
    monitor: Mapping[str, Any]
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)


class Monitors:
    """The windows of one process. Used by one thread."""

    def __init__(self, write: Write, now_ms: Callable[[], int]) -> None:
        self._write = write
        self._now_ms = now_ms
        self._windows: dict[tuple[str, int], _Window] = {}

    def see(self, model: str, version: int, monitor: Mapping[str, Any], columns: Named) -> None:
        """Count a batch that `version` has answered."""
        self.end_windows()
        now = self._now_ms()
        start_ms = now - now % monitor["window_ms"]
        window = self._windows.setdefault((model, version), _Window(start_ms, monitor))
        if window.monitor != monitor:  # set anew: what was counted cannot be compared with another reference
            window = self._windows[model, version] = _Window(start_ms, monitor)
        for name, column in columns:
            reference = monitor["reference"].get(name)
            if reference is not None:
                counted = summary_of(column, edges=reference.get("edges"))
                known = window.columns.get(name)
                window.columns[name] = counted if known is None else added(known, counted)

    def end_windows(self) -> None:
        """Tell of the windows whose time is over."""
        for key, window in list(self._windows.items()):
            if self._now_ms() >= window.start_ms + window.monitor["window_ms"]:
                del self._windows[key]
                records = list(_records(*key, window))
                if records:
                    self._write(window.monitor["topic"], records)


def _records(model: str, version: int, window: _Window) -> Sequence[bytes]:
    monitor, made = window.monitor, []
    for name, counted in window.columns.items():
        for metric, value in distances(monitor["reference"][name], counted, tuple(monitor["metrics"])).items():
            body = {
                "MODEL": model,
                "VERSION": version,
                "COLUMN_NAME": name,
                "METRIC": metric,
                "VALUE": value,
                "DRIFTED": value > monitor["threshold"],
                "ROWS_SEEN": counted["rows"],
                "WINDOW_START": window.start_ms,
                "WINDOW_END": window.start_ms + monitor["window_ms"],
            }
            made.append(json.dumps(body).encode())
    return made


def watched_columns(
    inputs: Sequence[tuple[str, SqlType]], output: SqlType, columns: Sequence[pa.Array], values: pa.Array
) -> Named:
    """A model's inputs by name, and its answers' parts as `output_names` calls them."""
    names = [*(name for name, _ in inputs), *output_names(output)]
    return list(zip(names, [*columns, *parts_of(values)], strict=True))


def output_names(output: SqlType) -> list[str]:
    """What the outputs of a call are called in records: `OUTPUT`, or `OUTPUT.FIELD` each."""
    return [f"OUTPUT.{name}" for name, _ in output.fields] if isinstance(output, Struct) else ["OUTPUT"]
