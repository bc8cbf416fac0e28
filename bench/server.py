"""A `mergus server` under measurement: started as a user starts it, asked over HTTP, its CPU read from the system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def cpu_seconds(pid: int, *, family: bool = True) -> float:
    """CPU-seconds of a process so far; with `family`, of all below it too."""
    total = 0
    for member in _family(pid) if family else [pid]:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_mb(pid: int) -> float:
    """Memory of a process and all below it in MB, pages shared among them counted once (PSS)."""
    total = 0
    for member in _family(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def _post(self, path: str, body: dict[str, Any]) -> bytes:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return bytes(answer.read())

    def statement(self, sql: str) -> list[dict[str, Any]]:
        """Run statements; raises urllib's HTTPError where one is refused."""
        return list(json.loads(self._post("/ksql", {"ksql": sql, "streamsProperties": {}})))

    def rows(self, sql: str) -> list[list[Any]]:
        """A pull query's rows."""
        lines = self._post("/query-stream", {"sql": sql, "properties": {}}).decode().splitlines()
        return [json.loads(line) for line in lines[1:] if line.startswith("[")]

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " ")))

    def wait_rows_in(self, rows: int, seconds: float = 300.0) -> None:
        """Return when the queries have read so many rows together."""
        deadline = time.monotonic() + seconds
        while self.metric("mergus_query_rows_in_total") < rows:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.metric('mergus_query_rows_in_total'):.0f} of {rows} rows after {seconds} s")
            time.sleep(0.05)


@contextmanager
def running_server(data: Path, *options: str) -> Iterator[Server]:
    """`mergus server` on a free port, ended with SIGTERM."""
    command = [str(Path(sys.executable).with_name("mergus")), "server", "--data", str(data), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = process.stdout.readline().decode()
        if "http://" not in line:
            raise RuntimeError(f"the server did not start: {line!r}")
        yield Server(process, "http://" + line.split("http://")[1].split()[0].rstrip("/"))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
