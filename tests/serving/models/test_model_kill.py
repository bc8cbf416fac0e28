"""kill -9 in the middle of what changes a model: what was answered stays, each offset once, and the history tells by whom.

An alias move, a version that is loaded (by a statement, and out of a watched folder) and a canary: one behind the other, and
each a dozen times where there is time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

import mergus
from tests.data_folder import copy_in_use
from tests.mergus_server import until
from tests.serving.models.model_kills import ANSWERS, PARTS, SCORED, STREAM, UnderLoad, model_text, put, under_load

CANARY = "ALTER MODEL m SET CANARY challenger 50 PERCENT BY x FOR 0 SECONDS AFTER 100 ROWS ROLLBACK WHEN {limit};"


def any_moment(chance: random.Random, most_s: float) -> None:
    """The moment of death must be any."""
    time.sleep(chance.uniform(0, most_s))


def appearing(scene: UnderLoad, version: int, then: Callable[[], None]) -> None:
    """The moment when a version's folder appears, of which nothing is on record yet, and something more."""
    place = scene.data / "models" / "M" / str(version)
    until(place.exists, f"{place} to appear", every_s=0.001)
    then()


def another(scene: UnderLoad) -> int:
    """A version that is not live."""
    live = scene.live()
    if len(scene.versions()) == 1:
        scene.server.statement(model_text(scene.home, live + 1))
    return next(version for version in scene.versions() if version != live)


def move(scene: UnderLoad, chance: random.Random, number: int) -> None:
    """An alias goes to another version, or stays."""
    act = partial(scene.try_statement, f"ALTER MODEL m SET ALIAS champion = {another(scene)};")
    moment = partial(any_moment, chance, 1.6)  # the version is tested for about a second
    before = len(scene.answers(1))
    scene.kill_while(act, moment, hosts=number % 2 == 0)
    versions = [v for _, _, v in scene.answers(before)][before - 1 :]
    assert sum(a != b for a, b in pairwise(versions)) <= 1  # a move is one step, never to and fro


def load(scene: UnderLoad, chance: random.Random, number: int) -> None:
    """A version that a statement brings is there, or nothing is left of it; the same statement brings it then."""
    version = max(scene.versions()) + 1
    sql = model_text(scene.home, version, "promote=true")
    moment = partial(appearing, scene, version, partial(any_moment, chance, 1.2 if number else 0))
    scene.kill_while(partial(scene.try_statement, sql), moment, hosts=bool(number % 2))
    if version not in scene.versions():
        scene.server.statement(sql)
    assert scene.live() == version
    assert scene.folders() == set(scene.versions())


def watch(scene: UnderLoad, chance: random.Random, number: int) -> None:
    """A version in a watched folder that is half copied when the server dies is not taken in; when it is whole it is, by the
    server that looks there next."""
    version = max(scene.versions()) + 2
    base = scene.home / f"base{version}"
    put(base / "1", version - 1)
    scene.server.statement(model_text(scene.home, version - 1, "watch=true, promote=true", path=base))
    put(base / "2", version, range(PARTS // 2))
    whole = partial(put, base / "2", version)
    if number % 2:
        scene.kill_while(lambda: None, partial(any_moment, chance, 3), hosts=number % 4 == 3)
        assert version not in scene.versions()
        whole()
    else:
        moment = partial(appearing, scene, version, partial(any_moment, chance, 1.2 if number else 0))
        scene.kill_while(whole, moment, hosts=bool(number % 4))
    until(lambda: scene.live() == version, f"version {version}")


def canary(scene: UnderLoad, chance: random.Random, number: int) -> None:
    """A canary that counts, or ends by itself: it goes on with what it had counted, or is over by one way."""
    promote, live, other = number % 2 == 0, scene.live(), another(scene)
    until(lambda: scene.counted() == 0, "the canary before to be forgotten")
    scene.server.statement(f"ALTER MODEL m SET ALIAS challenger = {other};")
    scene.server.statement(CANARY.format(limit="ERROR_RATE > 0.5" if promote else "LATENCY_MS > 0"))
    until(lambda: scene.counted() > 0, "the canary's first rows")
    had = scene.counted()
    moment = partial(any_moment, chance, 3 if number else 0)
    scene.kill_while(lambda: None, moment, hosts=number % 3 == 1)

    def over() -> bool:
        now = scene.counted()
        goes_on = scene.described()["canary"] is not None
        assert not goes_on or now >= had
        return not goes_on

    until(over, "the canary's end")
    end = scene.history()[-1]
    assert (end["action"], end["alias"]) == ("END CANARY", "CHAMPION" if promote else None)
    assert scene.live() == (other if promote else live)


@pytest.mark.parametrize(
    "rounds",
    [(load, move, watch, canary), *(pytest.param((one,) * 12, marks=pytest.mark.slow) for one in (move, load, watch, canary))],
    ids=["each", "moves", "loads", "watched", "canaries"],
)  # fmt: skip
def test_what_was_answered_stays(tmp_path: Path, rounds: tuple[Callable[..., None], ...]) -> None:
    chance = random.Random(len(rounds))
    with under_load(tmp_path, STREAM, model_text(tmp_path, 1), SCORED) as scene:
        for at, one in enumerate(rounds):
            one(scene, chance, rounds[:at].count(one))
            scene.answers(scene.load.count + 1)  # what holds now has answered something
        scene.check()


def test_a_move_that_is_on_record_happens(tmp_path: Path, monkeypatch) -> None:
    """The server dies between the command log's entry and telling the hosts: the next start finishes the move."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    with mergus.connect(data) as db:
        db.execute(STREAM + model_text(tmp_path, 1) + model_text(tmp_path, 2) + SCORED)
        db.insert("s", [{"x": 1}])
        db.wait()

        def die(models: object) -> None:
            copy_in_use(data, copy)
            raise KeyboardInterrupt

        monkeypatch.setattr(db.engine.models, "publish", die)
        with pytest.raises(KeyboardInterrupt):
            db.execute("ALTER MODEL m SET ALIAS champion = 2;")
        monkeypatch.undo()
    (copy / "lock").unlink(missing_ok=True)
    with mergus.connect(copy) as db:
        db.insert("s", [{"x": 2}])
        db.wait()
        assert [tuple(r.values()) for r in db.query(ANSWERS).rows()] == [(1, 2, 1), (2, 6, 2)]
