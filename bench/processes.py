"""What processes cost: CPU and memory of a process and all below it, read from the system (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family_of(pid: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def cpu_seconds(pid: int, *, family: bool = True) -> float:
    """CPU-seconds of a process so far; with `family`, of all below it too."""
    total = 0
    for member in family_of(pid) if family else [pid]:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_mb(pid: int, *, family: bool = True) -> float:
    """Memory of a process and, with `family`, all below it in MB, pages shared with others counted in part (PSS)."""
    total = 0
    for member in family_of(pid) if family else [pid]:
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def open_files(pid: int) -> int:
    """File descriptors that a process holds; 0 where it has ended."""
    return _entries(f"/proc/{pid}/fd")


def threads_of(pid: int) -> int:
    """Threads of a process; 0 where it has ended."""
    return _entries(f"/proc/{pid}/task")


def _entries(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
