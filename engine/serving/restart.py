"""What a start does with the command log: every statement is entered again, and the queries that are left are started.

Neither asks the topics or a schema registry, which may come up later than the server: what was accepted is not looked at
again. What is to be done about topics is done as soon as they can be reached; until then queries are in ERROR by themselves.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import textwrap
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..clock import Keeper
from ..errors import EnvironmentFault, MergusError, NotLetIn
from ..runtime.command_log import Command
from ..runtime.telemetry import processing_log
from ..sql.parser.parse import parse_statement
from ..sql.statements.statement import AlterSystem
from .changes.change import Change
from .changes.statement import prepare
from .changes.topics import delete_topic, make_topic, topic_of
from .schemas import delete

if TYPE_CHECKING:
    from .engine import Engine

TO_DELETE = "mergus.delete.topics"
"""The note in the command log that names the topics which a statement has still to delete."""
AGAIN_S = 2.0
_CLOSE_S = 1.0
_WORDS_MAX = 100
_NUMBER = re.compile(r"_(\d+)\Z")
_LOG = Command(0, processing_log.STATEMENT)
log = logging.getLogger("mergus.engine")


def _beginning(text: str) -> str:
    """A statement's first words, on one line."""
    return textwrap.shorten(text, _WORDS_MAX, placeholder=" …")


class Restart(Keeper):
    """The start of one engine. `patient`: topics that do not answer are waited for on a thread; else, and where they do not
    let this user in, the start is refused."""

    def __init__(self, engine: Engine, *, patient: bool) -> None:
        super().__init__("restart", AGAIN_S)
        self._engine = engine
        self._patient = patient
        self._unfinished: list[tuple[int, list[str]]] = []
        self._doing = threading.RLock()
        self._then: list[Callable[[], object]] = []
        self._told = ""
        self._trouble = ""  # the same with detail and hint
        self.left_out: list[str] = []  # statements that could not be entered again, and why

    @property
    def told(self) -> list[str]:
        """The statements that are left out, in words."""
        return [f"a statement could not be carried out again at the start: {each}" for each in self.left_out]

    def start(self) -> None:
        """Enter the command log again, and start its queries."""
        engine = self._engine
        self._enter_all(engine.commands.commands())
        engine.models.publish(engine.catalog.models)
        self.when_ready(self._ready_topics)
        for query_id in engine.catalog.queries:
            engine.begin(engine.plans[query_id], trouble=self._trouble)

    def when_ready(self, do: Callable[[], object]) -> None:
        """Do what needs the topics: now, or as soon as they can be reached."""
        with self._doing:
            self._then.append(do)
            if len(self._then) > 1:
                return
            try:
                self._do()
            except NotLetIn:
                raise
            except EnvironmentFault as error:
                if not self._patient:
                    raise
                self._tell(error)
                if not self._thread.is_alive():
                    super().start()

    def close(self) -> None:
        """Wait for the topics no more, nor for who asks them."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def tick(self) -> None:
        """Try again what needs the topics."""
        if not self._then:
            return
        try:
            self._engine.topics.list()  # not under the lock: it may take long
            with self._doing:
                if self._end.is_set():
                    return
                self._do()
        except EnvironmentFault as error:
            self._tell(error)
        except MergusError as error:
            log.error("what is done at the start is refused: %s", error)
            self._then.pop(0)
        if not self._then:
            self._engine.lifecycle.try_again()

    def _do(self) -> None:
        while self._then:
            self._then[0]()
            self._then.pop(0)
        if self._told:
            self._told = ""
            log.info("what waited for the topics is done")

    def _tell(self, error: EnvironmentFault) -> None:
        if error.message != self._told:  # a detail may say each time how long it took
            said = error.message if error.detail is None else f"{error.message} ({error.detail})"
            log.warning("what needs the topics waits, and is done when this is mended: %s", said)
            self._told, self._trouble = error.message, str(error)

    # ------------------------------------------------------------------------------------------------------ command log
    def _enter_all(self, commands: Iterable[Command]) -> None:
        """Those of which one cannot be entered again are left out; state of queries that have ended goes, where the server
        died before it did."""
        ended: set[str] = set()
        left_out: set[str | None] = set()
        self._enter_statement(_LOG)
        for command in commands:
            try:
                ended.update(self._entered(command))
            except MergusError as error:
                log.error("a statement of the command log cannot be carried out again: %s", error.message)
                self.left_out.append(f"{_beginning(command.text)} ({error.message})")
                left_out.add(command.query_id)
        self._enter_statement(_LOG)  # a data folder of an earlier version may have dropped it
        for query_id in ended - left_out - self._engine.catalog.queries.keys():
            shutil.rmtree(self._engine.lifecycle.folder(query_id), ignore_errors=True)

    def _entered(self, command: Command) -> tuple[str, ...]:
        """Enter a statement again; the queries that it ends."""
        catalog = self._engine.catalog
        numbered = _NUMBER.search(command.query_id or "")
        number = -1 if numbered is None else int(numbered[1])
        catalog.skip_query_ids(number)
        try:
            change = self._enter_statement(command)
        except MergusError:
            catalog.skip_query_ids(number + 1)  # its state is kept under this id
            raise
        if change is not None and TO_DELETE in command.settings:
            self._unfinished.append((command.sequence, json.loads(command.settings[TO_DELETE])))
        return () if change is None else change.terminate

    def _enter_statement(self, command: Command) -> Change | None:
        engine = self._engine
        statement = parse_statement(command.text, engine.catalog.types)
        if isinstance(statement, AlterSystem):
            engine.system[statement.name] = statement.value
            return None
        world = engine.world(command.settings, replaying=True, now_ms=command.time_ms)
        change = prepare(statement, command.text, world)
        engine.enter(change)
        return change

    # ----------------------------------------------------------------------------------------------------------- topics
    def _ready_topics(self) -> None:
        """What queries need of topics is there; what statements had still to delete is not."""
        engine = self._engine
        with engine.changing:
            processing_log.prepare(engine.topics)
            for query_id, entry in engine.catalog.queries.items():
                for source in entry.sources:
                    self._recreate_topic(source)
                engine.make_again_topics(engine.plans[query_id])
            self._delete_unfinished()

    def _delete_unfinished(self) -> None:
        """What statements had to delete while the topics were away, or when the server died."""
        with self._engine.changing:
            while self._unfinished:
                sequence, names = self._unfinished[0]
                self._delete_unused(names)
                self._engine.commands.remove_note(sequence, TO_DELETE)
                self._unfinished.pop(0)

    def delete(self, sequence: int, names: Sequence[str]) -> tuple[str, ...]:
        """Delete the topics that a statement names: now, or, where they are away, as soon as they can be reached, which gives a
        warning. Raises EnvironmentFault where that is refused. Called while the engine is changing."""
        if not names:
            return ()
        try:
            self._engine.topics.list()
        except EnvironmentFault as error:
            self._unfinished.append((sequence, list(names)))
            self._then.append(self._delete_unfinished)
            if not self._thread.is_alive():
                super().start()
            return (f"topic {', '.join(names)} is deleted as soon as the topics can be reached: {error.message}",)
        try:
            for name in names:
                delete_topic(self._engine.topics, name)
            delete(names, self._engine.schema_registry)
        finally:  # what it could not delete has been told
            self._has_deleted(sequence)
        return ()

    def _has_deleted(self, sequence: int) -> None:
        """What a statement had to delete has gone, or it was told that it has not: the next start need not look."""
        try:
            self._engine.commands.remove_note(sequence, TO_DELETE)
        except EnvironmentFault as error:  # the statement is carried out all the same
            log.warning("the next start looks again for topics that are deleted: %s", error.message)

    def _delete_unused(self, names: list[str]) -> None:
        unused = [name for name in names if not self._engine.catalog.topic_users(name)]
        for name in unused:
            delete_topic(self._engine.topics, name)
        delete(unused, self._engine.schema_registry)

    def _recreate_topic(self, source: str) -> None:
        engine, relation = self._engine, self._engine.catalog.find(source)
        if relation is not None and relation.topic and engine.topics.describe(relation.topic) is None:
            log.error("a query's topic is gone: %s is made anew, empty", relation.topic)
            make_topic(engine.topics, topic_of(relation, relation.partitions or 1))
