"""What the tests of the state share: a sealed instance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mergus.engine.state.duckdb import connect, seal


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect()
    seal(connection, [tmp_path])
    yield connection
    connection.close()
