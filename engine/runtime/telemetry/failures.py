"""What queries failed of, told: a line in the server's log, an entry in the processing log.

On a thread of its own, because what has failed is often the topics: who reports must not wait for them. A query that fails
of the same again is not told again for a while.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from ...errors import MergusError
from ...io.topics import Topics
from ...operators.operator import Failure
from .processing_log import ProcessingLog

AGAIN_S = 600.0
"""How long the same failure of a query is not told again."""
CLOSE_S = 5.0
_WAITING_MAX = 1_000
log = logging.getLogger("mergus.queries")


class Failures:
    """Methods may be called from any thread, and do not block."""

    def __init__(self, topics: Topics, now_ms: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._entries = ProcessingLog("", topics, now_ms, lambda _: None)
        self._clock = clock
        self._told: dict[str, tuple[str, float]] = {}
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(_WAITING_MAX)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, query_id: str, reason: str, words: str) -> None:
        """A query has failed of `reason`; `words` say it without a record's or row's values."""
        with self._lock:
            before, at = self._told.get(query_id, ("", 0.0))
            if before == reason and self._clock() - at < AGAIN_S:
                return
            self._told[query_id] = (reason, self._clock())
            log.error("query %s has failed, and is tried again: %s", query_id, " ".join(words.split()))
            if self._waiting.full():
                return
            self._waiting.put((query_id, reason))
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="failures", daemon=True)
                self._thread.start()

    def forget(self, query_id: str) -> None:
        """The query has ended for good."""
        with self._lock:
            self._told.pop(query_id, None)

    def _live(self) -> None:
        while (noted := self._waiting.get()) is not None:
            self._entries.query_id, reason = noted
            self._entries.report(Failure(reason, "query"))
            try:
                self._entries.flush()
            except MergusError as error:
                log.warning("the processing log cannot be written: %s", error.message)

    def close(self) -> None:
        """Write what waits, where the topics can be reached."""
        if self._thread is None:
            return
        if not self._waiting.full():
            self._waiting.put(None)
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._entries.close()
