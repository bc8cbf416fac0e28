"""The pages for who runs a server: HTTP's commands are run, settings and metrics are those that there are."""

import contextlib
import os
import re
import signal
import socket
import tomllib
from pathlib import Path

import pytest

from mergus.engine.config import SETTINGS, load
from mergus.engine.runtime.telemetry.metrics import STATES
from tests.blocks import run_blocks
from tests.house.test_deploy import metrics_told

DOCS = Path(__file__).parent.parent / "docs"
OPERATING = (DOCS / "operating.md").read_text()


def test_the_commands_over_http(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        run_blocks((DOCS / "http.md").read_text().replace("8088", str(port)), tmp_path)
    finally:
        if (tmp_path / "server.pid").exists():
            with contextlib.suppress(ProcessLookupError):  # the page's last command has ended it
                os.kill(int((tmp_path / "server.pid").read_text()), signal.SIGKILL)


def _first_column(table: str) -> set[str]:
    cells = [
        line.split(" | ")[0]
        for line in OPERATING.split(f"## {table}\n")[1].split("\n## ")[0].splitlines()
        if "|" in line
    ]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_setting_is_told_and_no_other():
    assert _first_column("Start, stop, settings") == {s.name for s in SETTINGS} | {"kafka.…"}


@pytest.mark.skipif(not os.path.exists("/proc"), reason="what is told of processes is read from /proc")
def test_every_metric_is_told_and_no_other():
    assert {re.sub("_total$", "", name) for name in _first_column("Metrics")} == {
        re.sub("_total$", "", name) for name in metrics_told()
    }


def test_every_state_is_told():
    rows = OPERATING.split("## What runs where")[1].split("## Metrics")[0]
    assert tuple(re.findall(r"^\| ([A-Z]+) \|", rows, re.MULTILINE)) == STATES


def test_the_configuration_is_one(tmp_path, monkeypatch):
    (block,) = re.findall(r"```toml\n(.*?)```", OPERATING, re.DOTALL)
    assert tomllib.loads(block)
    (tmp_path / "mergus.toml").write_text(block)
    config = load({}, {"MERGUS_KAFKA_SASL_PASSWORD": "x"}, tmp_path / "mergus.toml")
    assert config.kafka()["security.protocol"] == "SASL_SSL"
    assert config.kafka()["sasl.password"] == "x"
