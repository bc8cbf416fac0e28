"""A folder of versions as TensorFlow Serving has it: `base/<number>/`, the highest number being the newest."""

from __future__ import annotations

from pathlib import Path

Print = tuple[tuple[str, int, int], ...]
"""What a folder looks like: each file's name, size and time of change."""


def newest(base: Path) -> Path | None:
    """The version of the highest number, None where there is none."""
    if not base.is_dir():
        return None
    numbered = [p for p in base.iterdir() if p.name.isdecimal() and p.is_dir()]
    return max(numbered, key=lambda p: int(p.name), default=None)


def fingerprint(folder: Path, files: str = "**/*") -> Print:
    """What it looks like now: equal from one look to the next when nobody copies into it any more. `files`: which count."""
    found = [(p, p.stat()) for p in sorted(folder.glob(files)) if p.is_file()]
    return tuple((p.relative_to(folder).as_posix(), s.st_size, s.st_mtime_ns) for p, s in found)
