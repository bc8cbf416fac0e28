"""What the first process of a flow over several has found before they begin, told to the others by a file in the flow's folder.

The writers' markers say how far rows have been published beyond the checkpoint (`delivery.positions_of`). Reading them fences
the writers of the run before, so that only one may do it; and who began at the checkpoint would publish those rows again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import EnvironmentFault
from ..checkpoint import Positions

FILE = "prepared.json"
LOOK_S = 0.02
WAIT_S = 60.0
"""How long the first process may take: it rolls state back, and may have to open it anew for another number of workers."""


def tell(folder: Path, addresses: Sequence[str], positions: Positions) -> None:
    """For the processes of the run that has these addresses, which no other run has."""
    places = [[topic, partition, at] for (topic, partition), at in positions.items()]
    new = folder / f"{FILE}.new"
    new.write_text(json.dumps({"run": list(addresses), "positions": places}))
    os.replace(new, folder / FILE)


def hear(folder: Path, addresses: Sequence[str]) -> Positions:
    """What `tell` has told to this run. Raises EnvironmentFault where it tells nothing."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        told = _read(folder / FILE)
        if told.get("run") == list(addresses):
            return {(topic, partition): at for topic, partition, at in told["positions"]}
        time.sleep(LOOK_S)
    raise EnvironmentFault(
        "the query's first process has not begun",
        detail=f"it was waited for for {WAIT_S:.0f} s",
        hint="its log says why",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        made: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return made
