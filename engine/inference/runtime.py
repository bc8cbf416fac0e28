"""The model runtime of a process: a batch of arguments in, a column of answers and the rows that failed out.

NULL arguments never reach a model; a distinct input is computed once a batch and, while the cache remembers it, once at
all; what is left goes to the model in few calls of an allowed size. A call that fails is halved until only the guilty
rows are left, so that one bad row costs one row.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..config import usable_cores
from ..errors import UserError
from .arrays import conform, from_tensor, whole_of
from .cache import OutputCache
from .calls import Caller, Lost, halved
from .distinct import Distinct, distinct
from .model_function import ModelFunction, Prepare, Tensors
from .process import ModelProcess, give_back_memory, resident_bytes
from .program import Program, Source
from .providers import registry as providers
from .providers.tensorflow import SavedModel
from .spare_threads import SpareThreads
from .stats import ModelStats
from .versions.artefact import Artefact, verify
from .versions.moves import Places
from .warming import first_calls

if TYPE_CHECKING:
    from .evaluation import Evaluation, Instance

_Key = tuple[str, str | None, Prepare | None, int | None]


@dataclass(frozen=True)
class DeadRow:
    """A row that a version failed on, and the topic that keeps it."""

    row: int
    reason: str
    version: int
    topic: str


@dataclass(frozen=True)
class InferResult:
    """`values`: one a row, NULL where an argument was NULL or the row failed; `errors`: (row, reason) in order of rows;
    `dead`: those of them that a topic keeps instead."""

    values: pa.Array
    errors: list[tuple[int, str]]
    version: str
    dead: list[DeadRow] = field(default_factory=list)

    @property
    def failures(self) -> list[tuple[int, str]]:
        """All rows that failed, with the reason."""
        return sorted([*self.errors, *((dead.row, dead.reason) for dead in self.dead)])


@dataclass
class _Loaded:
    """A model version in memory, shared by all functions on the same artefact and preparation. `before`, `after`: its
    TRANSFORMs.

    `lock` guards cache and stats, never a call of the model: workers run one model side by side. `users` counts the
    batches under way, which unloading waits for.
    """

    artefact: Artefact
    model: SavedModel | Program
    cache: OutputCache
    stats: ModelStats
    before: Evaluation | None = None
    after: Evaluation | None = None
    users: int = 0
    warm: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def unload(self) -> None:
        """Let go of what it holds; no batch uses it any more."""
        self.end_evaluations()
        self.cache.clear()
        self.model.unload()

    def end_evaluations(self) -> None:
        """Close what evaluates its TRANSFORMs."""
        for evaluation in (self.before, self.after):
            if evaluation is not None:
                evaluation.close()


class ModelRuntime:
    """Loads models when first used and runs them. Safe to call from several threads; one runtime a process is enough.

    `rows_max`: the largest call (beyond about 2,000 rows a call gains nothing and its memory grows). `cache_rows`: how
    many inputs each model version remembers, 0 for none. `intra_op_threads`: of a call; `at_once`: so many calls a batch makes
    at a time, on spare threads but for one. `instance`: the DuckDB that evaluates TRANSFORMs; without it one of its own, when
    there is one to evaluate.
    """

    def __init__(
        self,
        *,
        rows_max: int = 1024,
        cache_rows: int = 16_384,
        intra_op_threads: int = 1,
        at_once: int = 1,
        instance: Instance | None = None,
    ) -> None:
        self._cache_rows = cache_rows
        self._threads = (intra_op_threads, at_once)
        self._caller = Caller(rows_max, SpareThreads(at_once - 1))
        self._instance = instance
        self._models: dict[_Key, _Loaded] = {}
        self._loading: set[_Key] = set()
        self._changed = threading.Condition()

    def warm(self, function: ModelFunction, golden: Sequence[pa.Array] | None = None) -> None:
        """Have the model in memory with its first calls made, about `golden` inputs where there are such. Once; what it makes
        of them is dropped. Raises UserError or EnvironmentFault if it cannot be loaded."""
        with self._using(function) as loaded:
            if loaded.warm:
                return
            for inputs in first_calls(function, golden):
                made = self._caller.run(function, inputs, loaded.model, ModelStats(), loaded.before)
                _finish(function, made[0], len(inputs[0]), made[1], loaded.after)
            loaded.warm = True

    @contextmanager
    def batch(self) -> Iterator[None]:
        """The calls of one batch. A declared function has one version, so there is nothing to hold on to."""
        yield

    def infer(
        self, function: ModelFunction, args: Sequence[pa.Array | pa.ChunkedArray], places: Places | None = None
    ) -> InferResult:
        """Run `function` over a batch, one Arrow column an argument, all of one length. Where the rows come from (`places`)
        changes nothing: a declared function has one version.

        Raises UserError or EnvironmentFault only when the model cannot be loaded; whatever rows do is in the result.
        """
        with self._using(function) as loaded:
            started, spent = time.perf_counter(), ModelStats()
            columns = [_one_chunk(a, t) for a, t in zip(args, function.arrow_inputs, strict=True)]
            result = _infer(function, columns, loaded, spent, self._caller)
            spent.glue_seconds += time.perf_counter() - started - spent.model_seconds
            with loaded.lock:
                loaded.stats.add(spent)
        return result

    def stats(self, function: ModelFunction) -> ModelStats:
        """What the function's model has done so far; all zero when it has not been loaded."""
        loaded = self._models.get(_key(function))
        return loaded.stats if loaded else ModelStats()

    def unload(self, function: ModelFunction) -> None:
        """Free the function's model and its cache once no batch uses it; the next row loads it again."""
        with self._changed:
            loaded = self._models.pop(_key(function), None)
            if loaded is not None:
                self._changed.wait_for(lambda: loaded.users == 0)
                loaded.unload()
                give_back_memory()

    def close(self) -> None:
        """End the processes of models that have one of their own, and what evaluates their TRANSFORMs."""
        with self._changed:
            loaded = list(self._models.values())
            self._models.clear()
        for one in loaded:
            one.end_evaluations()
            if isinstance(one.model, ModelProcess):
                one.model.unload()

    @contextmanager
    def _using(self, function: ModelFunction) -> Iterator[_Loaded]:
        loaded = self._taken(function)
        try:
            yield loaded
        finally:
            with self._changed:
                loaded.users -= 1
                self._changed.notify_all()

    def _taken(self, function: ModelFunction) -> _Loaded:
        """The function's model with one user more. It is loaded without the lock, so that others go on meanwhile."""
        key = _key(function)
        with self._changed:
            self._changed.wait_for(lambda: key not in self._loading)
            if key in self._models:
                self._models[key].users += 1
                return self._models[key]
            self._loading.add(key)
        try:
            loaded = self._load(function)
            loaded.users += 1
            with self._changed:
                self._models[key] = loaded
            return loaded
        finally:
            with self._changed:
                self._loading.discard(key)
                self._changed.notify_all()

    def _load(self, function: ModelFunction) -> _Loaded:
        started, held = time.perf_counter(), resident_bytes()
        artefact = verify(function.name, function.artefact, function.sha256)
        intra, at_once = self._threads
        model: SavedModel | Program
        if function.provider == "tensorflow" and not function.options:
            model = SavedModel(function.name, artefact.path, intra_op_threads=intra, inter_op_threads=at_once)
            if function.prepare is None:
                model.check_inputs(tuple(function.inputs))
        else:
            takes, gives = function.declared or (None, None)
            source = Source(function.name, artefact.path, function.options, intra, takes, gives, at_once)
            model = _engine(function, source)
        grown = model.resident_bytes if isinstance(model, ModelProcess) else max(0, resident_bytes() - held)
        stats = ModelStats(load_seconds=time.perf_counter() - started, loaded_bytes=grown)
        rows = self._cache_rows if function.cache_rows is None else function.cache_rows
        before, after = (self._evaluation(text) for text in (function.before, function.after))
        return _Loaded(artefact, model, OutputCache(rows), stats, before, after)

    def _evaluation(self, text: str | None) -> Evaluation | None:
        if text is None:
            return None
        from .evaluation import Evaluation, private_instance  # only where a version has a TRANSFORM

        if self._instance is None:
            self._instance = cache(private_instance)
        return Evaluation(text, self._instance)


def _engine(function: ModelFunction, source: Source) -> Program:
    if not function.isolated and function.timeout_ms is None:
        return providers.load(function.provider, source)
    return ModelProcess(function.provider, source, None if function.timeout_ms is None else function.timeout_ms / 1000)


def _key(function: ModelFunction) -> _Key:
    return str(function.artefact), function.sha256, function.prepare, function.timeout_ms


def _version(function: ModelFunction, loaded: _Loaded) -> str:
    return function.version or loaded.artefact.sha256[:12]


def _one_chunk(column: pa.Array | pa.ChunkedArray, wanted: pa.DataType) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):  # combine_chunks copies one chunk, too
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column if column.type == wanted else column.cast(wanted)


def _infer(
    function: ModelFunction, columns: Sequence[pa.Array], loaded: _Loaded, stats: ModelStats, caller: Caller
) -> InferResult:
    with loaded.lock:
        known = loaded.stats
        cached = not loaded.cache.rests(time.monotonic(), known.model_seconds / max(1, known.model_rows))
    asked = distinct(columns, takes_null=function.takes_null, named=cached)
    stats.rows += len(asked.slot)
    stats.nulls += 0 if asked.straight else int((asked.slot < 0).sum())
    stats.distinct += asked.count
    outputs, failed = _outputs(function, asked, loaded, stats, caller, cached)
    column, unfinished = _finish(function, outputs, asked.count, failed, loaded.after)
    failed |= unfinished
    # Where nothing repeats and nothing is NULL the inputs are the rows, in order, and need no gather.
    values = column if asked.straight and not failed else column.take(_positions(asked, failed))
    errors = _rows_of(asked, failed)
    stats.errors += len(errors)
    return InferResult(values, errors, _version(function, loaded))


def _positions(asked: Distinct, failed: Lost) -> pa.Array:
    slot = asked.slot
    absent = slot < 0
    if failed:
        absent |= np.isin(slot, list(failed))
    return pa.array(slot, pa.int64(), mask=absent) if absent.any() else pa.array(slot)


def _rows_of(asked: Distinct, failed: Lost) -> list[tuple[int, str]]:
    """The rows that failed, each with the reason."""
    reasons = {slot: why for slot, why in failed.items() if why is not None}
    if not reasons:
        return []
    rows = np.flatnonzero(np.isin(asked.slot, list(reasons)))
    return [(int(row), reasons[int(asked.slot[row])]) for row in rows]


def _outputs(
    function: ModelFunction, asked: Distinct, loaded: _Loaded, stats: ModelStats, caller: Caller, cached: bool
) -> tuple[dict[str, np.ndarray[Any, Any]], Lost]:
    """Raw outputs for every distinct input, from the model or (`cached`) the cache, and the inputs that it has none for."""

    def ask(inputs: Sequence[pa.Array]) -> tuple[dict[str, np.ndarray[Any, Any]], Lost]:
        return caller.run(function, inputs, loaded.model, stats, loaded.before)

    cache, keys = loaded.cache, asked.keys
    if keys is None or not cached:
        return ask(asked.inputs)
    with loaded.lock:
        known, outputs = cache.find(keys)
    missing = np.flatnonzero(~known)
    if not len(missing):
        stats.cache_hits += len(keys)
        return outputs, {}
    some = len(missing) < len(keys)
    inputs = [a.take(pa.array(missing)) for a in asked.inputs] if some else asked.inputs
    fresh, failed = ask(inputs)
    if some and not all(name in outputs and _alike(outputs[name], v) for name, v in fresh.items()):
        return ask(asked.inputs)  # rows of another shape or type cannot be mixed
    with loaded.lock:
        cache.put(*_succeeded([keys[i] for i in missing] if some else keys, fresh, failed))
    if not some:
        return fresh, failed
    stats.cache_hits += len(keys) - len(missing)
    for name, values in fresh.items():
        outputs[name][missing] = values
    return outputs, {int(missing[i]): why for i, why in failed.items()}


def _alike(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Whether rows of two arrays can be written into each other as they are."""
    return (one.shape[1:], one.dtype) == (other.shape[1:], other.dtype)


def _succeeded(keys: list[Any], outputs: Tensors, failed: Lost) -> tuple[list[Any], dict[str, np.ndarray[Any, Any]]]:
    if not failed:
        return keys, dict(outputs)
    good = [i for i in range(len(keys)) if i not in failed]
    return [keys[i] for i in good], {name: values[good] for name, values in outputs.items()}


def _finish(
    function: ModelFunction, outputs: Tensors, count: int, failed: Lost, after: Evaluation | None
) -> tuple[pa.Array, Lost]:
    """The result column for all distinct inputs, NULL where there is none, and the inputs that finishing itself refused."""
    wanted = function.arrow_output
    good = np.array([i for i in range(count) if i not in failed], dtype=np.int64) if failed else np.arange(count)
    if not outputs or not len(good):
        return pa.nulls(count, wanted), {}
    if failed:
        outputs = {k: v[good] for k, v in outputs.items()}

    def part(start: int, end: int) -> pa.Array:
        return _finished(function, {k: v[start:end] for k, v in outputs.items()}, end - start, after)

    pieces, refused = halved(len(good), len(good), part)
    column = pieces[0][2] if pieces and not refused else _filled(pieces, refused, wanted)
    if failed:
        places = np.full(count, -1, dtype=np.int64)
        places[good] = np.arange(len(good))
        column = column.take(pa.array(places, mask=places < 0))
    return column, {int(good[i]): why for i, why in refused.items()}


def _filled(pieces: Sequence[tuple[int, int, pa.Array]], refused: Lost, wanted: pa.DataType) -> pa.Array:
    """One column of its pieces, NULL in the rows between them."""
    parts = {start: column for start, _, column in pieces} | dict.fromkeys(refused, pa.nulls(1, wanted))
    return pa.concat_arrays([parts[start] for start in sorted(parts)])


def _finished(function: ModelFunction, outputs: Tensors, count: int, after: Evaluation | None) -> pa.Array:
    wanted = function.arrow_output
    if function.finish is not None:
        made = function.finish(outputs)
    elif len(outputs) == 1:
        made = next(iter(outputs.values()))
    else:
        raise UserError(f"the model has outputs {', '.join(sorted(outputs))}", hint="give finish= to make one of them")
    if after is not None and isinstance(made, pa.StructArray):
        made = whole_of(after(made.flatten()))
    column = from_tensor(made, wanted) if isinstance(made, np.ndarray) else conform(made, wanted)
    if len(column) != count:
        raise UserError(f"finish gave {len(column)} values for {count} rows")
    return column


_shared: ModelRuntime | None = None
_shared_lock = threading.Lock()


def shared_runtime() -> ModelRuntime:
    """This process's runtime, made on first use, so that queries that share a model share its memory."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = ModelRuntime(at_once=usable_cores())
        return _shared
