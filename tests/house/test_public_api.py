"""What `import mergus` promises: these names, from where they are installed, and nothing heavy before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mergus
from tests.house.tree import LINKS, ROOT

PUBLIC = ["MergusError", "__version__", "connect", "errors", "model_function", "udaf", "udf", "udtf"]
HEAVY = ("bytewax", "confluent_kafka", "duckdb", "pandas", "pyarrow", "sqlglot", "starlette", "tensorflow")


def test_the_public_names_are_these() -> None:
    assert sorted(mergus.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(mergus, name) is not None
    assert name in dir(mergus)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        _ = mergus.nothing_of_the_kind


def test_importing_mergus_loads_nothing_heavy() -> None:
    code = f"import sys, mergus; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("link", LINKS)
def test_the_links_lead_to_the_rooms(link: str) -> None:
    path = ROOT / link
    assert path.is_symlink()
    assert not path.readlink().is_absolute()
    assert path.resolve() == ROOT / Path(link).name
