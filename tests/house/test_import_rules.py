"""The rules of who may import what: import-linter's contracts, and those that it cannot say."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, python_files


def test_rooms_import_down_the_list_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_heavy_library_has_one_room() -> None:
    homes = {"bytewax": "runtime", "tensorflow": "inference"}
    strays = [
        f"{path.relative_to(ROOT)} imports {library}"
        for path in python_files("engine", "udfs")
        for module in imported(path)
        if (library := module.split(".")[0]) in homes and path.relative_to(ROOT).parts[:2] != ("engine", homes[library])
    ]
    assert strays == []


def test_duckdb_connections_are_made_in_state_only() -> None:
    strays = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files("engine", "udfs")
        if path.relative_to(ROOT).parts[:2] != ("engine", "state")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr == "connect"
        and isinstance(node.value, ast.Name)
        and node.value.id == "duckdb"
    ]
    assert strays == []


def test_functions_that_ship_import_the_public_interface_only() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files("udfs")
        for module in imported(path)
        if module.startswith(("engine", "models", "mergus.")) and not module.startswith("mergus.udfs._")
    ]  # what several functions share lies beside them, in a file that defines none
    assert strays == []


def test_models_import_nothing_but_one_another() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files("models")
        for module in imported(path)
        if module.split(".")[0] in ("engine", "mergus", "udfs") and not module.startswith("mergus.models")
    ]
    assert strays == []


def test_inside_the_engine_imports_of_the_engine_are_relative() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files("engine")
        for module in imported(path)
        if module.split(".")[0] == "mergus"
    ]
    assert strays == []


def test_rooms_are_never_imported_by_their_second_name() -> None:
    """`import engine` works in the checkout's root and makes a second copy of every class."""
    strays = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files("engine", "udfs", "models", "mergus", "tests", "bench")
        for module in imported(path)
        if module.split(".")[0] in ("engine", "udfs", "models")
    ]
    assert strays == []


def imported(path: Path) -> Iterator[str]:
    """Absolute modules that a file imports, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
