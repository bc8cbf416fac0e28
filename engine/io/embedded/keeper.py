"""What a server does about its embedded topics unasked: what is past retention goes, tables' topics are compacted.

Whoever appends keeps to retention too; this is for topics that nobody writes to any more. Several servers may look after
one file: retention is a short transaction, and one process at a time compacts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from ...clock import Keeper
from ...errors import MergusError
from .cleaner import Cleaner

log = logging.getLogger("mergus.topics")


class Cleaned(Protocol):
    """Topics that do not clean themselves."""

    def enforce_retention(self) -> int:
        """Drop what is past retention."""
        ...

    def cleaner(self, rest: Callable[[float], bool]) -> Cleaner:
        """What compacts them."""
        ...


class TopicsKeeper(Keeper):
    """Looks at retention and at compaction so often; 0: never. No topics: it does nothing."""

    def __init__(self, topics: Cleaned | None, *, retention_every_ms: int, compaction_every_ms: int) -> None:
        self._topics = topics
        self._cleaner: Cleaner | None = None  # made when it is first needed: most engines of a test end before
        work = ((retention_every_ms, self._retain), (compaction_every_ms, self._compact))
        self._work = [(every / 1000, look) for every, look in work if every > 0]
        self._waited = [0.0 for _ in self._work]
        super().__init__("topics keeper", min((every for every, _ in self._work), default=0.0))

    def start(self) -> None:
        """Look from now on."""
        if self._work and self._topics is not None:
            super().start()

    def close(self) -> None:
        """Look no more; the transaction under way is finished."""
        super().close()
        if self._cleaner is not None:
            self._cleaner.close()

    def tick(self) -> None:
        """Look at what is due."""
        for place, (every_s, look) in enumerate(self._work):
            self._waited[place] += self._every_s
            if self._waited[place] >= every_s:
                self._waited[place] = 0.0
                try:
                    look()
                except MergusError as error:
                    log.warning("the topics could not be looked after: %s", error)

    def _retain(self) -> None:
        if self._topics is not None:
            self._topics.enforce_retention()

    def _compact(self) -> None:
        if self._cleaner is None and self._topics is not None:
            self._cleaner = self._topics.cleaner(self._end.wait)
        if self._cleaner is not None:
            self._cleaner.run()
