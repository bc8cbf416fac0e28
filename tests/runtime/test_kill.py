"""kill -9 under load: every table and topic ends as after an uninterrupted run, chained queries included."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from flows import until
from plans import big, chained, counts, open_topics, produce, pull_all, pulled, records, rows_of

from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings

SERVER = Path(__file__).parent / "server_for_kill.py"


class Load:
    """Produces events from this process until told to stop; remembers what it produced."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.topics = open_topics(folder)
        self.produced: list[tuple[str, int]] = []
        self._random = random.Random(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        while not self._end.wait(0.02):
            rows = [(f"k{self._random.randrange(50)}", self._random.randrange(1000)) for _ in range(40)]
            produce(self.topics, rows, at=len(self.produced))
            self.produced += rows

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


def start(folder: Path, workers: int, mode: str) -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, str(SERVER), str(folder), str(workers), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "started\n"
    return server


def finish(server: subprocess.Popen[str]) -> None:
    out, _ = server.communicate("finish\n", timeout=270)
    assert out == "finished\n"


def check(folder: Path, produced: list[tuple[str, int]], workers: int = 1) -> None:
    topics = open_topics(folder)
    wanted = {k: (n, sum(v for key, v in produced if key == k)) for k, n in Counter(k for k, _ in produced).items()}
    lifecycle = Lifecycle(HostSettings(folder), topics, RunSettings(workers=workers, in_process=True, epoch_ms=50))
    for plan in (counts(), big()):
        lifecycle.start(plan)
    lifecycle.wait_caught_up(limit_s=60)
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == wanted
    rows = pulled(lifecycle, "CTAS_BIG", pull_all("BIG", "N; C")).to_pylist()
    assert {r["c0"]: r["c1"] for r in rows if r["c1"]} == dict(Counter(n for n, _ in wanted.values()))
    lifecycle.close()
    # the table's topic says the same, and no update came twice: each is larger than the one before
    seen: dict[bytes, int] = {}
    for _, _, key, value in sorted(records(topics, "counts"), key=lambda r: (r[0], r[1])):
        n = json.loads(value)["N"]
        assert n > seen.get(key, 0)
        seen[key] = n
    assert {k.decode(): n for k, n in seen.items()} == {k: n for k, (n, _) in wanted.items()}
    # a stream's topic: every record that passes, once
    out = Counter((json.loads(v)["K"], json.loads(v)["V"]) for _, _, _, v in records(topics, "passed"))
    assert out == Counter(row for row in produced if row[1] % 2 == 0)
    # two topics put together: the records of both, once
    union = Counter((json.loads(v)["K"], json.loads(v)["V"]) for _, _, _, v in records(topics, "both"))
    assert union == Counter(produced) + Counter((k, -1 - v) for k, v in out.elements())
    topics.close()


def kill_server(folder: Path, *, times: int, workers: int, mode: str, seed: int) -> None:
    load, chance = Load(folder, seed), random.Random(seed)
    try:
        for _ in range(times):
            server = start(folder, workers, mode)
            time.sleep(chance.uniform(0.1, 0.9))  # the moment of death must be any
            server.kill()
            server.communicate()
    finally:
        load.stop()
    finish(start(folder, workers, mode))
    check(folder, load.produced, workers)


@pytest.mark.parametrize("mode", ["hosts", pytest.param("threads", marks=pytest.mark.slow)])
def test_a_killed_server_loses_and_repeats_nothing(tmp_path, mode):
    kill_server(tmp_path, times=2, workers=1, mode=mode, seed=1)


def test_a_killed_server_of_two_workers_loses_and_repeats_nothing(tmp_path):
    kill_server(tmp_path, times=2, workers=2, mode="hosts", seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_kills(tmp_path, workers):
    kill_server(tmp_path, times=20, workers=workers, mode="hosts", seed=3)


def test_killed_hosts_are_started_again_and_lose_nothing(tmp_path):
    topics = open_topics(tmp_path)
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=60, rows_max=500))
    for plan in chained():
        lifecycle.start(plan)
    load, chance = Load(tmp_path, 4), random.Random(4)
    for kills in range(1, 4):
        time.sleep(chance.uniform(0.1, 0.5))  # as above
        for pid in {host.pid for host in lifecycle.host_processes()}:
            os.kill(pid, signal.SIGKILL)
        until(lambda k=kills: all(s.metrics.restarts >= k for s in lifecycle.statuses().values()))
    load.stop()
    lifecycle.wait_caught_up(limit_s=60)
    lifecycle.close()
    topics.close()
    check(tmp_path, load.produced)


def test_any_copy_of_the_folder_goes_on_to_the_same_end(tmp_path):
    """A copy taken while a query runs is what a crash of the machine could leave of its own files, but for the topics,
    which are other programs' too: they are copied last, at rest."""
    folder = tmp_path / "one"
    load = Load(folder, 5)
    lifecycle = Lifecycle(HostSettings(folder), load.topics, RunSettings(in_process=True, epoch_ms=40, rows_max=200))
    for plan in chained():
        lifecycle.start(plan)
    until(lambda: len(load.produced) > 1_500)
    load.stop()
    lifecycle.wait_caught_up(limit_s=60)
    lifecycle.close()
    check(folder, load.produced)
    again = tmp_path / "two"
    shutil.copytree(folder, again)
    check(again, load.produced)
