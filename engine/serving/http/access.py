"""What is told of every request: a line in the log, and counts for Prometheus. Nothing of its body or answer."""

from __future__ import annotations

import logging
import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from ...runtime.telemetry.metrics import LATENCY_BOUNDS

log = logging.getLogger("mergus.http")
_UNKNOWN = "(another path)"


class RequestMetrics:
    """Requests by path and status, and how long each path's answers took to begin: a push query's goes on for hours."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mergus_http_requests", "Requests answered", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "mergus_http_seconds",
            "From a request to the first byte of its answer",
            ["path"],
            buckets=LATENCY_BOUNDS,
            registry=self._registry,
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """An answer has begun."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def exposition(self) -> str:
        """What /metrics answers of them."""
        return generate_latest(self._registry).decode()


class AccessLog:
    """One line a request: method, path, status, time. What a path names may be anything, so it is not told: a path with
    a name in it is told as its route's (`/v2/…`), one that is none of ours not at all."""

    def __init__(self, app: Starlette, metrics: RequestMetrics) -> None:
        self.app = app
        self.metrics = metrics
        routes = [route for route in app.routes if isinstance(route, Route | Mount)]
        named = [route.path for route in routes if isinstance(route, Mount) or "{" in route.path]
        self._begins = [path.partition("{")[0].rstrip("/") + "/" for path in named]
        self._whole = {route.path for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status, answered = time.monotonic(), 0, False
        path = self._path(scope["path"])

        async def told(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                self.metrics.answered(path, status, time.monotonic() - begun)
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await self.app(scope, receive, told)
        except Exception:
            if not answered:  # starlette raises also what it has logged and answered: it would cost the connection
                raise
        finally:
            took_ms = 1000 * (time.monotonic() - begun)
            level = logging.DEBUG if path in ("/metrics", "/healthcheck") else logging.INFO
            log.log(level, "%s %s %d %.1f ms", scope["method"], path, status, took_ms)

    def _path(self, path: str) -> str:
        if path in self._whole:
            return path
        return next((f"{begin}…" for begin in self._begins if path.startswith(begin)), _UNKNOWN)
