"""What a server does about its models unasked: it looks for new versions in watched folders and topics, and ends canaries.

All that it does are statements, so that the command log holds them as if somebody had said them: a restart finds the same
models. It looks once a second, on a thread of its own; `tick` is one look.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ...clock import Keeper
from ...errors import EnvironmentFault, MergusError
from ...inference.versions import topic_artefacts
from ...inference.versions.watched import Print, fingerprint, newest
from ...sql.catalog_models import Canary, ModelEntry, ModelVersion
from ...sql.types import quote_if_needed
from ..describe.models import create_text
from ..results import Rows
from ..session import Session
from .canary import Counts, Watched, counted, judge, read_watched, write_watched

if TYPE_CHECKING:
    from ..engine import Engine

EVERY_S = 1.0
log = logging.getLogger("mergus.models")


class ModelKeeper(Keeper):
    """Looks after the models of one engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("model keeper", EVERY_S)
        self._engine = engine
        self._seen: dict[str, tuple[Path, Print]] = {}
        self._refused: dict[str, tuple[Path, Print]] = {}
        self._ends: dict[str, dict[int, int]] = {}
        self._kept = engine.models.folder / "canaries.json"
        self._watched = read_watched(self._kept)

    def tick(self) -> None:
        """Look once at every model."""
        for entry in list(self._engine.catalog.models.values()):
            try:
                self._look_for_versions(entry)
                self._look_at_topic(entry)
                self._look_at_canary(entry)
            except (MergusError, OSError) as error:
                log.warning("model %s could not be looked after: %s", entry.name, error)

    def _look_for_versions(self, entry: ModelEntry) -> None:
        """Bring the newest version of a watched folder, once it lies still from one look to the next."""
        latest = entry.versions[-1]
        base = latest.record.get("watch")
        found = None if base is None else newest(Path(str(base)))
        if found is None or str(found) == latest.record["source"]:
            return
        now = (found, fingerprint(found))
        seen, self._seen[entry.name] = self._seen.get(entry.name), now
        if seen != now or self._refused.get(entry.name) == now:
            return
        try:
            self._say(watched_text(entry.name, latest))
        except MergusError as error:
            self._refused[entry.name] = now  # until it changes
            log.warning("model %s: %s is not fit to be a version: %s", entry.name, found, error)

    def _look_at_topic(self, entry: ModelEntry) -> None:
        """Bring the newest version of a topic, where something has come since the last look."""
        latest, topics = entry.versions[-1], self._engine.topics
        topic = latest.record.get("topic")
        if topic is None or topics.describe(str(topic)) is None:
            return
        ends = topics.end_offsets(str(topic))
        if self._ends.get(entry.name) == ends:
            return
        at = topic_artefacts.newest(topics, str(topic), entry.name)
        if at is not None and list(at) != latest.record["taken"]:
            try:
                self._say(watched_text(entry.name, latest))
            except EnvironmentFault:
                raise  # it is tried again
            except MergusError as error:
                log.warning("model %s: what topic %s brings is not fit to be a version: %s", entry.name, topic, error)
        self._ends[entry.name] = ends  # one that is not fit is passed over until something comes behind it

    def _look_at_canary(self, entry: ModelEntry) -> None:
        """End a canary that has passed a limit, or its time."""
        canary = entry.canary
        if canary is None:
            if self._watched.pop(entry.name, None) is not None:
                write_watched(self._kept, self._watched)
            return
        over = entry.canary_is_over
        if over is not None:
            self._end_canary(entry, promote=False, reason=over)
            return
        now = self._counts(entry.name, str(entry.alias(canary.alias).number))
        known = self._watched.get(entry.name)
        if known is not None and known.canary != canary:
            known = None  # another one: it counts from here
        watched = self._watched[entry.name] = (known or Watched(canary, last=now)).after(now)
        if known is None or watched.done != known.done:
            write_watched(self._kept, self._watched)
        verdict = judge(canary, watched.done, self._engine.clock.now_ms(), self._says_back(entry.name, canary))
        if verdict is not None:
            self._end_canary(entry, promote=verdict.promote, reason=verdict.reason)

    def _end_canary(self, entry: ModelEntry, *, promote: bool, reason: str) -> None:
        way, why = "PROMOTE" if promote else "ROLLBACK", reason.replace("'", "''")
        self._say(f"ALTER MODEL {quote_if_needed(entry.name)} END CANARY {way} BECAUSE '{why}';")

    def _counts(self, name: str, version: str) -> dict[int, Counts]:
        """What a version has done in each host that answers, by its process."""
        found = self._engine.lifecycle.version_stats()
        return {host: counted(stats[name, version]) for host, stats in found.items() if (name, version) in stats}

    def _says_back(self, name: str, canary: Canary) -> bool | None:
        """Whether the first value of a canary's query is true; None where it cannot be asked."""
        if canary.query is None:
            return False
        try:
            table = first_table(self._engine, f"{canary.query};")
        except MergusError as error:
            log.warning("model %s: its canary's query cannot be asked, so it is not promoted: %s", name, error)
            return None
        return bool(table.num_rows and table.column(0)[0].as_py() is True)

    def _say(self, sql: str) -> None:
        for result in self._engine.execute(sql, Session(user="the server")):
            log.info("%s", getattr(result, "message", ""))


def first_table(engine: Engine, sql: str) -> pa.Table:
    """The answer of a pull query that the engine itself asks."""
    (answer,) = engine.execute(sql)
    assert isinstance(answer, Rows)  # a pull query has no other
    return answer.table


def watched_text(name: str, latest: ModelVersion) -> str:
    """The statement that takes in the newest version of a watched folder, as the one before was taken in."""
    return create_text(name, latest, again=True).replace("CREATE MODEL", "CREATE OR REPLACE MODEL", 1)
