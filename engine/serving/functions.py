"""The folder of users' functions while a server runs: a file that has changed is taken, and queries go on with its new code.

It looks once a second, on a thread of its own; `tick` is one look. The running queries that call a changed function are planned
again and go on from the end of an epoch, with their state; push queries go on with what they began with. What does not fit
leaves all as it was, and is told by SHOW. The command log holds nothing of it: a start reads the folder as it is then.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import Keeper
from ..errors import Conflict, MergusError, UserError
from ..inference.versions.watched import Print
from ..plan.physical.calls import functions_called
from ..sql.functions import Function, FunctionRegistry
from ..sql.udf.load import functions_by_file, merged
from .changes.change import Change, Start
from .changes.sources import planned_again

if TYPE_CHECKING:
    from .engine import Engine

EVERY_S = 1.0
_BESIDE = re.compile(rb"^\s*(from\s+\.|import\s+_)", re.MULTILINE)
log = logging.getLogger("mergus.functions")


class FunctionKeeper(Keeper):
    """Looks after the folder of one engine; None: there is none to look after."""

    def __init__(self, engine: Engine, folder: Path | None) -> None:
        super().__init__("function keeper", EVERY_S)
        self._engine = engine
        self._folder = folder
        self._seen: Print = ()
        self._texts: Mapping[str, bytes] = {}
        self._functions: dict[str, Function] = {}
        self._homes: dict[str, set[str]] = {}  # of each file its functions' names
        self.left: tuple[str, ...] = ()  # what could not be taken, and why
        if folder is not None:
            self._seen, self._texts = _print(folder), _texts(folder)
            self._note(functions_by_file(folder))

    def start(self) -> None:
        """Look from now on, where there is a folder."""
        if self._folder is not None:
            super().start()

    def tick(self) -> None:
        """Take what has changed, once it lies still from one look to the next."""
        assert self._folder is not None
        try:
            seen, self._seen = self._seen, _print(self._folder)
            if seen != self._seen:
                return
            texts = _texts(self._folder)
        except OSError as error:
            self._tell((f"the folder of functions cannot be read: {error}",))
            return
        if texts == self._texts:
            return
        changed = {name for name in texts.keys() | self._texts.keys() if texts.get(name) != self._texts.get(name)}
        self._texts = texts
        try:
            self._take(changed)
        except MergusError as error:
            detail = f" ({error.detail})" if error.detail else ""
            self._tell((f"the functions of {', '.join(sorted(changed))} are as they were: {error.message}{detail}",))

    def _tell(self, left: tuple[str, ...]) -> None:
        for words in left if left != self.left else ():
            log.warning("%s", words)
        self.left = left

    def _take(self, changed: set[str]) -> None:
        """Raises UserError where a file does not run, Conflict where a function is there already."""
        assert self._folder is not None
        by_file = functions_by_file(self._folder)
        together = any(_BESIDE.search(text) for text in self._texts.values())  # who imports what is not asked
        files = by_file.keys() | self._homes.keys() if together else changed
        names = {f.name for file in files for f in by_file.get(file, ())} | {
            name for file in files for name in self._homes.get(file, ())
        }
        engine = self._engine
        with engine.changing:
            registry = self._registry(merged(f for functions in by_file.values() for f in functions))
            queries = [q for q, plan in engine.plans.items() if names & functions_called(plan)]
            starts, left = self._planned(queries, registry)
            engine.shipped = (engine.shipped - self._functions.keys()) | {f.name for fs in by_file.values() for f in fs}
            self._note(by_file)
            started = tuple(start.entry.query_id for start in starts)
            change = Change("", engine.catalog, registry, start=starts, terminate=started, kept=started)
            engine.carry_out(change)
        self._tell(left)
        log.info("functions of %s are taken; queries that go on with them: %d", ", ".join(sorted(changed)), len(starts))

    def _note(self, by_file: Mapping[str, list[Function]]) -> None:
        self._functions = {f.name: f for f in merged(f for functions in by_file.values() for f in functions)}
        self._homes = {file: {f.name for f in functions} for file, functions in by_file.items()}

    def _registry(self, functions: list[Function]) -> FunctionRegistry:
        """The engine's, with these in the place of those that the folder had. One that a statement has replaced stays."""
        made = self._engine.registry.copy()
        own = [name for name, function in self._functions.items() if made.functions.get(name) == function]
        for name in own:
            del made.functions[name]
        for function in functions:
            if function.name in made.functions and function.name in self._functions:
                continue
            if function.name in made.functions:
                raise Conflict(f"function {function.name} exists already")
            made.add(function)
        return made

    def _planned(self, queries: list[str], registry: FunctionRegistry) -> tuple[tuple[Start, ...], tuple[str, ...]]:
        """Those that can go on with the new functions, and what is to be said of the others."""
        engine = self._engine
        starts, left = list[Start](), list[str]()
        for query_id in queries:
            world = replace(engine.world({}), registry=registry)
            try:
                starts.append(planned_again(query_id, engine.plans[query_id], world, None))
            except UserError as error:
                left.append(f"query {query_id} goes on with the functions that it has: {error.message}")
        return tuple(starts), tuple(left)


def _print(folder: Path) -> Print:
    found = [(file, file.stat()) for file in sorted(folder.glob("*.py"))]
    return tuple((file.name, s.st_size, s.st_mtime_ns) for file, s in found)


def _texts(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.py"))}
