"""From which offset on what a model's aliases and split say holds for a query: kept with the query, so that it is so again.

An alias moves between two batches. What a query answered before it died is answered again from its checkpoint on, perhaps
after another move: by this record each offset gets the version that it had. A worker notes a move before anything that
follows from it goes out, and, at the end of each batch, how far it has come; what lies behind that is new, and is answered
by what holds now. `<worker>.jsonl` has the moves, `<worker>.<topic>.seen` the next offset of each partition, eight bytes each.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa

Route = Mapping[str, Any]
Offsets = np.ndarray[Any, np.dtype[np.int64]]
Part = tuple[Offsets, Route]
"""The places of some rows in a batch, and the route that answers them."""
_KEPT = ("aliases", "arms", "by", "salt")
_SEEN = struct.Struct("<q")
FOLDER = "moves"


@dataclass(frozen=True)
class Move:
    """A model's route from `offset` of a topic's partition on. `event`: how many entries its history had."""

    model: str
    topic: str
    partition: int
    offset: int
    event: int
    route: Route


class Moves:
    """A worker's record, which begins with what all workers of the query have noted. Owned by the worker's thread.
    `sync`: a move is on the disk, not with the operating system only, before it is answered by."""

    def __init__(self, folder: Path, worker: int, *, sync: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._worker = worker
        self._sync = sync
        self._moves: dict[tuple[str, str, int], list[Move]] = {}
        self._seen: dict[tuple[str, int], int] = {}
        self._ahead: dict[tuple[str, int], int] = {}
        self._held: dict[str, Route] = {}
        self._files: dict[str, int] = {}
        for move in read_moves(folder):
            self._moves.setdefault((move.model, move.topic, move.partition), []).append(move)
        for moves in self._moves.values():
            moves.sort(key=lambda move: (move.offset, move.event))
        for path in folder.glob("*.seen"):
            topic = unquote(path.name.partition(".")[2].removesuffix(".seen"))
            for partition, (at,) in enumerate(_SEEN.iter_unpack(path.read_bytes())):
                self._seen[topic, partition] = max(at, self._seen.get((topic, partition), 0))

    def route(self, model: str, place: tuple[str, int], offsets: Offsets, now: Route) -> list[Part]:
        """Which of these offsets of a topic's partition which route answers, where `now` holds now."""
        now = self._held.setdefault(model, now)  # one for all calls of a batch
        lowest, end = int(offsets.min()), int(offsets.max()) + 1
        self._ahead[place] = max(end, self._ahead.get(place, 0))
        moves = self._moves.setdefault((model, *place), [])
        fresh = max(lowest, self._seen.get(place, 0)) if moves else lowest
        if fresh < end and (not moves or any(moves[-1].route.get(k) != now.get(k) for k in _KEPT)):
            kept = {k: now[k] for k in _KEPT if k in now}
            self._note(Move(model, *place, fresh, int(now.get("event", 0)), kept))
        if lowest >= moves[-1].offset:
            return [(np.arange(len(offsets)), _with(moves[-1], now))]
        chosen = np.searchsorted([move.offset for move in moves], offsets, side="right") - 1
        chosen = np.maximum(chosen, 0)
        return [(np.flatnonzero(chosen == i), _with(moves[i], now)) for i in np.unique(chosen).tolist()]

    def advance(self) -> None:
        """A batch has been answered, and nothing of it has gone out yet: note how far it came."""
        for (topic, partition), end in self._ahead.items():
            if end > self._seen.get((topic, partition), 0):
                self._seen[topic, partition] = end
                os.pwrite(self._file(f"{quote(topic, safe='')}.seen"), _SEEN.pack(end), partition * _SEEN.size)
        self._ahead.clear()
        self._held.clear()

    def _note(self, move: Move) -> None:
        self._moves[move.model, move.topic, move.partition].append(move)
        file = self._file("jsonl")
        os.write(file, json.dumps(vars(move)).encode() + b"\n")
        if self._sync:
            os.fsync(file)

    def _file(self, name: str) -> int:
        if name not in self._files:
            mode = os.O_CREAT | os.O_CLOEXEC | (os.O_WRONLY if name.endswith(".seen") else os.O_WRONLY | os.O_APPEND)
            self._files[name] = os.open(self._folder / f"{self._worker}.{name}", mode, 0o644)
        return self._files[name]

    def close(self) -> None:
        """Give the files back."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()


def _with(move: Move, now: Route) -> Route:
    """What held then, of the versions that there are now; what holds now where one of them has been dropped."""
    there = all(str(number) in now["versions"] for number in move.route["aliases"].values())
    return {**now, **move.route} if there else now


@dataclass(frozen=True)
class Places:
    """Where a batch's rows come from: the topic, that of records which come again (their offsets are below 0), and of each
    row the partition and the offset."""

    moves: Moves
    topic: str
    again: str | None
    partitions: pa.Array
    offsets: pa.Array

    def parts(self, model: str, now: Route) -> Sequence[Part]:
        """The batch's rows by the route that answers them."""
        made: list[Part] = []
        for place, rows, offsets in self._by_place():
            made += [(rows[part], route) for part, route in self.moves.route(model, place, offsets, now)]
        return made

    def _by_place(self) -> Iterator[tuple[tuple[str, int], Offsets, Offsets]]:
        partitions, offsets = self.partitions.to_numpy(), self.offsets.to_numpy()
        for topic, own in ((self.topic, offsets >= 0), (self.again or "", offsets < 0)):
            for partition in np.unique(partitions[own]).tolist():
                rows = np.flatnonzero(own & (partitions == partition))
                found = offsets[rows]
                yield (topic, partition), rows, found if topic == self.topic else -1 - found


def read_moves(folder: Path) -> Iterator[Move]:
    """All moves that a query's workers have noted; a line that was cut off by a crash is none."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield Move(**json.loads(line))


Taken = dict[str, dict[str, dict[int, int]]]
"""By query and topic the offset of each partition."""


def taken_effect(state: Path, model: str) -> dict[int, Taken]:
    """Where the entries of a model's history have taken effect, by their number: in each query that runs."""
    made: dict[int, Taken] = {}
    for folder in sorted(state.glob(f"*/{FOLDER}")):
        for move in read_moves(folder):
            if move.model == model:
                at = made.setdefault(move.event, {}).setdefault(folder.parent.name, {}).setdefault(move.topic, {})
                at[move.partition] = min(move.offset, at.get(move.partition, move.offset))
    return made
