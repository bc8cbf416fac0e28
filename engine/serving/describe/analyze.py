"""EXPLAIN ANALYZE: a running query's plan, with what each stage and operator has done since it started.

Counts are of all workers together. Time is that of the calls themselves, so that shares of it say where a query's work
goes; waiting for records, commits and deliveries are none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...operators.measured import DECODE, ENCODE, EXCHANGE, STAGE, Measured
from ...plan.explain import explain
from ...plan.physical.steps import Edge, Infer, QueryPlan
from ...runtime.telemetry.metrics import QueryMetrics
from ..results import Listing


class Analysis:
    """What is known of one query's work."""

    def __init__(self, plan: QueryPlan, metrics: QueryMetrics) -> None:
        self._plan = plan
        self._metrics = metrics
        self._last = len(plan.stages) - 1
        places = [(0, DECODE), *((n, EXCHANGE) for n in range(self._last)), (self._last, ENCODE)]
        operators = [(n, step.output) for n, stage in enumerate(plan.stages) for step in stage.steps]
        self.parts = {place: metrics.part(*place) for place in [*places, *operators]}
        known = {place for parts in metrics.parts.values() for place in parts}
        self._fused = {place for place in operators if known and place not in known}
        self.functions = {place: metrics.part(*place) for place in metrics.functions()}  # inside of the parts
        self.stages = [metrics.part(n, STAGE) for n in range(len(plan.stages))]
        self.seconds = sum(part.seconds for part in self.parts.values())
        infers = [(n, s.output) for n, stage in enumerate(plan.stages) for s in stage.steps if isinstance(s, Infer)]
        self.model_share = self.share(sum(self.parts[place].seconds for place in infers))

    def share(self, seconds: float) -> float:
        """Of all time, between 0 and 1."""
        return seconds / self.seconds if self.seconds else 0.0

    def waiting(self, stage: int) -> int:
        """Rows that have been sent to a stage and not been worked on; of the first, records not read."""
        if stage == 0:
            return self._metrics.lag_records
        return max(0, self._metrics.part(stage - 1, EXCHANGE).rows_in - self.stages[stage].rows_in)

    # ------------------------------------------------------------------------------------------------------- for people
    def text(self) -> str:
        """The plan with notes, below a line of the whole."""
        metrics = self._metrics
        whole = (
            f"{metrics.rows_in:,} records read, {metrics.rows_out:,} written, {metrics.rows_late:,} late,"
            f" {metrics.rows_bad:,} bad;"
            f" lag {metrics.lag_records:,} records; state {_bytes(metrics.state_bytes)};"
            f" {_time(self.seconds)} at work, {self.model_share:.0%} of it models"
        )
        return f"{whole}\n\n{explain(self._plan, self._notes)}"

    def _notes(self, stage: int, edge: Edge | None) -> Sequence[str]:
        if (stage, edge) in self._fused:
            return ["in one call with the next"]
        if edge is not None:
            return [self._told(self.parts[(stage, edge)])]
        done, waiting = self.stages[stage], self.waiting(stage)
        state = sum(part.state_rows for (n, _), part in self.parts.items() if n == stage)
        lines = [f"{self._told(done)}; waiting {waiting:,}; state {state:,} rows"]
        for name, place in (("decode", (0, DECODE)), ("exchange", (stage, EXCHANGE)), ("encode", (stage, ENCODE))):
            part = self.parts.get(place) if place[0] == stage else None
            lines += [] if part is None else [f"{name}: {self._told(part)}"]
        return lines + [f"in {name}: {self._called(done)}" for (n, name), done in self.functions.items() if n == stage]

    def _called(self, done: Measured) -> str:
        calls = f"{done.batches:,} calls" if done.batches > 1 else "1 call"
        return f"{done.rows_in:,} rows, {calls}, {_time(done.seconds)} ({self.share(done.seconds):.0%})"

    def _told(self, part: Measured) -> str:
        if not part.batches:
            return "no rows yet"
        mean = part.rows_in / part.batches
        rows = f"{part.rows_in:,} → {part.rows_out:,} rows" if part.rows_out else f"{part.rows_in:,} rows"
        kept = f", {part.state_rows:,} rows kept" if part.state_rows else ""
        several = f"{part.batches:,} batches of {mean:,.0f} (largest {part.rows_max:,})"
        batches = several if part.batches > 1 else "1 batch"
        return (
            f"{rows}, {_bytes(part.bytes_in)}, {batches}{kept}, {_time(part.seconds)} ({self.share(part.seconds):.0%})"
        )

    # ----------------------------------------------------------------------------------------------------- for programs
    def _name(self, edge: int) -> str:
        names = {DECODE: "decode", ENCODE: "encode", EXCHANGE: "exchange"}
        if edge in names:
            return names[edge]
        steps = (step for stage in self._plan.stages for step in stage.steps)
        return f"e{edge} {next(type(step).__name__ for step in steps if step.output == edge)}"

    def body(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "milliseconds": round(self.seconds * 1000, 3),
            "modelShare": round(self.model_share, 4),
            "lagRecords": self._metrics.lag_records,
            "stateBytes": self._metrics.state_bytes,
            "stages": [{"stage": n, "waiting": self.waiting(n), **self._figures(s)} for n, s in enumerate(self.stages)],
            "parts": [
                {"stage": stage, "part": self._name(edge), **self._figures(part)}
                for (stage, edge), part in sorted(self.parts.items(), key=lambda p: (p[0][0], _order(p[0][1])))
                if (stage, edge) not in self._fused
            ],
            "functions": [
                {"stage": stage, "function": name, **self._counted(done)}
                for (stage, name), done in self.functions.items()
            ],
        }

    def _counted(self, done: Measured) -> dict[str, Any]:
        figures = self._figures(done)
        return {
            "rows": done.rows_in,
            "calls": done.batches,
            **{name: figures[name] for name in ("milliseconds", "share")},
        }

    def _figures(self, part: Measured) -> dict[str, Any]:
        return {
            "rowsIn": part.rows_in,
            "rowsOut": part.rows_out,
            "bytesIn": part.bytes_in,
            "batches": part.batches,
            "largestBatch": part.rows_max,
            "stateRows": part.state_rows,
            "milliseconds": round(part.seconds * 1000, 3),
            "share": round(self.share(part.seconds), 4),
        }


def analyzed(described: Listing, plan: QueryPlan, metrics: QueryMetrics) -> Listing:
    """EXPLAIN's answer with what the query has done."""
    analysis = Analysis(plan, metrics)
    body = {**described.body, "analysis": analysis.body()}
    return replace(described, body=body, text=analysis.text())


def _order(edge: int) -> float:
    """Decoding is first in its stage, the exchange and encoding last."""
    return {DECODE: -1.0, EXCHANGE: float("inf"), ENCODE: float("inf")}.get(edge, float(edge))


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 10 else f"{seconds:,.1f} s"
