"""A file holds one idea and a function fits on a screen. Where one really cannot, it is named here with its reason."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.house.tree import ROOT, python_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
ROOM_MODULES_MAX = 24
SHORT_FUNCTION_LINES = 27
SHORT_FUNCTIONS_SHARE = 0.9

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

ALL_FILES = python_files("engine", "udfs", "models", "mergus", "tests", "bench")


def test_no_file_is_long() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in ALL_FILES}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX and name not in LONG_FILES} == {}


def test_no_room_is_crowded() -> None:
    """A room with more is split by noun."""
    rooms = Counter(path.parent for path in python_files("engine", "tests") if path.stem != "__init__")
    assert {_name(room): modules for room, modules in rooms.items() if modules > ROOM_MODULES_MAX} == {}


def test_no_function_is_long() -> None:
    long = {name: lines for name, lines in _functions().items() if lines > FUNCTION_LINES_MAX}
    assert {name: lines for name, lines in long.items() if name not in LONG_FUNCTIONS} == {}


def test_most_functions_are_short() -> None:
    lengths = list(_functions().values())
    assert sum(lines <= SHORT_FUNCTION_LINES for lines in lengths) / len(lengths) >= SHORT_FUNCTIONS_SHARE


@pytest.mark.parametrize("exceptions", [LONG_FILES, LONG_FUNCTIONS], ids=["files", "functions"])
def test_no_exception_outlives_its_reason(exceptions: dict[str, str]) -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in ALL_FILES} | _functions()
    limits = FILE_LINES_MAX if exceptions is LONG_FILES else FUNCTION_LINES_MAX
    assert [name for name in exceptions if lengths.get(name, 0) <= limits] == []


def test_no_module_is_named_for_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}
    assert [_name(path) for path in ALL_FILES if path.stem in nameless] == []


def _functions() -> dict[str, int]:
    """Lines of each function, `file::name`; its docstring is a contract and does not count against it."""
    lengths = {}
    for path in ALL_FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                docstring = node.body[0] if ast.get_docstring(node) else None
                if docstring is not None:
                    lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
                lengths[f"{_name(path)}::{node.name}"] = lines
    return lengths


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
