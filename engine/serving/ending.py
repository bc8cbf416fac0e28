"""The end of a server for good (ksqlDB's TERMINATE CLUSTER): all queries and definitions go; topics only where that is asked."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import EnvironmentFault, UserError
from ..sql.catalog import Catalog
from . import opening
from .changes.topics import delete_topic
from .results import Done
from .schemas import delete

if TYPE_CHECKING:
    from .engine import Engine

log = logging.getLogger("mergus.engine")


class ClusterTerminated(EnvironmentFault):
    """The server was ended for good; it waits to be stopped."""


def end_for_good(engine: Engine, delete_topics: Sequence[str]) -> Done:
    """End every query, forget every definition, and of the topics that queries made delete those that a name or regular
    expression of `delete_topics` is. Nothing else is answered from then on. Raises UserError for an expression that is
    none, before anything is done."""
    wanted = [_expression(each) for each in delete_topics]
    with engine.changing:
        engine.check_alive()
        made = [r.topic for r in engine.catalog.relations.values() if engine.catalog.writers(r.name)]
        topics = [t for t in dict.fromkeys(made) if any(t == each.pattern or each.fullmatch(t) for each in wanted)]
        engine.commands.clear()  # from here on a restart finds nothing
        engine.terminated = True
        log.warning("the server is ended for good: %d queries, %d topics", len(engine.catalog.queries), len(topics))
        engine.questions.close()
        queries, engine.plans, engine.paused = list(engine.catalog.queries), {}, set()
        engine.catalog, engine.registry = Catalog(), opening.registry(engine.config)
        for query_id in queries:
            engine.lifecycle.terminate(query_id)
        engine.models.publish({})
        for name in topics:
            delete_topic(engine.topics, name)
        delete(topics, engine.schema_registry)
    return Done("TERMINATE CLUSTER", "The server is ended for good.", ("cluster", "TerminateCluster", "terminate"))


def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as why:
        raise UserError(f"{text!r} is neither a topic's name nor a regular expression", detail=str(why)) from None
