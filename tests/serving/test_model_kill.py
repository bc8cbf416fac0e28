"""kill -9 in the middle of an alias move: what was answered stays, each offset once, and one version follows the other."""

from __future__ import annotations

import json
import random
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import mergus
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded import EmbeddedTopics
from tests.data_folder import copy_in_use
from tests.mergus_server import Refused, Server, kill_9, start, until

OPTIONS = ("--setting", "epoch.ms=50", "--setting", "log.level=error")
STREAM = "CREATE STREAM s (x DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
SCORED = "CREATE STREAM o AS SELECT x, m(x) AS y, MODEL_VERSION(m(x)) AS v FROM s EMIT CHANGES;"
ANSWERS = "SELECT x, y, v FROM o;"


def models(folder: Path) -> str:
    """Two versions of a model: twice, and three times its input."""
    made = ""
    for factor in (2, 3):
        (folder / f"m{factor}.py").write_text(f"def predict(x):\n    return x * {factor}\n")
        made += (
            "CREATE OR REPLACE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
            f" WITH (provider='python', path='{folder}/m{factor}.py');"
        )
    return made


class Load:
    """Numbers 0, 1, 2 … into the topic, until told to stop."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        while not self._end.wait(0.01):
            values = [json.dumps({"X": self.count + i}).encode() for i in range(5)]
            writer = self._topics.writer()
            writer.write("s", pa.record_batch({"value": pa.array(values, pa.binary())}))
            writer.close()
            self.count += len(values)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


def answers(server: Server, least: int) -> list[list[object]]:
    """What the query has said, once that is so much; hosts that have just died are waited for."""
    found: list[list[object]] = []

    def there() -> bool:
        nonlocal found
        found = server.rows_if_there(ANSWERS) or []
        return len(found) >= least

    until(there, f"{least} answers")
    return found


def moved(server: Server, version: int) -> None:
    """Move the alias; the server may die meanwhile."""
    try:
        server.statement(f"ALTER MODEL m SET ALIAS champion = {version};")
    except (OSError, Refused):
        return


def kill_in_a_move(folder: Path, server: Server, version: int, chance: random.Random, *, hosts: bool) -> Server:
    """Move the alias and kill meanwhile; gives the server that runs afterwards. What was told before is told again."""
    before = answers(server, 1)
    asked = threading.Thread(target=moved, args=(server, version))
    asked.start()
    time.sleep(chance.uniform(0.2, 1.6))  # the moment of death must be any: the version is tested for about a second
    if hosts:
        kill_9(server.hosts())
    else:
        server.kill()
        server = start(folder, *OPTIONS)
    asked.join()
    again = answers(server, len(before))
    assert again[: len(before)] == before
    return server


@pytest.mark.parametrize("times", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_what_was_answered_stays(tmp_path: Path, times: int) -> None:
    data = tmp_path / "data"
    server, chance, load = start(data, *OPTIONS), random.Random(times), None
    try:
        server.statement(STREAM + models(tmp_path) + SCORED)
        load = Load(data)
        for number in range(times):
            server = kill_in_a_move(data, server, 2 - number % 2, chance, hosts=bool(number % 2))
        load.stop()
        produced = load.count
        found = answers(server, produced)
        (listing,) = server.statement("SHOW MODELS;")
        (history,) = server.statement("SHOW MODEL HISTORY m;")
    finally:
        if load is not None:
            load.stop()
        server.kill()
    assert [x for x, _, _ in found] == list(range(produced))  # each offset once, in order
    assert all(y == x * (v + 1) for x, y, v in found)
    versions = [v for _, _, v in found]
    assert sum(a != b for a, b in pairwise(versions)) <= times  # a move is one step, never to and fro
    assert versions[-1] == listing["models"][0]["version"]
    assert versions == explained(history["history"], produced)


def explained(history: list[dict[str, Any]], count: int) -> list[int]:
    """The version of each offset, by where the history says that its entries have taken effect."""
    taken = [(e["positions"].get("CSAS_O_0", {}).get("s", {}).get("0"), e) for e in history]
    made = [0] * count
    champion = 0
    for at, event in taken:
        champion = event["version"] if event["alias"] == "CHAMPION" else champion
        if at is not None:
            made[at:] = [champion] * (count - at)
    return made


def test_a_move_that_is_on_record_happens(tmp_path: Path, monkeypatch) -> None:
    """The server dies between the command log's entry and telling the hosts: the next start finishes the move."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    with mergus.connect(data) as db:
        db.execute(STREAM + models(tmp_path) + SCORED)
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
