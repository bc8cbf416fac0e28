"""`make demo`: the log alerts from start to end on embedded topics, with what to look at while it runs.

A server is started as a user would start it, the statements of `queries/log_alerts` are sent to it, 60,000 log lines are
produced from this process, and the table of alerts is asked over HTTP while it fills.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ..clock import SystemClock
from ..io.embedded.topics import EmbeddedTopics

STORY = Path(__file__).resolve().parents[2] / "queries" / "log_alerts"
LINES = 60_000
CHUNK = 400
EVENT_STEP_MS = 10  # 100 lines a second of event time: ten minutes in all
INCIDENT = range(20_000, 32_000)  # while these lines are sent, a service cannot resolve names
EXCEPTION = (
    "com.amazonaws.SdkClientException: Unable to execute HTTP request: {id}: Temporary failure in name resolution",
    "SdkClientException: Unable to execute HTTP request: {id}",
)


@dataclass
class Client:
    """What the demo asks of the server, over HTTP as any program would."""

    url: str

    def _post(self, path: str, body: dict[str, Any]) -> str:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def statements(self, sql: str) -> None:
        """Run statements that answer nothing but that they are done."""
        self._post("/ksql", {"ksql": sql})

    def rows(self, sql: str) -> tuple[list[str], list[list[Any]]]:
        """A pull query's column names and rows."""
        lines = [json.loads(line) for line in self._post("/query-stream", {"sql": sql}).splitlines() if line]
        return lines[0]["columnNames"], [line for line in lines[1:] if isinstance(line, list)]

    def metric(self, name: str) -> float:
        """A metric's sum over the queries."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))


@contextmanager
def server(data: Path) -> Iterator[Client]:
    """`mergus server` on a free port until the block ends."""
    command = [sys.executable, "-m", "mergus.engine.cli.main", "server", "--data", str(data), "--listen", "127.0.0.1:0"]
    command += ["--setting", "log.level=warning"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = re.search(r"http://[\w.:\[\]-]+", process.stdout.readline())
        if address is None:
            raise SystemExit("the server did not start; its words stand above")
        yield Client(address.group())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def records(seed: int = 7) -> Iterator[pa.RecordBatch]:
    """60,000 lines in chunks: captured ones drawn at random, and in the middle a burst of failures."""
    chance = random.Random(seed)
    captured = [line.split("\t", 1) for line in (STORY / "lines.tsv").read_text().splitlines() if "\t" in line]
    start_ms = int(time.time() * 1000) // 60_000 * 60_000 - LINES * EVENT_STEP_MS
    for first in range(0, LINES, CHUNK):
        keys, values = [], []
        for number in range(first, first + CHUNK):
            if number in INCIDENT and chance.random() < 0.2:
                service = f"checkout-{chance.randrange(4)}"
                message = chance.choice(EXCEPTION).format(id=uuid.UUID(int=chance.getrandbits(128)))
            else:
                service, message = chance.choice(captured)
            keys.append(service.encode())
            body = {"message": message, "logged_at": start_ms + number * EVENT_STEP_MS}
            values.append(json.dumps(body).encode())
        yield pa.record_batch({"key": pa.array(keys, pa.binary()), "value": pa.array(values, pa.binary())})


@dataclass
class Producer:
    """Sends the lines from a thread of its own, at a pace that leaves something to watch."""

    data: Path
    pace_rows_s: float = 12_000
    sent: int = 0
    warm: threading.Event = field(default_factory=threading.Event)
    failure: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        """Send all lines: the first few to load the models, the rest when `warm` is set."""
        try:
            topics = EmbeddedTopics(self.data / "topics", clock=SystemClock())
            writer = topics.writer()
            begun = time.monotonic()
            for batch in records():
                writer.write("logs", batch)
                writer.flush()
                self.sent += batch.num_rows
                if self.sent == batch.num_rows:
                    self.warm.wait()
                    begun = time.monotonic()
                time.sleep(max(0.0, begun + self.sent / self.pace_rows_s - time.monotonic()))
            writer.close()
            topics.close()
        except Exception as error:  # noqa: BLE001 - shown by the main thread, which ends the demo
            self.failure.append(error)


def _cell(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 72 else text[:71] + "…"


def _table(title: str, names: list[str], rows: list[list[Any]], limit: int = 12) -> Table:
    table = Table(title=title, title_justify="left", expand=False)
    for name in names:
        table.add_column(name.lower(), overflow="fold" if name == "EXAMPLE" else "ellipsis")
    for row in rows[:limit]:
        table.add_row(*map(_cell, row))
    return table


def _alerts(client: Client) -> tuple[list[str], list[list[Any]]]:
    names, rows = client.rows("SELECT cluster, lines, services, example FROM alerts;")
    return names, sorted(rows, key=lambda r: -r[1])


@dataclass
class Progress:
    """How far the queries are: rows read by both, each of which reads every line."""

    queries: int
    begun: float = 0.0
    ended: float = 0.0
    rows: float = 0.0

    def look(self, client: Client) -> bool:
        """Ask; True when all lines have gone through all queries."""
        self.rows = client.metric("mergus_query_rows_in_total") / self.queries
        now = time.monotonic()
        if not self.begun and client.rows("SELECT kind FROM kinds LIMIT 1;")[1]:
            self.begun = now  # the models are loaded
        self.ended = now
        return self.rows >= LINES


def watch(client: Client, producer: Producer, console: Console) -> Progress:
    """Show the table while it fills, in place on a terminal, as lines elsewhere."""
    progress = Progress(queries=2)
    thread = threading.Thread(target=producer.run, daemon=True)
    thread.start()
    shown = 0.0
    live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
    if live:
        live.start()
    console.print("loading the models …")
    try:
        while not progress.look(client):
            if progress.begun:
                producer.warm.set()
            if producer.failure:
                raise producer.failure[0]
            names, rows = _alerts(client)
            title = f"alerts: {len(rows)} clusters a minute · {producer.sent:,} lines sent · {progress.rows:,.0f} read"
            if live:
                live.update(_table(title, names, rows))
            elif time.monotonic() - shown > 1 and progress.begun:
                shown = time.monotonic()
                most = f"; most: {rows[0][1]} × {_cell(rows[0][3])}" if rows else ""
                console.print(title + most, soft_wrap=True)
            time.sleep(0.25)
        if live:
            live.update(_table("alerts", *_alerts(client)))
    finally:
        if live:
            live.stop()
    return progress


def questions() -> list[str]:
    """The pull queries of the story."""
    text = re.sub(r"--.*", "", (STORY / "3_questions.sql").read_text())
    return [" ".join(part.split()) + ";" for part in text.split(";") if part.strip()]


def tell(client: Client, progress: Progress, console: Console) -> None:
    """The pull queries with their answers, and the speed."""
    for sql in questions():
        names, rows = client.rows(sql)
        console.print(f"\n[bold]{sql}[/bold]", highlight=False, soft_wrap=True)
        console.print(_table("", names, sorted(rows, key=lambda r: str(r[1]), reverse=True), limit=8))
    seconds = max(progress.ended - progress.begun, 0.001)
    console.print(
        f"\n{LINES:,} lines through two queries and two models in {seconds:.1f} s: {LINES / seconds:,.0f} lines/s"
    )


def _next(console: Console, data: Path) -> None:
    console.print(
        "\nWhat to try next:\n"
        "  make demo KEEP=1                     the same, and the server stays up: a page for your browser\n"
        f"  .venv/bin/mergus --data {data}    a prompt of your own\n"
        "  README.md                            a tutorial of ten minutes",
        highlight=False,
        soft_wrap=True,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; 0 when all went well."""
    parser = argparse.ArgumentParser(prog="mergus-demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the server running at the end, until Ctrl-C")
    options = parser.parse_args(arguments)
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="mergus-demo-"))
    try:
        with server(folder) as client:
            console.print(f"server: {client.url}   statements: queries/log_alerts/*.sql", highlight=False)
            for name in ("1_sources.sql", "2_alerts.sql"):
                client.statements((STORY / name).read_text())
            progress = watch(client, Producer(folder), console)
            tell(client, progress, console)
            if options.keep:
                console.print(
                    f"\nThe server stays until Ctrl-C.\n  {client.url}/#/live/ALERTS    the alerts on a page"
                    f"\n  .venv/bin/mergus --server {client.url}    a prompt"
                )
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
        _next(console, Path("data"))
    except urllib.error.HTTPError as error:
        console.print(f"the server refused: {error.read().decode()}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
