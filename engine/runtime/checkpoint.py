"""Where a flow goes on after a stop or a crash: Bytewax's recovery store, read before the flow starts.

Bytewax starts a flow again at its *resume epoch* R: all that was done in epochs below R is durable, with the sources'
snapshots of their ends. Two facts of bytewax 0.21.1, each with a test:
- a source is asked for the first batch of epoch n + 1 only after epoch n has closed on every worker and its snapshots
  lie in the store. So "epoch n + 1 has begun" means "epoch n is durable", and a crash undoes one epoch at most;
- the store is SQLite with a copy of the library of Bytewax's own. POSIX locks are lost when two copies open one file in
  one process: the one that closes it first takes itself for the last, and removes the log with all that the other commits from
  then on. So it is read here only while no flow runs, on the flow's own thread.

A step that failed in epoch n has lost that epoch's rows, and Bytewax closes the epoch all the same. `poison` writes n
down before; a start that finds R - 1 = n goes back to the end of epoch n - 1, whose positions every snapshot carries too.
The place for n is there before it is needed and written over: what has failed may be the disk, which is full.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bytewax.recovery import RecoveryConfig, init_db_dir

from ..errors import EnvironmentFault

Positions = dict[tuple[str, int], int]
Latest = dict[tuple[str, int], int]
"""The latest time among the records of a topic partition that were handed out: its next records are not before it
(`merge.py`)."""
StreamTimes = dict[int, int]
_PARTITION = "part-0.sqlite3"
_DAMAGED = "the data folder is damaged: restore it, or drop the query and create it anew"
_DISK_OR_FILES = "see whether it may be written, its disk is full, and how many files a process may open (ulimit -n)"
_EPOCH_BYTES = 20  # no more than the disk writes in one go


@dataclass(frozen=True)
class SourceSnapshot:
    """What a source part remembers of the end of an epoch. `as_of`: the epoch whose end `positions` are of (an earlier
    one after a failure); `previous`: the positions at the end of the epoch before. `latest` goes with `positions`,
    `previous_latest` with `previous`; `topic_ids`: of which topics they are. None in the checkpoint of a version that did not
    note them."""

    epoch: int
    as_of: int
    positions: Positions
    previous: Positions
    previous_as_of: int
    latest: Latest | None = None
    previous_latest: Latest | None = None
    topic_ids: dict[str, str] | None = None


@dataclass(frozen=True)
class StepSnapshot:
    """What stage 0 remembers on one worker: stream time by source partition at the end of `epoch`, and of the one before
    in which it had work. It lies here and not with the source, which is ahead of the stage when an epoch ends."""

    epoch: int
    stream_times: StreamTimes
    previous: StreamTimes


@dataclass(frozen=True)
class Checkpoint:
    """Where to go on. `resume_epoch`: the number of Bytewax's next epoch; `epoch`: what the state and the outbox must be
    as of; `positions`: the next offset of every topic partition that was read, `latest` the latest time before it."""

    resume_epoch: int = 1
    epoch: int = 0
    positions: Positions = field(default_factory=dict)
    stream_times: StreamTimes = field(default_factory=dict)
    latest: Latest = field(default_factory=dict)
    topic_ids: dict[str, str] = field(default_factory=dict)

    def of_topics(self, ids: Mapping[str, str]) -> Checkpoint:
        """The same for topics of these ids: of one that has been made anew nothing is known."""
        anew = self.made_anew(ids)
        positions = {place: at for place, at in self.positions.items() if place[0] not in anew}
        latest = {place: at for place, at in self.latest.items() if place[0] not in anew}
        return replace(self, positions=positions, latest=latest, topic_ids=dict(ids))

    def made_anew(self, ids: Mapping[str, str]) -> set[str]:
        """Its topics that are others where these are their ids. An empty id is any."""
        return {name for name, known in self.topic_ids.items() if known and ids.get(name) and ids[name] != known}


class CheckpointStore:
    """The recovery folder of one query."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._poison = folder / "void_epoch"

    def prepare(self) -> RecoveryConfig:
        """Make the folder and its store when there is none; gives Bytewax's handle."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "making").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a flow over several processes comes here in all of them
            self._make()
        return RecoveryConfig(self.folder)  # type: ignore[no-untyped-call]

    def _make(self) -> None:
        if not self._poison.exists():
            fresh = self._poison.with_suffix(".new")
            fresh.write_bytes(b" " * _EPOCH_BYTES)
            fresh.replace(self._poison)
        if not (self.folder / _PARTITION).exists():
            self._make_store()

    def _make_store(self) -> None:
        """Beside its place, and moved there whole: one that is half made when the process dies could never be read."""
        making = self.folder / "new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        try:
            init_db_dir(making, 1)  # type: ignore[no-untyped-call]
        except Exception:
            raise
        except BaseException as panic:  # what Bytewax's own library says of a file is no Exception
            raise EnvironmentFault(
                f"cannot make the checkpoint in {self.folder}", detail=str(panic), hint=_DISK_OR_FILES
            ) from panic
        (making / _PARTITION).replace(self.folder / _PARTITION)
        making.rmdir()

    def poison(self, epoch: int) -> None:
        """Epoch `epoch` must not be believed, even when it closes."""
        with self._poison.open("r+b", buffering=0) as file:
            file.write(str(epoch).encode().ljust(_EPOCH_BYTES))
            os.fsync(file.fileno())

    def read(self, flow: str, source: str, first: str) -> Checkpoint:
        """The point to go on from; `source` and `first` are steps of the flow. No flow of this process may be running on
        it."""
        path = self.folder / _PARTITION
        if not path.exists():
            return Checkpoint()
        try:
            with closing(sqlite3.connect(path)) as store:
                resume = _resume_epoch(store)
                if resume is None:
                    return Checkpoint()
                parts = [s for s in _snapshots(store, f"{flow}.{source}", resume) if isinstance(s, SourceSnapshot)]
                steps = [s for s in _snapshots(store, f"{flow}.{first}", resume) if isinstance(s, StepSnapshot)]
        except sqlite3.Error as why:
            raise EnvironmentFault(
                f"cannot read the checkpoint in {self.folder}",
                detail=str(why),
                hint=_DISK_OR_FILES if _of_machine(why) else _DAMAGED,
            ) from why
        return _checkpoint(resume, parts, steps, self._void())

    def _void(self) -> int | None:
        text = self._poison.read_text().strip() if self._poison.exists() else ""
        return int(text) if text else None


def _of_machine(why: sqlite3.Error) -> bool:
    """Whether the machine is at fault, and not what lies in the file."""
    code = getattr(why, "sqlite_errorcode", 0) & 0xFF
    return code in (
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    )


def _resume_epoch(store: sqlite3.Connection) -> int | None:
    """As Bytewax works it out: of the newest execution, the least of what its workers have closed."""
    newest = store.execute("SELECT ex_num, worker_count, resume_epoch FROM exs ORDER BY ex_num DESC LIMIT 1").fetchone()
    if newest is None:
        return None
    execution, workers, begun_at = newest
    known = dict(
        store.execute("SELECT worker_index, worker_frontier FROM fronts WHERE ex_num = ?", [execution]).fetchall()
    )
    return min(max(int(begun_at), int(known.get(worker, begun_at))) for worker in range(workers))


def _snapshots(store: sqlite3.Connection, step: str, resume: int) -> list[Any]:
    rows = store.execute(
        "SELECT ser_change, max(snap_epoch) FROM snaps WHERE step_id = ? AND snap_epoch < ? GROUP BY state_key",
        [step, resume],
    ).fetchall()
    return [pickle.loads(blob) for blob, _ in rows if blob is not None]  # the data folder's own, as Bytewax reads it


def _checkpoint(resume: int, parts: list[SourceSnapshot], steps: list[StepSnapshot], void: int | None) -> Checkpoint:
    positions: Positions = {}
    latest: Latest = {}
    times: StreamTimes = {}
    ids: dict[str, str] = {}
    epoch = 0 if parts else resume - 1
    for part in parts:
        go_back = part.epoch == part.as_of == void
        positions |= part.previous if go_back else part.positions
        latest |= (part.previous_latest if go_back else part.latest) or {}
        ids |= part.topic_ids or {}
        # a part that came to its end earlier has changed nothing since
        epoch = max(epoch, part.previous_as_of if go_back else part.as_of)
    for step in steps:
        for partition, time in (step.previous if step.epoch == void else step.stream_times).items():
            times[partition] = max(time, times.get(partition, time))
    return Checkpoint(resume, epoch, positions, times, latest, ids)
