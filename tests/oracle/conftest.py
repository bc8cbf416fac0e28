"""A DuckDB for all cases."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from mergus.engine.state.duckdb import connect


@pytest.fixture(scope="session")
def instance() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect()
    yield connection
    connection.close()
