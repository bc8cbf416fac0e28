"""A server with a model under load, killed while something is done to the model, and what must hold of all answers then.

Version n of the model answers its input times n + 1, so that an answer tells which version gave it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mergus.engine.clock import SystemClock
from mergus.engine.inference.versions.arms import split_rows
from mergus.engine.io.embedded.topics import EmbeddedTopics
from tests.mergus_server import Refused, Server, kill_9, start, until

OPTIONS = ("--setting", "epoch.ms=50", "--setting", "log.level=error")
STREAM = "CREATE STREAM s (x DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
SCORED = "CREATE STREAM o AS SELECT x, m(x) AS y, MODEL_VERSION(m(x)) AS v FROM s EMIT CHANGES;"
ANSWERS = "SELECT x, y, v FROM o;"
PARTS = 60
FUNCTION = f"""
from pathlib import Path
FACTORS = [int(part.read_text()) for part in Path(__file__).parent.glob("part*")]
assert len(FACTORS) == {PARTS}, "half of a model"
def predict(x):
    return x * FACTORS[-1]
"""
SELF_TEST = """self_test='[{"input": 0, "output": 0}]'"""
ARMS = (("CHAMPION", 50), ("CHALLENGER", 50))
"""Of the canaries: `50 PERCENT BY x`."""


def put(folder: Path, version: int, parts: range = range(PARTS)) -> None:
    """An artefact of many files, or some of them: a function that does not run without all."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(FUNCTION)
    for part in parts:
        (folder / f"part{part}").write_text(str(version + 1))


def model_text(home: Path, version: int, *more: str, path: Path | None = None) -> str:
    """The statement for a version, with such properties; its artefact is made where no `path` holds it."""
    if path is None:
        path = home / f"v{version}"
        put(path, version)
    properties = ("provider='python'", f"path='{path}'", "file='model.py'", SELF_TEST, *more)
    return f"CREATE OR REPLACE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH ({', '.join(properties)});"


class Load:
    """Numbers 0, 1, 2 … into the topic, until told to stop."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        while not self._end.wait(0.02):
            values = [json.dumps({"X": self.count + i}).encode() for i in range(2)]
            writer = self._topics.writer()
            writer.write("s", pa.record_batch({"value": pa.array(values, pa.binary())}))
            writer.close()
            self.count += len(values)

    def stop(self) -> None:
        """Return when the last is written."""
        self._end.set()
        self._thread.join()


@dataclass
class UnderLoad:
    """The server on `home / "data"`, which may be another one after each kill."""

    home: Path
    server: Server
    load: Load

    @property
    def data(self) -> Path:
        """The server's folder."""
        return self.home / "data"

    def try_statement(self, sql: str) -> None:
        """Ask for something; the server may die meanwhile."""
        try:
            self.server.statement(sql)
        except (OSError, Refused):
            return

    def killed(self, *, hosts: bool) -> None:
        """kill -9 the hosts of the queries, or the server, which is started again."""
        if hosts:
            kill_9(self.server.hosts())
        else:
            self.server.kill()
            self.server = start(self.data, *OPTIONS)

    def kill_while(self, act: Callable[[], None], moment: Callable[[], None], *, hosts: bool) -> None:
        """Kill at a moment while something is done. What was answered before is answered again."""
        before = self.answers(1)
        doing = threading.Thread(target=act)
        doing.start()
        moment()
        self.killed(hosts=hosts)
        doing.join()
        again = self.answers(len(before))
        assert again[: len(before)] == before

    def answers(self, least: int) -> list[list[Any]]:
        """What the query has said, once that is so much; hosts that have just died are waited for."""
        found: list[list[Any]] = []

        def there() -> bool:
            nonlocal found
            found = self.server.rows_if_there(ANSWERS) or []
            return len(found) >= least

        until(there, f"{least} answers", every_s=0.1)
        return found

    def history(self) -> list[dict[str, Any]]:
        """What has happened to the model."""
        (shown,) = self.server.statement("SHOW MODEL HISTORY m;")
        found: list[dict[str, Any]] = shown["history"]
        return found

    def described(self) -> dict[str, Any]:
        """What DESCRIBE MODEL says."""
        (shown,) = self.server.statement("DESCRIBE MODEL m;")
        found: dict[str, Any] = shown["modelDescription"]
        return found

    def versions(self) -> dict[int, str]:
        """The aliases of each version."""
        return {v["version"]: v["aliases"] for v in self.described()["versions"]}

    def live(self) -> int:
        """The champion."""
        return next(number for number, aliases in self.versions().items() if "CHAMPION" in aliases)

    def folders(self) -> set[int]:
        """The versions that the data folder holds."""
        return {int(place.name) for place in (self.data / "models" / "M").iterdir()}

    def counted(self) -> int:
        """How many rows a canary has counted, by what is kept of it."""
        file = self.data / "models" / "canaries.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        return int(kept["M"]["done"]["rows"]) if kept else 0

    def check(self) -> None:
        """No load any more: each offset has one answer, in order, by the version that the history tells."""
        self.load.stop()
        produced = self.load.count
        found = self.answers(produced)
        assert [x for x, _, _ in found] == list(range(produced))
        assert all(y == x * (v + 1) for x, y, v in found)
        assert [v for _, _, v in found] == explained(self.history(), produced)
        assert self.folders() == set(self.versions())


@contextmanager
def under_load(home: Path, *statements: str) -> Iterator[UnderLoad]:
    """A server that has carried out the statements, and gets records."""
    server = start(home / "data", *OPTIONS)
    made = None
    try:
        server.statement("".join(statements))
        made = UnderLoad(home, server, Load(home / "data"))
        yield made
    finally:
        if made is not None:
            made.load.stop()
            server = made.server
        server.kill()


def explained(history: list[dict[str, Any]], count: int) -> list[int]:
    """The version of each offset, by where the history says that its entries have taken effect."""
    made = np.zeros(count, dtype=np.int64)
    keys = pa.array(np.arange(count, dtype=np.float64))
    aliases: dict[str, int] = {}
    arms = ARMS[:1]
    for event in history:
        if event["alias"] is not None:
            aliases[event["alias"]] = event["version"]
        if event["action"].endswith("CANARY"):
            arms = ARMS if event["action"] == "SET CANARY" else ARMS[:1]
        at = event["positions"].get("CSAS_O_0", {}).get("s", {}).get("0")
        if at is not None:
            made[at:] = split_rows([keys.slice(at)], [(aliases[alias], share) for alias, share in arms])
    return [int(version) for version in made]
