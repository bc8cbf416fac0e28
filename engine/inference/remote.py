"""A model on another server, over HTTP: connections kept open, retries with growing pauses, and a circuit breaker.

What the server says about a request (4xx) is the rows' fault, and the runtime finds the bad row. A server that cannot be
reached, is overloaded or fails is the environment's: after the last retry the query fails and goes on from its checkpoint
later, so that no row is answered with NULL for it. After several such failures in a row nobody is asked for a while.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import EnvironmentFault, RecordError, UserError
from .program import Source
from .providers import library

OVERLOADED = (429, 500, 502, 503, 504)
PAUSE_S, PAUSE_MAX_S = 0.1, 5.0
FAILURES_MAX = 5
OPEN_S = 10.0


@dataclass
class Breaker:
    """Counts failures in a row: after `limit` of them it is open for `open_s`, then lets one call try."""

    limit: int = FAILURES_MAX
    open_s: float = OPEN_S
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self) -> float:
        """How long nobody may be asked, 0 where one may; asking counts as the one try of a breaker that was open."""
        with self._lock:
            if self._failures < self.limit:
                return 0.0
            left = self._until - self.clock()
            if left <= 0:
                self._until = self.clock() + self.open_s
            return max(0.0, left)

    def good(self) -> None:
        """The server has answered."""
        with self._lock:
            self._failures = 0

    def bad(self) -> None:
        """It has not."""
        with self._lock:
            self._failures += 1
            if self._failures >= self.limit:
                self._until = self.clock() + self.open_s


class Endpoint:
    """One server's JSON over HTTP. Safe to share between threads. Options: `remote.timeout.ms` (10,000),
    `remote.retries` (3), `remote.token.env`: the environment variable that holds a bearer token."""

    def __init__(
        self,
        source: Source,
        *,
        pause: Callable[[float], None] = time.sleep,
        breaker: Breaker | None = None,
        transport: Any = None,
    ) -> None:
        self.name = source.name
        self.url = url_of(source)
        self._retries = _number(source, "remote.retries", 3)
        timeout_s = _number(source, "remote.timeout.ms", 10_000) / 1000
        http: Any = library("httpx")
        self._failed: type[Exception] = http.TransportError
        self._client = http.Client(timeout=timeout_s, headers=_headers(source), transport=transport)
        self._pause = pause
        self._breaker = breaker or Breaker()

    def get(self, url: str) -> Any:
        """What a path answers. Raises EnvironmentFault, or RecordError for a refusal."""
        return self._asked("GET", url, None)

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """What it answers to a body. Raises as `get`."""
        return self._asked("POST", url, json.dumps(body))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _asked(self, method: str, url: str, body: str | None) -> Any:
        why = ""
        for attempt in range(self._retries + 1):
            wait_s = self._breaker.wait_s()
            if wait_s > 0:
                raise EnvironmentFault(
                    f"model {self.name}: its server has failed too often, and is asked again in {wait_s:.1f} s",
                    detail=why or self.url,
                )
            try:
                answer = self._client.request(method, url, content=body, headers={"Content-Type": "application/json"})
            except self._failed as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code not in OVERLOADED:
                    self._breaker.good()
                    return self._read(answer)
                why = f"{answer.status_code}: {_said(answer)}"
            self._breaker.bad()
            if attempt < self._retries:
                longest = min(PAUSE_MAX_S, PAUSE_S * 2**attempt)
                self._pause(longest * random.uniform(0.5, 1.0))  # so that many do not come back at once
        raise EnvironmentFault(f"model {self.name}: its server cannot be asked", detail=f"{self.url}: {why}")

    def _read(self, answer: Any) -> Any:
        if answer.status_code >= 400:
            raise RecordError(f"the model's server refuses: {answer.status_code} {_said(answer)}")
        try:
            return json.loads(answer.content)
        except ValueError:
            raise EnvironmentFault(f"model {self.name}: its server's answer is not JSON", detail=self.url) from None


def _said(answer: Any) -> str:
    """What a refusal says, its JSON unpacked."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return str(answer.text)[:200]
    return str(body.get("error", body) if isinstance(body, dict) else body)[:200]


def url_of(source: Source) -> str:
    """The URL that the version's file names."""
    url: str = json.loads(source.path.read_text())["url"]
    return url.rstrip("/")


def _headers(source: Source) -> dict[str, str]:
    variable = source.options.get("remote.token.env")
    if variable is None:
        return {}
    token = os.environ.get(variable)
    if token is None:
        raise UserError(f"model {source.name}: the environment has no variable {variable}")
    return {"Authorization": f"Bearer {token}"}


def _number(source: Source, option: str, usual: int) -> int:
    given = source.options.get(option, str(usual))
    if not given.isdigit():
        raise UserError(f"model {source.name}: '{option}' is a whole number, not {given}")
    return int(given)
