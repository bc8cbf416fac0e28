"""How far the queries have come, on one line of a terminal that is written over and erased at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ..serving.engine import Engine

EVERY_S = 0.25
_ERASE = "\r\x1b[K"


@contextmanager
def progress(engine: Engine, out: TextIO) -> Iterator[None]:
    """While the block waits: records read, to go, and read a second. Nothing where `out` is no terminal."""
    if not out.isatty() or not engine.catalog.queries:
        yield
        return
    end = threading.Event()
    thread = threading.Thread(target=_tell, args=(engine, out, end), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        out.write(_ERASE)
        out.flush()


def _tell(engine: Engine, out: TextIO, end: threading.Event) -> None:
    begun, first = time.monotonic(), None
    while True:
        metrics = [status.metrics for status in engine.statuses().values()]
        rows, to_go = sum(m.rows_in for m in metrics), sum(m.lag_records for m in metrics)
        first = rows if first is None else first
        speed = (rows - first) / max(EVERY_S, time.monotonic() - begun)
        out.write(f"{_ERASE}{rows:,} records read, {to_go:,} to go, {speed:,.0f} a second")
        out.flush()
        if end.wait(EVERY_S):
            return
