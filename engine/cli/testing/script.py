"""SQL test files: cut into tests, each run on an engine of its own, statement by statement, records one a batch.

A comment `--@test: name` begins a test; `--@expected.error: class` and `--@expected.message: text` below it say that it
must be refused, as ksqlDB's own test runner reads them. What stands before the first `--@test:` is a test without a name.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...errors import EnvironmentFault, MergusError, UserError
from ...inference.versions.routing import RoutedRuntime
from ...inference.versions.store import ModelStore
from ...operators.driver import Running, batches
from ...sql.functions import FunctionRegistry
from ...sql.parser.parse import Parsed, iterate_statements
from ...sql.parser.split import split_statements
from ...sql.statements.statement import AssertSchema, AssertSource, AssertTopic, AssertValues
from .asserts import AssertFailed, Claims
from .engine import CaseEngine

_DIRECTIVE = re.compile(r"^--@(test|expected\.error|expected\.message)\s*:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_ASSERTIONS = (AssertValues, AssertSource, AssertTopic, AssertSchema)


@dataclass(frozen=True)
class SqlTest:
    """A test of a file: its statements, where they begin, the refusal that is expected, if one is, and the file's folder."""

    name: str
    text: str
    line: int
    error: str | None = None
    message: str | None = None
    home: Path = Path()


@dataclass(frozen=True)
class Outcome:
    """What became of a test; `why` is None where it passed."""

    test: SqlTest
    why: str | None = None
    line: int = 0


def tests_of(text: str, name: str, home: Path = Path()) -> list[SqlTest]:
    r"""The tests of a file's text.

    >>> [(t.name, t.line, t.error) for t in tests_of("--@test: a\nSHOW TABLES;\n--@test: b\n--@expected.error: X\n", "f")]
    [('a', 1, None), ('b', 3, 'X')]
    """
    starts = [m for m in _DIRECTIVE.finditer(text) if m[1] == "test"]
    places = [(m.start(), m[2]) for m in starts]
    if any(split_statements(text[: places[0][0]] if places else text)):
        places.insert(0, (0, name))
    ends = [start for start, _ in places[1:]] + [len(text)]
    made = []
    for (start, title), end in zip(places, ends, strict=True):
        part = text[start:end]
        given = {m[1]: m[2] for m in _DIRECTIVE.finditer(part)}
        line = text.count("\n", 0, start) + 1
        made.append(SqlTest(title, part, line, given.get("expected.error"), given.get("expected.message"), home))
    return made


def read_tests(path: Path) -> list[SqlTest]:
    """The tests of a file."""
    try:
        return tests_of(path.read_text(encoding="utf-8-sig"), path.stem, path.parent)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as why:
        raise EnvironmentFault(f"cannot read {path}", detail=str(why)) from None


class Script(CaseEngine):
    """An engine whose queries take in records as they are inserted. `home`: where models' relative paths begin."""

    def __init__(self, instance: duckdb.DuckDBPyConnection, registry: FunctionRegistry, home: Path = Path()) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mergus-test-")
        store = ModelStore(Path(self._folder.name), allowed=None, code=True, home=home)
        super().__init__(instance, registry, {}, store)
        self._runtime = RoutedRuntime(instance=lambda: instance)
        self._running: dict[str, tuple[Running, int]] = {}
        self._claims = Claims(self)

    def step(self, parsed: Parsed) -> None:
        """Carry out one statement and let all queries take in what there is."""
        if isinstance(parsed.statement, _ASSERTIONS):
            self._claims.check(parsed.statement, parsed.text)
            return
        self.carry_out(parsed)
        for query_id, (running, _) in list(self._running.items()):
            plan = self.plans.get(query_id)
            if plan is None:
                self._running.pop(query_id)[0].close()
            elif plan is not running.plan:
                running.go_on_as(plan)
        for query_id, plan in self.plans.items():
            if query_id not in self._running:
                self._running[query_id] = (Running(plan, self.instance, models=self._runtime), 0)
        while any(self._take_in(query_id) for query_id in self.plans if query_id not in self.paused):
            continue

    def _take_in(self, query_id: str) -> bool:
        """Give a query what it has not seen; whether there was any."""
        running, seen = self._running[query_id]
        fresh = [r for r in self.driver.topics.read(running.topics) if r.arrival > seen]
        for batch in batches(fresh, running.topics, 1):
            for topic, records in running.encode(running.process([batch])):
                self.driver.topics.extend(topic, records)
        if fresh:
            self._running[query_id] = (running, fresh[-1].arrival)
        return bool(fresh)

    def close(self) -> None:
        """End the queries, and forget schemas and models."""
        for running, _ in self._running.values():
            running.close()
        super().close()
        self._folder.cleanup()


def run_test(test: SqlTest, instance: duckdb.DuckDBPyConnection, registry: FunctionRegistry) -> Outcome:
    """Run one test on an engine of its own."""
    script = Script(instance, registry.copy(), test.home)
    line = test.line
    try:
        for parsed in iterate_statements(test.text):
            line = test.line + test.text.count("\n", 0, parsed.span.start)
            script.step(parsed)
    except MergusError as error:
        return _judged(test, error, line)
    finally:
        script.close()
    if test.error is not None or test.message is not None:
        return Outcome(test, f"a refusal was expected ({test.message or test.error}), and there was none", line)
    return Outcome(test)


def _judged(test: SqlTest, error: MergusError, line: int) -> Outcome:
    said = "\n".join(filter(None, (error.message, error.detail)))
    if test.error is None and test.message is None:
        return Outcome(test, said, line)
    name = (test.error or "").rsplit(".", 1)[-1]
    asserted = isinstance(error, AssertFailed)
    if name and name != type(error).__name__ and asserted != (name == "AssertionError"):
        return Outcome(test, f"{name} was expected: {said}", line)
    if test.message is not None and test.message not in said:
        return Outcome(test, f"expected message: {test.message}\nfound message: {said}", line)
    return Outcome(test)


def run_file(path: Path, instance: duckdb.DuckDBPyConnection, registry: FunctionRegistry) -> Iterator[Outcome]:
    """Run the tests of a file, one after the other."""
    for test in read_tests(path):
        yield run_test(test, instance, registry)
