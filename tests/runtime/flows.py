"""A counting flow in this process, for the tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from fakes import CountByKey

from mergus.engine.runtime.checkpoint import CheckpointStore
from mergus.engine.runtime.flows.control import FlowControl
from mergus.engine.runtime.flows.dataflow import FlowRun, FlowSettings
from mergus.engine.runtime.flows.delivery import Outbox
from mergus.engine.runtime.inputs import TopicInputs
from mergus.engine.runtime.telemetry.metrics import QueryMetrics


class Flow:
    """One run; `until` waits (without a fixed time) for what a test expects."""

    def __init__(
        self, topics, folder: Path, *, source="in", sink="out", stages=2, bounded=True, slow_s=0.0, **settings
    ):
        self.settings = FlowSettings("Q", folder, **{"epoch_ms": 50, **settings})
        store = CheckpointStore(folder / "checkpoint")
        self.control = FlowControl(store.poison, bytes_max=self.settings.bytes_max)
        self.metrics = QueryMetrics("Q")
        self.tasks: list[CountByKey] = []
        self.failures = []
        sources = (source,) if isinstance(source, str) else source
        lock = threading.Lock()

        def open_task(worker, workers):
            task = CountByKey(folder / f"{worker}.sqlite", sink, self.failures.append, stages=stages, slow_s=slow_s)
            with lock:
                self.tasks.append(task)
            return task

        self.outbox = lambda worker: Outbox(folder / "outbox" / str(worker), topics.transactional_writer(f"Q-{worker}"))
        self.run_ = FlowRun(
            self.settings,
            self.control,
            self.metrics,
            inputs=TopicInputs(topics, sources, bounded=bounded),
            stages=stages,
            open_task=open_task,
            open_delivery=self.outbox,
            clock=time.monotonic,
        )
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.error: BaseException | None = None

    def recover(self, checkpoint):
        for worker in range(self.settings.workers_total):
            outbox = self.outbox(worker)
            outbox.recover(checkpoint.epoch)
            outbox.close()
        return {}

    def run(self) -> None:
        try:
            self.run_.run(self.recover)
            self.run_.close()
            self.recover(self.run_.checkpoint())
        except BaseException as error:
            self.error = error
            raise

    def start(self) -> Flow:
        self.thread.start()
        return self

    def stop(self) -> None:
        self.control.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Poll until it holds; fail after a generous limit."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.002)
