"""Distinct inputs to a model: in calls of an allowed size, halving one that fails until only the guilty rows are left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from ..errors import EnvironmentFault, UserError, reason
from .arrays import is_uneven, to_tensor, uneven
from .distinct import valid
from .model_function import ModelFunction, Tensors
from .process import Unanswered
from .program import Program
from .providers.tensorflow import SavedModel
from .spare_threads import SpareThreads
from .stats import ModelStats

if TYPE_CHECKING:
    from .evaluation import Evaluation

T = TypeVar("T")
Rows = np.ndarray[Any, np.dtype[np.int64]]
Lost = dict[int, str | None]
"""Rows without an answer, and why; None where a NULL is the reason, which is no failure."""
UNANSWERED_MAX = 20
"""So many calls in a row without an answer, and the batch's other rows are not tried: one bad row costs eleven at most,
a model that answers nothing would cost a time-out and a start for each."""


@dataclass(frozen=True)
class Caller:
    """Asks models in calls of at most `rows_max` rows; `spare` threads take part where the engine computes calls side by side."""

    rows_max: int
    spare: SpareThreads

    def run(
        self,
        function: ModelFunction,
        inputs: Sequence[pa.Array],
        model: SavedModel | Program,
        stats: ModelStats,
        before: Evaluation | None = None,
    ) -> tuple[dict[str, np.ndarray[Any, Any]], Lost]:
        """Run the model over all of `inputs`, halving a call that fails. `before` makes of them what the model is given, as many
        rows at a time: of rows with NULL then it is not asked, unless it takes them."""
        count = len(inputs[0])
        if before is None:
            return self._asked(function, inputs, model, stats)
        limit = self._limit(function)
        pieces: list[tuple[Rows, Tensors]] = []
        lost: Lost = {}
        for start in range(0, count, limit):
            rows, given, failed = _transformed(before, [a.slice(start, limit) for a in inputs], function.takes_null)
            lost |= {start + i: why for i, why in failed.items()}
            if not len(rows):
                continue
            outputs, refused = self._asked(function, given, model, stats)
            lost |= {start + int(rows[i]): why for i, why in refused.items()}
            pieces.append((start + rows, outputs))
        return _join(pieces, count), lost

    def _limit(self, function: ModelFunction) -> int:
        return min(self.rows_max, function.batch_sizes[-1]) if function.batch_sizes else self.rows_max

    def _asked(
        self, function: ModelFunction, inputs: Sequence[pa.Array], model: SavedModel | Program, stats: ModelStats
    ) -> tuple[dict[str, np.ndarray[Any, Any]], Lost]:
        count, size = len(inputs[0]), self._limit(function)

        def ask(start: int, end: int, into: ModelStats = stats) -> Tensors:
            return _call(function, [a.slice(start, end - start) for a in inputs], model, into)

        first: Callable[[int, int], Tensors] = ask
        if getattr(model, "side_by_side", False):
            size = size if function.batch_sizes else self.spare.part(count, size)
            first = _tried(count, size, ask, stats, self.spare)
        pieces, failed = halved(count, size, first)
        if len(pieces) == 1 and not failed:
            return dict(pieces[0][2]), failed
        return _join([(slice(start, end), outputs) for start, end, outputs in pieces], count), failed


def _tried(
    count: int, size: int, ask: Callable[[int, int, ModelStats], T], stats: ModelStats, spare: SpareThreads
) -> Callable[[int, int], T]:
    """`ask`, with its first calls, of `size` rows each, made already, several at a time."""
    if count <= size:
        return lambda start, end: ask(start, end, stats)
    places = [(start, min(start + size, count)) for start in range(0, count, size)]
    own = [ModelStats() for _ in places]
    spent = [0.0 for _ in places]

    def timed(number: int) -> T:
        begun = time.perf_counter()
        try:
            return ask(*places[number], own[number])
        finally:
            spent[number] = time.perf_counter() - begun

    begun = time.perf_counter()
    outcomes = spare.outcomes([partial(timed, number) for number in range(len(places))])
    at_a_time = sum(spent) / max(time.perf_counter() - begun, 1e-9)
    for part in own:
        stats.add(part)
        stats.glue_seconds += part.model_seconds * (1 - 1 / at_a_time)  # which the batch has not waited for
    known = dict(zip(places, outcomes, strict=True))

    def told(start: int, end: int) -> T:
        if (start, end) not in known:
            return ask(start, end, stats)
        outcome = known.pop((start, end))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return told


def _transformed(
    before: Evaluation, columns: Sequence[pa.Array], takes_null: bool
) -> tuple[Rows, list[pa.Array], Lost]:
    """The rows that the model is asked of, with what `before` makes of them; and why not of the others."""
    count = len(columns[0])
    pieces, lost = halved(count, count, lambda start, end: before([c.slice(start, end - start) for c in columns]))
    if not pieces:
        return np.arange(0), [], lost
    made = [pa.concat_arrays(parts) for parts in zip(*(given for _, _, given in pieces), strict=True)]
    rows = np.concatenate([np.arange(start, end) for start, end, _ in pieces])
    there = valid(made, any_of_them=takes_null)
    lost |= dict.fromkeys(rows[~there].tolist())
    return rows[there], made if there.all() else [c.filter(pa.array(there)) for c in made], lost


def halved(count: int, limit: int, ask: Callable[[int, int], T]) -> tuple[list[tuple[int, int, T]], Lost]:
    """What `ask` answers about the rows from one to before another, in order, of at most `limit` rows each; what fails is
    halved until only the guilty rows are left."""
    pieces: list[tuple[int, int, T]] = []
    failed: Lost = {}
    pending = [(start, min(start + limit, count)) for start in range(0, count, limit)]
    unanswered = 0
    while pending:
        start, end = pending.pop()
        if unanswered > UNANSWERED_MAX:
            failed |= dict.fromkeys(range(start, end), f"not asked after {unanswered} calls without an answer")
            continue
        try:
            answer = ask(start, end)
        except EnvironmentFault:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model or a function may raise anything; its row is told
            unanswered += isinstance(error, Unanswered)
            if end - start == 1:
                failed[start] = reason(error)
            else:
                middle = (start + end) // 2
                pending += [(start, middle), (middle, end)]
        else:
            unanswered = 0
            pieces.append((start, end, answer))
    return sorted(pieces, key=itemgetter(0)), failed


def _call(
    function: ModelFunction, inputs: Sequence[pa.Array], model: SavedModel | Program, stats: ModelStats
) -> Tensors:
    rows = len(inputs[0])
    wanted = next((size for size in function.batch_sizes if size >= rows), rows)
    if wanted > rows:  # filled up with its last row; before they are tensors, because not every tensor has a row a row
        places = pa.array(np.minimum(np.arange(wanted), rows - 1))
        inputs = [a.take(places) for a in inputs]
    if function.prepare is not None:
        tensors = dict(function.prepare(*inputs))
    else:
        tensors = {name: to_tensor(a) for name, a in zip(function.inputs, inputs, strict=True)}
    started = time.perf_counter()
    outputs = model(tensors)
    stats.model_seconds += time.perf_counter() - started
    stats.model_calls += 1
    stats.model_rows += rows
    if function.by_row is not None:
        outputs = function.by_row(outputs, wanted)
    short = [k for k, v in outputs.items() if v.ndim == 0 or v.shape[0] != wanted]
    if short:
        shape = list(outputs[short[0]].shape)
        raise UserError(f"output {short[0]} has shape {shape} for {wanted} rows", hint="a model must answer row by row")
    return outputs if wanted == rows else {k: v[:rows] for k, v in outputs.items()}


def _join(pieces: Sequence[tuple[slice | Rows, Tensors]], count: int) -> dict[str, np.ndarray[Any, Any]]:
    """One array an output; rows that failed are left as they come, because nothing reads them."""
    if not pieces:
        return {}
    whole: dict[str, np.ndarray[Any, Any]] = {}
    for name in pieces[0][1]:
        parts = [outputs[name] for _, outputs in pieces]
        if len({part.shape[1:] for part in parts}) > 1:
            parts = [part if is_uneven(part) else uneven(part, len(part)) for part in parts]
        whole[name] = np.zeros((count, *parts[0].shape[1:]), dtype=_common(parts))
        for (rows, _), part in zip(pieces, parts, strict=True):
            whole[name][rows] = part
    return whole


def _common(parts: Sequence[np.ndarray[Any, Any]]) -> np.dtype[Any]:
    """The type that holds all values of the parts as they are: a call may give whole numbers and the next one fractions."""
    kinds = {part.dtype.kind for part in parts}
    return np.result_type(*{part.dtype for part in parts}) if len(kinds) == 1 else np.dtype(object)
