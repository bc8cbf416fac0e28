"""What a model version has done so far, in numbers: what DESCRIBE MODEL and the metrics show."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class ModelStats:
    """What one model version has done: rows asked for, and of the distinct ones how many the cache and the model served.
    `model_seconds` is the framework's time, `glue_seconds` all the rest of `infer`."""

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

    def add(self, other: ModelStats) -> None:
        """Count what one batch has done."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))
