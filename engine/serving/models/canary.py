"""What becomes of a canary, worked out from what has been counted: pure, so that every case of it is a test.

What has been counted is kept in a file beside the models, so that a canary goes on counting after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ...inference.stats import ModelStats
from ...sql.catalog_models import Canary


@dataclass(frozen=True)
class Counts:
    """What a version has done. `rows`: those that it was asked, without NULLs; `calls` and `seconds`: of the framework."""

    rows: int = 0
    errors: int = 0
    calls: int = 0
    seconds: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def since(self, before: Counts) -> Counts:
        """What has come since; a version that was loaded anew counts from nought."""
        if self.rows < before.rows or self.calls < before.calls:
            return self
        return Counts(
            self.rows - before.rows,
            self.errors - before.errors,
            self.calls - before.calls,
            self.seconds - before.seconds,
        )


def counted(stats: ModelStats) -> Counts:
    """What counts of what a version has done in a process."""
    return Counts(stats.rows - stats.nulls, stats.errors, stats.model_calls, stats.model_seconds)


@dataclass(frozen=True)
class Watched:
    """What a canary has done so far: `done` altogether, `last` what each process said when it answered last."""

    canary: Canary
    done: Counts = Counts()
    last: Mapping[int, Counts] = field(default_factory=dict)

    def after(self, now: Mapping[int, Counts]) -> Watched:
        """With what the processes say now. One that says nothing has done nothing yet that counts."""
        come = [counts.since(self.last.get(process, Counts())) for process, counts in now.items()]
        return Watched(self.canary, sum(come, self.done), {**self.last, **now})


def write_watched(file: Path, watched: Mapping[str, Watched]) -> None:
    """Keep what canaries have done, whole or not at all."""
    made = {name: {"canary": asdict(one.canary), "done": asdict(one.done)} for name, one in watched.items()}
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(json.dumps(made))
    fresh.replace(file)


def read_watched(file: Path) -> dict[str, Watched]:
    """What was kept; processes that are started anew begin at nought."""
    if not file.exists():
        return {}
    kept = json.loads(file.read_text())
    return {name: Watched(Canary(**one["canary"]), Counts(**one["done"])) for name, one in kept.items()}


@dataclass(frozen=True)
class Verdict:
    """The end of a canary, and why."""

    promote: bool
    reason: str


def judge(canary: Canary, counts: Counts, now_ms: int, query_says_back: bool | None) -> Verdict | None:
    """None where it goes on. It is rolled back as soon as a limit is passed for good: an error rate, when even faultless
    rows up to AFTER could not bring it down; it is promoted when its time is over, enough rows have come, and its query could
    be asked (None: it could not).

    >>> canary = Canary("CHALLENGER", 10, until_ms=1000, rows_min=100, error_rate=0.05)
    >>> judge(canary, Counts(rows=50, errors=5), 10, False)
    >>> judge(canary, Counts(rows=50, errors=6), 10, False).promote
    False
    >>> judge(canary, Counts(rows=99), 1000, False)
    >>> judge(canary, Counts(rows=100), 1000, None)
    >>> judge(canary, Counts(rows=100), 1000, False).promote
    True
    """
    if query_says_back:
        return Verdict(False, "its query says so")
    rows = max(counts.rows, canary.rows_min, 1)
    if canary.error_rate is not None and counts.errors / rows > canary.error_rate:
        return Verdict(False, f"{counts.errors} of {counts.rows} rows failed")
    enough = counts.rows >= canary.rows_min
    if canary.latency_ms is not None and enough and counts.calls:
        mean_ms = 1000 * counts.seconds / counts.calls
        if mean_ms > canary.latency_ms:
            return Verdict(False, f"a call took {mean_ms:.1f} ms on average")
    if enough and query_says_back is not None and now_ms >= canary.until_ms:
        return Verdict(True, f"{counts.rows} rows within its limits, {counts.errors} failed")
    return None
