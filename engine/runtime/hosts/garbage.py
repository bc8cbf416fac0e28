"""What Python's garbage collector is told in a process that runs flows.

Each message from Kafka is an object that the collector counts, so 10,000 of them set off a dozen young collections and,
now and then, one that walks all objects of every module that was imported: 0.7 CPU-seconds a million records of 2.0
(bench/topics.py). Modules are never garbage, so they are set apart; and the young are looked at once a batch.
"""

from __future__ import annotations

import gc

_YOUNG = 50_000
_MIDDLE, _OLD = 20, 50


def set_modules_apart() -> None:
    """At the start of a process of the engine's own, once its imports are done. Not for a user's process."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
