"""What was answered by one version is answered by it again, whatever an alias has done since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mergus.engine.inference.versions.moves import FOLDER, Moves, Places, taken_effect

VERSIONS = {"1": {}, "2": {}, "3": {}}
PLACE = ("s", 0)


def route(version: int, event: int, **more: Any) -> dict[str, Any]:
    return {"aliases": {"CHAMPION": version}, "arms": [], "by": [], "versions": VERSIONS, "event": event, **more}


def versions(moves: Moves, start: int, end: int, now: dict[str, Any]) -> list[int]:
    """Which version answers each of these offsets of one partition, in one batch."""
    made = [0] * (end - start)
    for rows, by in moves.route("M", PLACE, np.arange(start, end), now):
        for row in rows.tolist():
            made[row] = by["aliases"]["CHAMPION"]
    return made


def test_a_move_holds_from_a_batch_on_and_again_after_a_crash(tmp_path: Path) -> None:
    moves = Moves(tmp_path, 0)
    assert versions(moves, 0, 5, route(1, 1)) == [1] * 5
    moves.advance()
    assert versions(moves, 5, 8, route(2, 2)) == [2] * 3
    moves.advance()
    again = Moves(tmp_path, 0)  # killed: the checkpoint is at 3, and the alias has moved once more meanwhile
    assert versions(again, 3, 10, route(3, 3)) == [1, 1, 2, 2, 2, 3, 3]
    again.advance()
    assert versions(Moves(tmp_path, 1), 0, 12, route(1, 4)) == [1] * 5 + [2] * 3 + [3] * 2 + [1] * 2


def test_a_batch_that_was_under_way_is_noted_and_not_passed(tmp_path: Path) -> None:
    moves = Moves(tmp_path, 0)
    assert versions(moves, 0, 5, route(1, 1)) == [1] * 5  # killed before the batch was over
    assert versions(Moves(tmp_path, 0), 0, 5, route(2, 2)) == [2] * 5


def test_one_batch_has_one_state_of_the_registry(tmp_path: Path) -> None:
    moves = Moves(tmp_path, 0)
    assert versions(moves, 0, 3, route(1, 1)) == [1] * 3
    assert versions(moves, 0, 3, route(2, 2)) == [1] * 3
    moves.advance()
    assert versions(moves, 3, 4, route(2, 2)) == [2]


def test_what_was_dropped_is_answered_by_what_there_is(tmp_path: Path) -> None:
    moves = Moves(tmp_path, 0)
    versions(moves, 0, 3, route(1, 1))
    moves.advance()
    left = route(2, 2, versions={"2": {}})
    assert versions(Moves(tmp_path, 0), 0, 4, left) == [2] * 4


def test_a_line_that_was_cut_off_is_none(tmp_path: Path) -> None:
    moves = Moves(tmp_path, 0)
    versions(moves, 0, 3, route(1, 1))
    moves.advance()
    with (tmp_path / "0.jsonl").open("a") as file:
        file.write('{"model": "M", "to')
    assert versions(Moves(tmp_path, 0), 2, 4, route(1, 1)) == [1, 1]


def test_rows_are_told_apart_by_partition_and_by_what_comes_again(tmp_path: Path) -> None:
    folder = tmp_path / "Q" / FOLDER
    moves = Moves(folder, 0)
    partitions, offsets = pa.array([0, 1, 0, 1], pa.int32()), pa.array([10, 20, -1, 21])
    places = Places(moves, "s", "s-again", partitions, offsets)
    parts = places.parts("M", route(1, 1))
    assert sorted(row for rows, _ in parts for row in rows.tolist()) == [0, 1, 2, 3]
    moves.advance()
    Places(moves, "s", None, partitions.slice(0, 2), pa.array([11, 22])).parts("M", route(2, 4))
    assert taken_effect(tmp_path, "M") == {
        1: {"Q": {"s": {0: 10, 1: 20}, "s-again": {0: 0}}},
        4: {"Q": {"s": {0: 11, 1: 22}}},
    }
    assert taken_effect(tmp_path, "N") == {}
