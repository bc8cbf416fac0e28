"""Refusals that are given before a request has been read to its end, as for a path that is not there.

Over HTTP/1 what has not been read of the request stands before all that might be asked next, and a client that waits to be
told to go on with it (Expect: 100-continue) may leave it out. So such a connection is closed behind the answer, which says so.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REFUSED = 400


class EarlyRefusals:
    """ASGI: adds `Connection: close` to refusals of HTTP/1 requests whose body has not been read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["http_version"].startswith("1") or not _has_body(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        whole = False

        async def heard() -> Message:
            nonlocal whole
            message = await receive()
            whole = whole or not message.get("more_body")
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= REFUSED and not whole:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self.app(scope, heard, told)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
