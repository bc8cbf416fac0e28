"""What no file of the project may hold: unfinished work, paths of one machine, addresses of package registries."""

from __future__ import annotations

import ast
import re

from tests.house.tree import ROOT, files, python_files

# written in pieces, so that this file does not hold them
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error")) + r")\b")
MACHINE_PATHS = re.compile(
    "|".join((r"(?<![\w.\-*/])/wo" + r"rk/", r"(?<![\w.\-*/])/ro" + r"ot/", "/tmp/" + "brief", r"\." + r"library/"))
)
REGISTRIES = re.compile(
    "|".join(
        (
            "pypi" + r"\.org",
            "python" + "hosted",
            "repo" + r"1?\.maven",
            r"registry\.npm" + "js",
            "maven" + r"\.org",
            "crates" + r"\.io",
        )
    )
)
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".yml",
    ".yaml",
    ".sql",
    ".json",
    ".jsonl",
    ".sh",
    ".txt",
    ".cfg",
    ".properties",
    ".html",
    ".js",
    ".css",
    "",
}


def test_nothing_is_left_unfinished() -> None:
    assert _lines_with(UNFINISHED, {".py", ".sql", ".sh", ""}) == []


def test_no_path_of_one_machine() -> None:
    assert _lines_with(MACHINE_PATHS, TEXT) == []


def test_no_address_of_a_package_registry() -> None:
    assert _lines_with(REGISTRIES, TEXT) == []


def test_no_error_is_swallowed_without_a_word() -> None:
    swallowed = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files("engine", "udfs", "models", "mergus")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
    ]
    assert swallowed == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files("engine", "udfs", "models", "mergus", "tests", "bench")
        if not ast.get_docstring(ast.parse(path.read_text())) and path.stat().st_size
    ]
    assert silent == []


def _lines_with(pattern: re.Pattern[str], suffixes: set[str]) -> list[str]:
    found = []
    for path in files():
        if path.suffix not in suffixes:
            continue
        text = path.read_text(errors="replace")
        if pattern.search(text):
            lines = text.splitlines()
            found += [
                f"{path.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if pattern.search(line)
            ]
    return found
