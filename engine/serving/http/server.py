"""The HTTP server: hypercorn (HTTP/1.1 and HTTP/2) over the application, until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config as HypercornConfig

from ...errors import EnvironmentFault, UserError
from ..engine import Engine
from .application import application

KEEP_ALIVE_S = 75.0
"""How long a connection is kept on which nothing is asked, as other servers do. A stop does not wait for it."""
GRACE_S = 5.0
"""How long a stop waits for the answers under way."""


def bind(listen: str) -> socket.socket:
    """A listening socket on HOST:PORT (port 0: any free one). Raises EnvironmentFault where it is in use."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit():
        raise UserError(f"cannot listen on {listen!r}", hint="give HOST:PORT, for example 127.0.0.1:8088")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=256)
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


def _but_for_cancelled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Python 3.11 tells of a connection's task that was cancelled as of a fault."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


async def _serve(engine: Engine, listening: socket.socket, ready: Callable[[str], None]) -> None:
    stop, closed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    config = HypercornConfig()
    url = url_of(listening)
    config.bind = [f"fd://{listening.detach()}"]  # hypercorn's to close
    config.graceful_timeout = GRACE_S
    config.keep_alive_max_requests = sys.maxsize  # a client asks as often as it likes
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.errorlog = None
    config.accesslog = None
    ready(url)

    async def stopped() -> None:
        await stop.wait()
        await asyncio.to_thread(engine.questions.close)  # push queries end, so that their connections can
        closed.set()

    serving = asyncio.create_task(serve(application(engine), config, shutdown_trigger=stopped))  # type: ignore[arg-type]
    await asyncio.wait({serving, asyncio.create_task(closed.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({serving}, timeout=GRACE_S + 1)
    loop.set_exception_handler(_but_for_cancelled)
    while not serving.done():  # a connection whose client never reads waits for it until it is cancelled twice
        for task in asyncio.all_tasks() - {asyncio.current_task(), serving}:
            if getattr(task.get_coro(), "__name__", "") != "handle_lifespan":  # hypercorn ends that itself, in its turn
                task.cancel()
        await asyncio.wait({serving}, timeout=0.5)
    await serving
