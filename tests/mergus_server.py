"""A `mergus server` as a user has it: a process of its own, spoken to over HTTP, killed and started again on its folder.

with running_server(folder) as server:
    server.statement("CREATE STREAM …")
    server.rows("SELECT * FROM t;")
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

COMMAND = [sys.executable, "-m", "mergus.engine.cli.main", "server"]
LIMIT_S = 60.0


class Refused(Exception):
    """The server's answer is an error; `body` is what it says."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {body.get('message')}")
        self.status = status
        self.body = body


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def open(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The response, to be closed. Raises Refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            return urllib.request.urlopen(request, timeout=120)
        except urllib.error.HTTPError as error:
            text = error.read()
            raise Refused(error.code, json.loads(text) if text.startswith(b"{") else {"message": text}) from None

    def statement(self, sql: str, **properties: str) -> list[dict[str, Any]]:
        """Run statements."""
        with self.open("/ksql", {"ksql": sql, "streamsProperties": properties}) as answer:
            return list(json.loads(answer.read()))

    def rows(self, sql: str) -> list[list[Any]]:
        """A pull query's rows."""
        with self.open("/query-stream", {"sql": sql, "properties": {}}) as answer:
            lines = answer.read().decode().splitlines()
        return [json.loads(line) for line in lines[1:] if line.startswith("[")]

    def rows_if_there(self, sql: str) -> list[list[Any]] | None:
        """A pull query's rows; None while the host that keeps them is being started again."""
        try:
            return self.rows(sql)
        except Refused as why:
            if why.status != 503:
                raise
            return None

    def state(self, query_id: str) -> str:
        """A persistent query's: RUNNING, ERROR, PAUSED."""
        (listing,) = self.statement("SHOW QUERIES;")
        return next((str(q["state"]) for q in listing["queries"] if q["id"] == query_id), "")

    def metrics(self) -> str:
        """What /metrics says."""
        with self.open("/metrics") as answer:
            return str(answer.read().decode())

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        samples = (s for family in text_string_to_metric_families(self.metrics()) for s in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    def hosts(self) -> list[int]:
        """The processes that run its queries: forked by its fork server, so the server's grandchildren."""
        return [pid for child in children(self.pid) for pid in children(child)]

    def wait_rows_in(self, rows: int, seconds: float = 300.0) -> None:
        """Return when the queries have read so many rows together."""
        until(lambda: self.metric("mergus_query_rows_in_total") >= rows, f"{rows} rows to be read", seconds, 0.05)

    def kill(self) -> None:
        """kill -9, and wait until it has gone."""
        self.process.kill()
        self.process.communicate()

    def stop(self, seconds: float = LIMIT_S) -> int:
        """End it as an operator does; its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid` (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


def start(data: Path, *options: str, environment: dict[str, str] | None = None, **more: Any) -> Server:
    """Start one on a free port (unless `options` say `--listen`) and wait until it takes requests; its standard error is
    the caller's. Raises RuntimeError where it ends instead."""
    listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
    command = [*COMMAND, "--data", str(data), *listen, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | (environment or {}), **more)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    if "http://" not in line:
        process.kill()
        raise RuntimeError(f"the server did not start: {line!r}, status {process.wait()}")
    return Server(process, "http://" + line.split("http://")[1].split()[0].rstrip("/"))


@contextmanager
def running_server(data: Path, *options: str, **more: Any) -> Iterator[Server]:
    """The same, ended with SIGTERM."""
    server = start(data, *options, **more)
    try:
        yield server
    finally:
        server.stop()


def refused_start(data: Path, *options: str) -> tuple[int, str]:
    """Exit status and standard error of a server that is not meant to start."""
    command = [*COMMAND, "--data", str(data), *options]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    return done.returncode, done.stderr.decode()


def until(holds: Callable[[], bool], what: str, seconds: float = LIMIT_S, every_s: float = 0.02) -> None:
    """Poll until it holds. Raises TimeoutError that names what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every_s)


def kill_9(pids: list[int]) -> None:
    """kill -9 each of them; one that has gone already is no matter."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
