"""What a model version has done so far, in numbers: what DESCRIBE MODEL and the metrics show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields


@dataclass
class ModelStats:
    """What one model version has done: rows asked for, and of the distinct ones how many the cache and the model served.
    `model_seconds` is the framework's time, `glue_seconds` all the rest of `infer`; `loaded_bytes` is how much larger
    loading it has made the process that runs it, the engine's libraries with it where it was their first."""

    rows: int = 0
    nulls: int = 0
    distinct: int = 0
    cache_hits: int = 0
    model_rows: int = 0
    model_calls: int = 0
    errors: int = 0
    model_seconds: float = 0.0
    glue_seconds: float = 0.0
    load_seconds: float = 0.0
    loaded_bytes: int = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of distinct inputs that were remembered; None before the first."""
        return self.cache_hits / self.distinct if self.distinct else None

    @property
    def call_ms(self) -> float | None:
        """What a call of the model takes on average; None before the first."""
        return 1000 * self.model_seconds / self.model_calls if self.model_calls else None

    def add(self, other: ModelStats) -> None:
        """Count what one batch has done."""
        for part in _PARTS:
            setattr(self, part, getattr(self, part) + getattr(other, part))


_PARTS = tuple(part.name for part in fields(ModelStats))

Version = tuple[str, str]
"""A model's name and a version's number."""


def together(hosts: Iterable[Mapping[Version, ModelStats]]) -> dict[Version, ModelStats]:
    """What versions have done in all processes.

    >>> one = {("M", "1"): ModelStats(rows=2)}
    >>> together([one, one])["M", "1"].rows
    4
    """
    made: dict[Version, ModelStats] = {}
    for stats in hosts:
        for version, done in stats.items():
            made.setdefault(version, ModelStats()).add(done)
    return made
