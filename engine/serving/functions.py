"""The folder of users' functions while a server runs: a file that has changed is taken, and queries go on with its new code.

It looks once a second, on a thread of its own; `tick` is one look. The running queries that call a changed function are planned
again and go on from the end of an epoch, with their state; push queries go on with what they began with. What does not fit
leaves all as it was, and is told by SHOW. The command log holds nothing of it: a start reads the folder as it is then.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import Keeper
from ..errors import Conflict, MergusError, UserError
from ..inference.versions.watched import Print, fingerprint
from ..plan.physical.calls import functions_called
from ..sql.functions import Function, FunctionRegistry
from ..sql.udf.load import functions_by_file, merged
from .changes.change import Change, Start
from .changes.sources import planned_again

if TYPE_CHECKING:
    from .engine import Engine

EVERY_S = 1.0
_FILES = "*.py"
_BESIDE = re.compile(rb"^\s*(from\s+\.|import\s+_)", re.MULTILINE)
log = logging.getLogger("mergus.functions")


class FunctionKeeper(Keeper):
    """Looks after the folder of one engine; None: there is none to look after."""

    def __init__(self, engine: Engine, folder: Path | None) -> None:
        super().__init__("function keeper", EVERY_S)
        self._engine = engine
        self._folder = folder
        self._taken: Print = ()  # as the folder was when it was read last
        self._seen: Print = ()
        self._texts: Mapping[str, bytes] = {}
        self._by_file: Mapping[str, Sequence[Function]] = {}
        self.left: tuple[str, ...] = ()  # what could not be taken, and why
        if folder is not None:
            self._seen = self._taken = fingerprint(folder, _FILES)
            self._texts, self._by_file = _texts(folder), functions_by_file(folder)

    def start(self) -> None:
        """Look from now on, where there is a folder."""
        if self._folder is not None:
            super().start()

    def tick(self) -> None:
        """Take what has changed, once it lies still from one look to the next."""
        assert self._folder is not None
        try:
            before, self._seen = self._seen, fingerprint(self._folder, _FILES)
            if self._seen != before or self._seen == self._taken:
                return
            texts = _texts(self._folder)
        except OSError as error:
            self._tell((f"the folder of functions cannot be read: {error}",))
            return
        self._taken = self._seen
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
        files = by_file.keys() | self._by_file.keys() if together else changed
        names = {f.name for files_of in (by_file, self._by_file) for file in files for f in files_of.get(file, ())}
        engine = self._engine
        with engine.changing:
            had, now = _named(self._by_file), _named(by_file)
            registry = self._registry(had, now)
            queries = [q for q, plan in engine.plans.items() if names & functions_called(plan)]
            starts, left = self._planned(queries, registry)
            engine.shipped = (engine.shipped - had.keys()) | now.keys()
            self._by_file = by_file
            started = tuple(start.entry.query_id for start in starts)
            change = Change("", engine.catalog, registry, start=starts, terminate=started, kept=started)
            engine.carry_out(change)
        self._tell(left)
        log.info("functions of %s are taken; queries that go on with them: %d", ", ".join(sorted(changed)), len(starts))

    def _registry(self, had: Mapping[str, Function], now: Mapping[str, Function]) -> FunctionRegistry:
        """The engine's, with these in the place of those that the folder had. One that a statement has replaced stays."""
        made = self._engine.registry.copy()
        for name in [name for name, function in had.items() if made.functions.get(name) == function]:
            del made.functions[name]
        for name, function in now.items():
            if name not in made.functions:
                made.add(function)
            elif name not in had:
                raise Conflict(f"function {name} exists already")
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


def _named(by_file: Mapping[str, Sequence[Function]]) -> dict[str, Function]:
    return {f.name: f for f in merged(f for functions in by_file.values() for f in functions)}


def _texts(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob(_FILES))}
