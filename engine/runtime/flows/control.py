"""The strings of one running flow: stop it, fail it, count what is under way.

No exception leaves a step, a source or a sink: Bytewax's panic hook would end the neighbours in the same process
(DESIGN §7.1). A step hands its exception to `fail`, which first writes down which epoch is void (`checkpoint.poison`),
so that the epoch may close without being believed; from then on every step drops what it gets and every source ends.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import EnvironmentFault, MergusError, UnknownName


@dataclass(frozen=True)
class FlowFailure:
    """Why a flow ended unasked. `epoch` is void: what was done in it is undone at the next start. `words` say it without a
    record's or row's values, for the server's log."""

    message: str
    trace: str
    epoch: int
    words: str

    @classmethod
    def of(cls, error: BaseException, epoch: int) -> FlowFailure:
        """The failure that an exception is."""
        kind = type(error).__name__
        message = str(error) if isinstance(error, MergusError) else f"{kind}: {error}"
        tells_all = isinstance(error, EnvironmentFault | UnknownName | OSError)
        return cls(message, "".join(traceback.format_exception(error)), epoch, message if tells_all else kind)


class Credits:
    """Bytes handed out by the sources and not yet acknowledged by the last stage: the source waits above `limit`.

    A batch larger than the limit passes when nothing else is under way, so that it cannot stop the flow for good.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.peak = 0
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def under_way(self) -> int:
        """Bytes handed out and not acknowledged."""
        return self._under_way

    def left(self) -> bool:
        """Whether a source may hand out more."""
        return self._under_way < self.limit

    def take(self, size: int) -> None:
        """A source hands out `size` bytes."""
        with self._lock:
            self._under_way += size
            self.peak = max(self.peak, self._under_way)

    def give(self, size: int) -> None:
        """The last stage has done with `size` bytes."""
        with self._lock:
            self._under_way = max(0, self._under_way - size)

    def reset(self) -> None:
        """Nothing is under way: an epoch has closed everywhere."""
        with self._lock:
            self._under_way = 0


class FlowControl:
    """Shared by all threads of one flow in one process. `poison` gets the void epoch before the failure is visible;
    `on_failure` is told afterwards (a flow over several processes ends its own there)."""

    def __init__(
        self,
        poison: Callable[[int], None],
        *,
        bytes_max: int,
        on_failure: Callable[[FlowFailure], None] | None = None,
    ) -> None:
        self.credits = Credits(bytes_max)
        self.failure: FlowFailure | None = None
        self.stopping = False
        self._poison = poison
        self._on_failure = on_failure
        self._lock = threading.Lock()

    @property
    def ended(self) -> bool:
        """Whether the sources must end: a stop was asked for, or the flow has failed."""
        return self.stopping or self.failure is not None

    def stop(self) -> None:
        """End the flow at the close of the current epoch."""
        self.stopping = True

    def fail(self, error: BaseException, epoch: int) -> None:
        """Take an exception out of a step. Only the first counts."""
        with self._lock:
            if self.failure is not None:
                return
            try:
                self._poison(epoch)  # where even this fails, it leaves the step: no epoch must close any more
            finally:
                self.failure = FlowFailure.of(error, epoch)
        if self._on_failure is not None:
            self._on_failure(self.failure)
