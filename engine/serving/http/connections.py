"""A server's connections: HTTP/1.1 by uvicorn's protocol over httptools, all else by hypercorn, which costs twice as much.

All else is HTTP/2 in clear text, as clients of ksqlDB's push queries begin it (RFC 9113, 3.3: with a preface, unasked), what
asks for an upgrade, and HTTP/1.0, whose answers have no chunks. A connection that hypercorn has been given stays with it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from email.utils import formatdate

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config as HypercornConfig
from starlette.types import ASGIApp
from uvicorn.config import Config as UvicornConfig
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
KEEP_ALIVE_S = 75
"""How long a connection is kept on which nothing is asked, as other servers do. A stop does not wait for it."""
HEAD_BYTES_MAX = 64 << 10
"""Bytes of a head that is not whole yet; the same of what stands between the pieces of a body."""
ABORTED_S = 1.0
"""How long is waited for what connections that are cut off leave behind."""


class Connections:
    """The connections of a server of one application."""

    def __init__(self, app: ASGIApp) -> None:
        self.http1 = UvicornConfig(
            app,
            interface="asgi3",
            ws="none",
            lifespan="off",
            proxy_headers=False,
            log_config=None,
            log_level="critical",  # the application logs what fails, without a request's words
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self.http1.load()
        self.state = ServerState()
        self._http2 = HypercornConfig()
        self._http2.keep_alive_max_requests = sys.maxsize  # a client asks as often as it likes
        self._http2.keep_alive_timeout = float(KEEP_ALIVE_S)
        self._http2.errorlog = None
        self._http2.accesslog = None
        self._app = ASGIWrapper(app)  # type: ignore[arg-type]
        self._context = WorkerContext(None)
        self._open: dict[asyncio.Future[None], asyncio.Transport] = {}  # by what is done when they are closed
        self._second = 0

    def connection(self) -> asyncio.Protocol:
        """The protocol of a new one."""
        return _Connection(self)

    def opened(self, transport: asyncio.Transport, closed: asyncio.Future[None]) -> None:
        """Count a connection as open until `closed` is done."""
        self._open[closed] = transport
        closed.add_done_callback(self._open.pop)

    def tell_date(self) -> None:
        """Bring the headers of all answers over HTTP/1.1 up to date."""
        if (second := int(time.time())) != self._second:
            self._second = second
            date = formatdate(second, usegmt=True).encode()
            self.state.default_headers = [(b"date", date), *self.http1.encoded_headers]

    def hand_over(self, transport: asyncio.Transport, read: bytes) -> None:
        """Let hypercorn have a connection, of which so much has been read."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(read)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        serving = TCPServer(self._app, loop, self._http2, self._context, {}, reader, writer)
        self.opened(transport, loop.create_task(serving.run()))

    async def close(self, grace_s: float) -> None:
        """Close those on which nothing is asked, the others when they are answered, and cut off what then remains."""
        for connection in list(self.state.connections):
            connection.shutdown()
        await self._context.terminated.set()
        await self._closed(grace_s)
        for transport in self._open.values():
            transport.abort()
        await self._closed(ABORTED_S)

    async def _closed(self, limit_s: float) -> None:
        if under_way := {*self._open, *self.state.tasks}:
            await asyncio.wait(under_way, timeout=limit_s)


class _Connection(HttpToolsProtocol):
    """A connection, for as long as it is of HTTP/1.1. Beyond uvicorn's protocol it does not wait for ever for a request, or
    for its head, nor take a head of any size, and a client that goes ends all that it has asked, not the last only."""

    def __init__(self, of: Connections) -> None:
        super().__init__(of.http1, of.state, {})
        self._of = of
        self._closed: asyncio.Future[None] = self.loop.create_future()
        self._begun = False
        self._read = b""  # since the last head or piece of a body; none where that came together with what follows
        self._for_hypercorn = False
        self._asked: list[RequestResponseCycle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._of.opened(transport, self._closed)
        self._limit_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for cycle in self._asked:
            cycle.disconnected = True
            cycle.message_event.set()
        self._closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        if not self._begun and PREFACE.startswith(data[: len(PREFACE)]):  # or the beginning of it: hypercorn finds out
            self._hand_over(data)
            return
        self._begun = True
        self._read = self._read + data if self._read else data
        self._of.tell_date()
        super().data_received(data)
        if len(self._read) > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
        self._limit_wait()

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            raise ValueError("RFC 9112, 3.2: one Host")
        if version == "1.0" or self.parser.should_upgrade():
            self._for_hypercorn = True
            raise ValueError("for hypercorn")
        self._read = b""
        super().on_headers_complete()
        self._asked = [*(cycle for cycle in self._asked if not cycle.response_complete), self.cycle]

    def on_body(self, body: bytes) -> None:
        self._read = b""
        super().on_body(body)
        if self.cycle.response_complete:  # nobody reads it, and who goes on to send shall notice
            self.transport.close()

    def on_message_complete(self) -> None:
        self._read = b""
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn does when the parser, or one of the methods above, does not take what has been read."""
        under_way = [cycle for cycle in self._asked if not cycle.response_complete]
        if self._for_hypercorn and self._read and not under_way:
            self._hand_over(self._read)
        elif any(cycle.response_started for cycle in under_way):
            self.transport.close()  # in the midst of an answer
        else:
            super().send_400_response(msg)

    def _hand_over(self, read: bytes) -> None:
        self._read = b""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        self.connections.discard(self)
        self._of.hand_over(self.transport, read)
        self._closed.set_result(None)

    def _limit_wait(self) -> None:
        """Where no answer is under way, what comes next is waited for as long as for another request."""
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.timeout_keep_alive_task is None and not self._closed.done():
            wait = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = wait
