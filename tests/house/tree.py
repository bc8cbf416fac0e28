"""The files of the tree that the house rules are about: tracked ones, and new ones that git does not ignore."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINKS = ("mergus/engine", "mergus/udfs", "mergus/models")


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file of the project, links left out. Outside a git checkout (an unpacked archive), all but hidden folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        found = (ROOT / name for name in listed.stdout.split("\0") if name)
    else:
        found = (
            path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        )
    return tuple(path for path in found if path.is_file() and not path.is_symlink())


def python_files(*folders: str) -> list[Path]:
    """Python files below these top folders."""
    return [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]
