"""Draws what a vibration sensor measures: 50 values, a millisecond apart, of a machine that idles, works, or whose bearing fails.

A shaft turns at a frequency of its own and shakes at multiples of it; work adds the cutter's own shaking; a bearing with a
crack rings shortly each time a ball rolls over it. Amplitudes are in g.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SAMPLES = 50
MACHINES = {"lathe-1": 62.0, "lathe-2": 70.0, "mill-1": 84.0, "press-1": 55.0}
"""Turns a second."""


def vibration(machine: str, load: float, crack: float, random: Any) -> Any:
    """`[50]` values at a load of 0 (idle) to 1, with a crack of 0 (none) to 1."""
    time = np.arange(SAMPLES) / 1000
    turns = MACHINES[machine] * (1 - 0.06 * load) * random.normal(1, 0.004)
    made = np.zeros(SAMPLES)
    for multiple, size in ((1, 0.6), (2, 0.25), (3, 0.12)):
        made += size * random.normal(1, 0.1) * np.sin(2 * np.pi * (multiple * turns * time + random.random()))
    cutter = 5 * turns * time + random.random()
    made += load * 0.55 * random.normal(1, 0.1) * np.sin(2 * np.pi * cutter)
    for hit in np.arange(random.random() * 0.012, 0.05, 0.012):
        since = np.clip(time - hit, 0, None)
        made += crack * 1.6 * np.where(time >= hit, np.exp(-since / 0.0015) * np.sin(2 * np.pi * 390 * since + 0.8), 0)
    return made + random.normal(0, 0.04, SAMPLES)
