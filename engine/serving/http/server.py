"""The HTTP server: a listening socket, and the application's answers over it until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp

from ...errors import EnvironmentFault, UserError
from ..engine import Engine
from .application import application
from .connections import Connections

BACKLOG = 256
GRACE_S = 5.0
"""How long a stop waits for the answers under way."""


def bind(listen: str) -> socket.socket:
    """A listening socket on HOST:PORT (port 0: any free one). Raises EnvironmentFault where it is in use."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal():
        raise UserError(f"cannot listen on {listen!r}", hint="give HOST:PORT, for example 127.0.0.1:8088")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # its connections inherit it; asyncio sets none
        return listening
    except (OSError, OverflowError) as why:
        in_use = getattr(why, "errno", None) == errno.EADDRINUSE
        raise EnvironmentFault(
            f"cannot listen on {listen}",
            detail="the port is in use" if in_use else str(why),
            hint="choose another with --listen HOST:PORT; port 0 takes a free one",
        ) from None


def url_of(listening: socket.socket) -> str:
    """Where the server is reached."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run(engine: Engine, listening: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the URL when requests are taken."""
    asyncio.run(_serve(engine, listening, ready))


async def _serve(engine: Engine, listening: socket.socket, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def stopped() -> None:
        await stop.wait()
        await asyncio.to_thread(engine.questions.close)  # push queries end, so that their connections can

    ready(url_of(listening))
    await serve(application(engine), listening, stopped)


async def serve(app: ASGIApp, listening: socket.socket, stopped: Callable[[], Awaitable[object]]) -> None:
    """Answer over a listening socket, which is closed in the end, until `stopped` returns."""
    connections = Connections(app)
    loop = asyncio.get_running_loop()
    accepting = await loop.create_server(connections.connection, sock=listening, backlog=BACKLOG)
    await stopped()
    accepting.close()
    await connections.close(GRACE_S)
