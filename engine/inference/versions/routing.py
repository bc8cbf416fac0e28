"""Which version answers: the models of the registry, looked up batch by batch in one small file.

The server writes `routes.json` whole and renames it into place; whoever runs models looks, at the start of a batch, whether
it is another file than last time. So an alias moves for all hosts at once, between two batches, and a host that starts
again finds what holds now. The version of a row depends on the row and this file only, never on chance.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ...clock import SystemClock
from ...errors import MergusError, UserError
from ..distinct import valid
from ..model_function import ModelFunction
from ..monitoring.aside import Aside
from ..monitoring.monitor import Monitors, watched_columns
from ..monitoring.shadow import SALT, Write, shadow_records
from ..runtime import InferResult, ModelRuntime
from ..stats import ModelStats, together
from .answers import joined, versions_as_answers, with_dead_rows, with_errors
from .arms import aliased, may_answer, split_rows, version_numbers
from .moves import Places
from .registered import RegisteredModel
from .routes import ROUTES, NumberedVersion, version_function
from .self_test import golden_inputs

log = logging.getLogger("mergus.models")
ASIDE_S = 5.0
"""How long the end waits for what runs beside the batches."""
_Used = tuple[str, str, int | None]
"""A version's artefact and digest, and the time-out of the calls that have one of their own."""


@dataclass
class _Routes:
    """One state of the file, and the versions that were made of it."""

    stamp: tuple[int, ...]
    models: Mapping[str, Any]


class RoutedRuntime(ModelRuntime):
    """A model runtime that also answers for the models of a registry. Safe to share between threads. `write` takes what
    shadows say (on one thread of the runtime's own); without it there are no shadow runs."""

    def __init__(self, *, write: Write | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._write = write
        self._monitors = None if write is None else Monitors(write, SystemClock().now_ms)
        self._watching = Aside(None if self._monitors is None else self._monitors.end_windows)
        self._shadows: dict[tuple[str, int | None], Aside] = {}
        self._routes: dict[str, _Routes] = {}
        self._functions: dict[_Used, ModelFunction] = {}
        self._used: set[tuple[str, int | None]] = set()
        self._lock = threading.Lock()
        self._pinned = threading.local()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All calls of this thread inside see one state of the registry."""
        self._pinned.routes = {}
        try:
            yield
        finally:
            self._pinned.routes = None

    def infer(
        self,
        function: ModelFunction | RegisteredModel,
        args: Sequence[pa.Array | pa.ChunkedArray],
        places: Places | None = None,
    ) -> InferResult:
        """As `ModelRuntime.infer`, for both kinds of model. Raises UserError where ON_ERROR is `fail` and a row does.
        `places`: where the rows come from, so that what was answered before is answered again by the same version."""
        if isinstance(function, ModelFunction):
            return super().infer(function, args)
        route = self._route(function)
        columns = [a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in args]
        if places is None:
            return self._answered(function, route, columns)
        parts = places.parts(function.name, route)
        if all(by == parts[0][1] for _, by in parts):
            return self._answered(function, parts[0][1], columns)
        answers = [
            (rows, self._answered(function, by, [c.take(pa.array(rows)) for c in columns])) for rows, by in parts
        ]
        return joined(answers, len(columns[0]))

    def _answered(
        self, function: RegisteredModel, route: Mapping[str, Any], columns: Sequence[pa.Array]
    ) -> InferResult:
        """A batch that one state of the registry answers."""
        numbers = version_numbers(function, route, columns)
        columns = columns[: len(function.inputs)]
        if function.wants_version:
            return versions_as_answers(columns, numbers)
        made = self._chosen(function, route, columns, numbers)
        if function.reshaped:  # what watches the model knows answers of one shape
            return made
        if route.get("shadow") and not function.reference and self._write is not None:
            self._shadowed(function, route).offer(
                lambda: self._shadow(function, route, columns, (made.values, numbers))
            )
        if route.get("monitor") and self._monitors is not None:
            self._watching.offer(lambda: self._see(function, route["monitor"], columns, (made.values, numbers)))
        return made

    def _shadowed(self, model: RegisteredModel, route: Mapping[str, Any]) -> Aside:
        """What waits for the version that is the model's shadow."""
        key = (model.name, route["aliases"].get(route["shadow"]["alias"]))
        with self._lock:
            return self._shadows.setdefault(key, Aside())

    def _see(
        self,
        model: RegisteredModel,
        monitor: Mapping[str, Any],
        columns: Sequence[pa.Array],
        live: tuple[pa.Array, np.ndarray[Any, Any]],
    ) -> None:
        """Have a batch that has been answered counted, version by version. On the monitors' thread."""
        assert self._monitors is not None  # else nothing is offered
        named = watched_columns(model.inputs, model.output, columns, live[0])
        for version in np.unique(live[1]).tolist():
            rows = pa.array(np.flatnonzero(live[1] == version))
            self._monitors.see(model.name, version, monitor, [(name, column.take(rows)) for name, column in named])

    def _chosen(
        self,
        function: RegisteredModel,
        route: Mapping[str, Any],
        columns: Sequence[pa.Array],
        numbers: np.ndarray[Any, np.dtype[np.int64]],
    ) -> InferResult:
        """Each row's version asked, and the answers put together."""
        chosen = sorted(set(numbers.tolist()))
        if len(chosen) == 1:
            return self._one(function, route, chosen[0], columns)
        parts = []
        for number in chosen:
            rows = np.flatnonzero(numbers == number)
            parts.append((rows, self._one(function, route, number, [c.take(pa.array(rows)) for c in columns])))
        return joined(parts, len(numbers))

    def _one(
        self, model: RegisteredModel, route: Mapping[str, Any], number: int, columns: Sequence[pa.Array]
    ) -> InferResult:
        made = self._asked(model, route, number, columns)
        record = route["versions"][str(number)]["record"]
        on_error = _on_error(model, record)
        if on_error == "dlq":
            return with_dead_rows(made, number, record["dead_letters"])
        if on_error == "fail" and made.errors:
            row, reason = made.errors[0]
            raise UserError(f"model {model.name}: {reason}", detail=f"row {row} of a batch; ON_ERROR is 'fail'")
        return made

    def _asked(
        self, model: RegisteredModel, route: Mapping[str, Any], number: int, columns: Sequence[pa.Array]
    ) -> InferResult:
        """A version's answers, with their errors beside them where its record says so."""
        made = super().infer(self._version(model, route, number), columns)
        beside = _on_error(model, route["versions"][str(number)]["record"]) == "error_column"
        return with_errors(made, model, number, columns) if beside else made

    def _shadow(
        self,
        model: RegisteredModel,
        route: Mapping[str, Any],
        columns: Sequence[pa.Array],
        live: tuple[pa.Array, np.ndarray[Any, Any]],
    ) -> None:
        """Ask the shadow about a sample of a batch that has been answered. On the shadow's thread."""
        shadow, answers, versions = route["shadow"], *live
        wanted = valid(columns)
        if shadow["percent"] < 100:
            salt = pa.repeat(pa.scalar(SALT), len(wanted))
            wanted &= split_rows([salt, *columns], [(1, shadow["percent"]), (0, 100 - shadow["percent"])]) == 1
        rows = np.flatnonzero(wanted)
        if not len(rows) or self._write is None:
            return
        number = aliased(model, route["aliases"], shadow["alias"])
        some = [c.take(pa.array(rows)) for c in columns]
        made = self._asked(model, route, number, some)
        live_rows = (answers.take(pa.array(rows)), versions[rows])
        self._write(shadow["topic"], shadow_records(model, some, live_rows, (made, number)))

    def load_used(self, models: Sequence[ModelFunction | RegisteredModel]) -> None:
        """Beside the batches: what answers for these models is loaded, so that their first row need not wait for it."""
        for model in models:
            try:
                if isinstance(model, ModelFunction):
                    self.warm(model)
                    continue
                route = self._route(model)
                for number in may_answer(model, route):
                    self._warmed(self._numbered(model, route, number), model.settings.timeout_ms)
            except MergusError as error:
                log.warning("model %s cannot be loaded: %s", model.name, error.message)

    def load_ahead(self, version: NumberedVersion) -> None:
        """Have a version in memory, its first calls made, before the registry says that it answers; nothing where the model is
        not used. Raises UserError or EnvironmentFault if it cannot be loaded."""
        with self._lock:
            used = [timeout_ms for name, timeout_ms in self._used if name == version.model]
        for timeout_ms in used:
            self._warmed(version, timeout_ms)

    def version_stats(self) -> dict[tuple[str, str], ModelStats]:
        """What each version in memory has done, by model and number."""
        with self._lock:
            functions = list(self._functions.values())
        return together({(f.name, f.version or ""): self.stats(f)} for f in functions)

    def close(self) -> None:
        """Finish what runs beside the batches, and end the models' own processes."""
        until = time.monotonic() + ASIDE_S
        for aside in (self._watching, *self._shadows.values()):
            aside.close(max(0.0, until - time.monotonic()))
        super().close()

    def _version(self, model: RegisteredModel, route: Mapping[str, Any], number: int) -> ModelFunction:
        return self._function(self._numbered(model, route, number), model.settings.timeout_ms)

    def _numbered(self, model: RegisteredModel, route: Mapping[str, Any], number: int) -> NumberedVersion:
        """A version of a model that is used here from now on."""
        found = route["versions"].get(str(number))
        if found is None:
            raise UserError(f"model {model.name} has no version {number} any more")
        with self._lock:
            self._used.add((model.name, model.settings.timeout_ms))
        return NumberedVersion(model.name, model.folder, str(number), found)

    def _function(self, version: NumberedVersion, timeout_ms: int | None) -> ModelFunction:
        """One version, with a time-out of the calls' own where they have one."""
        key = (version.route["artefact"], version.route["sha256"], timeout_ms)
        with self._lock:
            if key not in self._functions:
                made = version_function(version.model, Path(version.folder), version.number, version.route)
                self._functions[key] = made if timeout_ms is None else replace(made, timeout_ms=timeout_ms)
            return self._functions[key]

    def _warmed(self, version: NumberedVersion, timeout_ms: int | None) -> None:
        made, cases = self._function(version, timeout_ms), version.route["record"].get("self_test")
        self.warm(made, golden_inputs(made, cases) if cases else None)

    def _route(self, model: RegisteredModel) -> Mapping[str, Any]:
        pinned = getattr(self._pinned, "routes", None)
        models = None if pinned is None else pinned.get(model.folder)
        if models is None:
            models = self._read(model.folder)
            if pinned is not None:
                pinned[model.folder] = models
        route: Mapping[str, Any] | None = models.get(model.name)
        if route is None:
            raise UserError(f"model {model.name} does not exist any more", hint="SHOW MODELS lists what there is")
        return route

    def _read(self, folder: str) -> Mapping[str, Any]:
        path = Path(folder) / ROUTES
        seen = path.stat()
        stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        with self._lock:
            known = self._routes.get(folder)
            if known is not None and known.stamp == stamp:
                return known.models
        routes = _Routes(stamp, json.loads(path.read_bytes()))
        with self._lock:
            self._routes[folder] = routes
            wanted = self._wanted(folder, routes.models)
            unwanted = [self._functions.pop(key) for key in list(self._functions) if key not in wanted]
            fresh = {key: made for key, made in wanted.items() if key not in self._functions}
        if unwanted or fresh:
            threading.Thread(target=self._follow, args=(fresh, unwanted), name="models", daemon=True).start()
        return routes.models

    def _wanted(self, folder: str, models: Mapping[str, Any]) -> dict[_Used, NumberedVersion]:
        """The versions that an alias points at, of the models that are used here. Called with the lock held."""
        found = {}
        for name, timeout_ms in self._used:
            for number in {str(n) for n in models[name]["aliases"].values()} if name in models else ():
                route = models[name]["versions"][number]
                found[route["artefact"], route["sha256"], timeout_ms] = NumberedVersion(name, folder, number, route)
        return found

    def _follow(self, fresh: Mapping[_Used, NumberedVersion], unwanted: Sequence[ModelFunction]) -> None:
        """Beside the batches: what an alias may soon point at is loaded, so that its first batch need not wait, and the
        memory of what no alias points at is given back (a call by number loads it again)."""
        for (_, _, timeout_ms), version in fresh.items():
            try:
                self._warmed(version, timeout_ms)
            except MergusError as error:
                log.warning("a version that an alias points at cannot be loaded: %s", error.message)
        for function in unwanted:
            self.unload(function)


def _on_error(model: RegisteredModel, record: Mapping[str, Any]) -> str:
    """What becomes of a row that a version fails on: as the call says, else as the version does."""
    return model.settings.on_error or str(record.get("on_error", "null"))


def answers_with_versions(
    runtime: RoutedRuntime, model: ModelFunction | RegisteredModel, args: Sequence[pa.Array | pa.ChunkedArray]
) -> tuple[pa.Table, list[tuple[int, str]]]:
    """A batch that no query gave: c0 the values, c1 the version that answered each, and the rows that failed."""
    with runtime.batch():
        made = runtime.infer(model, args)
        if isinstance(model, RegisteredModel):
            versions = runtime.infer(replace(model, wants_version=True), args).values.cast(pa.string())
        else:
            versions = pa.array([made.version] * len(made.values), pa.string())
    return pa.table({"c0": made.values, "c1": versions}), made.failures
