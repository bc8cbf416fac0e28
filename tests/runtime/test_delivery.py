"""What a query has made and not yet published is pending until readers see it: a wait for it must not end before."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from mergus.engine.runtime.flows.delivery import Outbox

RECORDS = pa.record_batch({"value": pa.array([b"1"], pa.binary())})


class Watched:
    """A writer that asks, while it commits, whether the outbox still calls its records pending."""

    def __init__(self) -> None:
        self.outbox: Outbox | None = None
        self.visible: list[pa.RecordBatch] = []
        self.pending_at_commit: list[bool] = []
        self._written: list[pa.RecordBatch] = []

    def write(self, topic: str, records: pa.RecordBatch) -> None:
        self._written.append(records)

    def commit(self, marker: str) -> None:
        assert self.outbox is not None
        self.pending_at_commit.append(self.outbox.pending())
        self.visible, self._written = self.visible + self._written, []

    def last_marker(self) -> str | None:
        return None

    def flush(self) -> None:
        return

    def pending(self) -> bool:
        return bool(self._written)

    def close(self) -> None:
        return


def test_output_is_pending_until_its_commit_has_ended(tmp_path: Path) -> None:
    writer = Watched()
    outbox = writer.outbox = Outbox(tmp_path, writer)
    for epoch in (1, 2):
        outbox.deliver(epoch, [("out", RECORDS)], {})
        outbox.flush(epoch)
    outbox.durable(2)
    assert writer.pending_at_commit == [True, True]
    assert [b.num_rows for b in writer.visible] == [1, 1]
    assert not outbox.pending()
    assert not list(tmp_path.iterdir())
