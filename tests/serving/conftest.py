"""A server on a thread of the test's own process, over the engine of the module's `db` fixture."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config as HypercornConfig

from mergus.engine.serving.http import application
from mergus.engine.serving.http_server import bind, url_of


@pytest.fixture(scope="module")
def url(db):
    """The application on a thread of this process, so that tests can look behind it."""
    listening = bind("127.0.0.1:0")
    found, stop, ready = url_of(listening), asyncio.Event(), threading.Event()
    loops = []

    async def main():
        loops.append(asyncio.get_running_loop())
        config = HypercornConfig()
        config.bind = [f"fd://{listening.detach()}"]
        config.errorlog = None
        ready.set()
        await serve(application(db.engine), config, shutdown_trigger=stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(30)
    yield found
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(30)
