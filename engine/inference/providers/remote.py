"""A model on another server: connections kept open, retries with growing pauses, and a circuit breaker. Here for all ways
to ask, with the one over HTTP and JSON; gRPC's is `remote_grpc.py`.

What the server says about the rows of a request (400, 413, 422, INVALID_ARGUMENT) is their fault, and the runtime finds the
bad row. A server that cannot be reached, is overloaded or fails, does not let us in (401), has no such model (404) or gives
what is no answer is the environment's: after the last retry the query fails and goes on from its checkpoint later, so that no
row is answered with NULL for it. After several such failures in a row nobody is asked for a while.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ...errors import EnvironmentFault, RecordError, UserError
from ..program import Source
from .registry import library

OVERLOADED = (408, 425, 429, 500, 502, 503, 504)
OF_ROWS = (400, 413, 422)
PAUSE_S, PAUSE_MAX_S = 0.1, 5.0
FAILURES_MAX = 5
OPEN_S = 10.0
_HINTS = dict.fromkeys((401, 403), "'remote.token.env' names the environment variable that holds a token")
T = TypeVar("T")


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


class Unavailable(Exception):
    """One attempt that has failed and may be tried again; its text says why."""


class Asking:
    """How one server is asked: attempt by attempt, as its options say. Safe to share between threads. Options:
    `remote.timeout.ms` (10,000), `remote.retries` (3), `remote.token.env`: the environment variable with a bearer token."""

    def __init__(
        self, source: Source, *, pause: Callable[[float], None] = time.sleep, breaker: Breaker | None = None
    ) -> None:
        self.name = source.name
        self.url = url_of(source)
        self.timeout_s = _number(source, "remote.timeout.ms", 10_000) / 1000
        self.token = _token(source)
        self._retries = _number(source, "remote.retries", 3)
        self._pause = pause
        self._breaker = breaker or Breaker()

    def until_answered(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives, which raises Unavailable where it may be called again. Raises EnvironmentFault when the last
        one has failed, or nobody may be asked."""
        why = ""
        for number in range(self._retries + 1):
            wait_s = self._breaker.wait_s()
            if wait_s > 0:
                raise EnvironmentFault(
                    f"model {self.name}: its server has failed too often, and is asked again in {wait_s:.1f} s",
                    detail=why or self.url,
                )
            try:
                answer = attempt()
            except Unavailable as error:
                why = str(error)
            except RecordError:  # it has answered: that it does not like the rows
                self._breaker.good()
                raise
            else:
                self._breaker.good()
                return answer
            self._breaker.bad()
            if number < self._retries:
                longest = min(PAUSE_MAX_S, PAUSE_S * 2**number)
                self._pause(longest * random.uniform(0.5, 1.0))  # so that many do not come back at once
        raise EnvironmentFault(f"model {self.name}: its server cannot be asked", detail=f"{self.url}: {why}")


class Endpoint:
    """One server's JSON over HTTP. Safe to share between threads."""

    def __init__(
        self,
        source: Source,
        *,
        asking: Asking | None = None,
        transport: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asking = asking or Asking(source)
        self._clock = clock
        self.url = self._asking.url
        http: Any = library("httpx")
        self._failed: type[Exception] = http.RequestError
        token = self._asking.token
        headers = {} if token is None else {"Authorization": token}
        self._client = http.Client(timeout=self._asking.timeout_s, headers=headers, transport=transport)

    def get(self, url: str) -> Any:
        """What a path answers. Raises EnvironmentFault, or RecordError for a refusal."""
        return self._asking.until_answered(lambda: self._asked("GET", url, None))

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """What it answers to a body. Raises as `get`."""
        content = json.dumps(body)
        return self._asking.until_answered(lambda: self._asked("POST", url, content))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _asked(self, method: str, url: str, body: str | None) -> Any:
        try:
            with self._client.stream(method, url, content=body, headers={"Content-Type": "application/json"}) as answer:
                content = self._whole(answer)
        except self._failed as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        if answer.status_code in OVERLOADED:
            raise Unavailable(f"{answer.status_code}: {_said(content)}")
        if answer.status_code in OF_ROWS:
            raise RecordError(f"the model's server refuses: {answer.status_code} {_said(content)}")
        if answer.status_code >= 300:
            raise EnvironmentFault(
                f"model {self._asking.name}: its server refuses: {answer.status_code} {_said(content)}",
                detail=url,
                hint=_HINTS.get(answer.status_code, "is PATH right?"),
            )
        try:
            return json.loads(content)
        except ValueError:
            raise EnvironmentFault(f"model {self._asking.name}: its server's answer is not JSON", detail=url) from None

    def _whole(self, answer: Any) -> bytes:
        """An answer's body. The client's time-out is for each piece of it: one that drips would never come to an end."""
        end = self._clock() + self._asking.timeout_s
        content = bytearray()
        for piece in answer.iter_bytes():
            content += piece
            if self._clock() > end:
                raise Unavailable(f"no whole answer within {self._asking.timeout_s:g} s")
        return bytes(content)


@contextmanager
def reading(source: Source) -> Iterator[None]:
    """What raises inside because an answer is not of the protocol's form is the environment's fault, not that of rows."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as why:
        raise EnvironmentFault(
            f"model {source.name}: its server's answer is not of the protocol's form",
            detail=f"{type(why).__name__}: {why}",
        ) from why


def numbers(flat: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Numbers of JSON as a tensor's. Raises ValueError for a fraction where whole numbers are told: it would be cut off."""
    if dtype.kind in "iu" and any(isinstance(n, float) and not n.is_integer() for n in flat):
        raise ValueError(f"a fraction among numbers of type {dtype}")
    return np.asarray(flat, dtype=dtype)


def flattened(data: Any) -> list[Any]:
    """The values of a tensor, whether its data is one list or has a list for each dimension.

    >>> flattened([[1, 2], [3, 4]])
    [1, 2, 3, 4]
    """
    while data and isinstance(data[0], list):
        data = [value for row in data for value in row]
    return list(data)


def _said(content: bytes) -> str:
    """What a refusal says, its JSON unpacked."""
    try:
        body = json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:200]
    return str(body.get("error", body) if isinstance(body, dict) else body)[:200]


def url_of(source: Source) -> str:
    """The URL that the version's file names."""
    url: str = json.loads(source.path.read_text())["url"]
    return url.rstrip("/")


def _token(source: Source) -> str | None:
    """What an `Authorization` header says, None for nothing."""
    variable = source.options.get("remote.token.env")
    if variable is None:
        return None
    token = os.environ.get(variable)
    if token is None:
        raise UserError(f"model {source.name}: the environment has no variable {variable}")
    return f"Bearer {token}"


def is_grpc(source: Source) -> bool:
    """Whether the server is asked by gRPC: 'remote.transport' is rest (unless told) or grpc."""
    chosen = source.options.get("remote.transport", "rest").lower()
    if chosen not in ("rest", "grpc"):
        raise UserError(f"model {source.name}: 'remote.transport' is rest or grpc, not {chosen}")
    return chosen == "grpc"


def _number(source: Source, option: str, usual: int) -> int:
    given = source.options.get(option, str(usual))
    if not given.isdecimal():
        raise UserError(f"model {source.name}: '{option}' is a whole number, not {given}")
    return int(given)
