"""A data folder as a crash would leave it: copied while an engine has it open, which knows of no clean end."""

from __future__ import annotations

import shutil
from pathlib import Path


def copy_in_use(source: Path, target: Path) -> None:
    """Copied again where one of SQLite's files beside a database went away meanwhile."""
    for _ in range(20):
        try:
            shutil.copytree(source, target)
        except shutil.Error:
            shutil.rmtree(target)
        else:
            return
    shutil.copytree(source, target)
