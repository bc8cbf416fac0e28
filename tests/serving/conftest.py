"""A server on a thread of the test's own process, over the engine of the module's `db` fixture."""

from __future__ import annotations

import httpx
import pytest

from tests.serving_thread import served


@pytest.fixture(scope="module")
def url(db):
    """Where the application over `db` answers."""
    with served(db.engine) as found:
        yield found


@pytest.fixture
def client(url):
    """Speaks to the application over `db`."""
    with httpx.Client(base_url=url, timeout=60) as found:
        yield found
