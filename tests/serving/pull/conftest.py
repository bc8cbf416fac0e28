"""Models that note what they are asked, behind a server and as functions of DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.serving.asked_models import Asked, as_macros, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with served(tmp_path_factory.mktemp("models")) as made:
        yield made


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    with as_macros() as made:
        yield made
