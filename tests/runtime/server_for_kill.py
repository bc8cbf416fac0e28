"""A server of chained queries on embedded topics, to be killed: `python server_for_kill.py FOLDER WORKERS MODE`."""

from __future__ import annotations

import sys
from pathlib import Path

from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings

sys.path.insert(0, str(Path(__file__).parent))

from plans import chained, open_topics


def main(folder: Path, workers: int, mode: str) -> None:
    topics = open_topics(folder)
    run = RunSettings(workers=workers, epoch_ms=60, rows_max=2_000, in_process=mode == "threads")
    lifecycle = Lifecycle(HostSettings(folder), topics, run)
    for plan in chained():
        lifecycle.start(plan)
    print("started", flush=True)
    for line in sys.stdin:
        if line.strip() == "finish":
            failed = [s.trace or s.error for s in lifecycle.wait_caught_up(limit_s=240) if s.error]
            print(*failed, sep="\n", file=sys.stderr, flush=True)
            lifecycle.close()
            print("finished", flush=True)
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
