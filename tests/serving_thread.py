"""The HTTP application over an engine of this process, on a thread, so that tests can look behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mergus.engine.serving.engine import Engine
from mergus.engine.serving.http.application import application
from mergus.engine.serving.http.server import bind, serve, url_of


@contextmanager
def served(engine: Engine) -> Iterator[str]:
    """The URL of a server over `engine`, for as long as the block runs."""
    listening = bind("127.0.0.1:0")
    found, stop, ready = url_of(listening), asyncio.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        ready.set()
        await serve(application(engine), listening, stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield found
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(30)
