"""The composed services are described soundly, and the dashboard asks for metrics that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from mergus.engine.config import load
from mergus.engine.runtime.hosts.lifecycle import END_S
from mergus.engine.runtime.telemetry.metrics import STATES, exposition
from mergus.engine.serving.http.access import RequestMetrics
from tests.house.tree import ROOT

NOT_SHOWN = {
    "mergus_model_load_seconds",
    "mergus_process_max_fds",
    "mergus_process_start_time_seconds",
    "mergus_process_virtual_memory_bytes",
    "mergus_statements_left_out",  # an alert tells it
}


def metrics_told() -> set[str]:
    """The families that /metrics answers with, on Linux."""
    text = exposition([], pids={"server": os.getpid()}).decode() + RequestMetrics().exposition()
    return {name for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE) if not name.endswith("_created")}


def families_in(expressions: str) -> set[str]:
    """The families that PromQL asks for."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"mergus_\w+", expressions)}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return described


def test_the_services_are_those_of_a_whole_installation(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"kafka", "schema-registry", "mergus", "prometheus", "grafana"}


def test_every_mounted_file_and_volume_is_there(compose: dict[str, Any]) -> None:
    sources = [
        volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])
    ]
    files = [source for source in sources if source.startswith("./")]
    assert [source for source in files if not (ROOT / source).exists()] == []
    assert set(sources) - set(files) == set(compose["volumes"])


def test_every_port_is_published_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_image_has_a_version(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values() if "image" in service]
    assert [image for image in images if not re.search(r":v?\d", image)] == []


def test_docker_takes_the_description() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [docker, "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_prometheus_scrapes_the_engine_where_it_listens(compose: dict[str, Any]) -> None:
    described = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    (target,) = described["scrape_configs"][0]["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert host in compose["services"]
    assert f"0.0.0.0:{port}" in compose["services"][host]["command"]


@pytest.mark.skipif(not os.path.exists("/proc"), reason="what is told of processes is read from /proc")
def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/mergus.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    assert families_in(asked) == metrics_told() - NOT_SHOWN


def test_alerts_ask_for_metrics_that_there_are(compose: dict[str, Any]) -> None:
    described = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in compose["services"]["prometheus"]["volumes"]}
    (file,) = described["rule_files"]
    alerts = [rule for group in yaml.safe_load((ROOT / mounted[file]).read_text())["groups"] for rule in group["rules"]]
    asked = " ".join(rule["expr"] for rule in alerts)
    assert families_in(asked) <= metrics_told()
    assert {state for found in re.findall(r'state=~"([A-Z|]+)"', asked) for state in found.split("|")} <= set(STATES)
    assert [rule["alert"] for rule in alerts if not rule["annotations"]["summary"]] == []


def test_the_engine_has_what_it_shall_use_and_the_time_to_end(compose: dict[str, Any]) -> None:
    engine = compose["services"]["mergus"]
    config = load({}, engine["environment"])
    assert config["kafka.bootstrap"].split(":")[0] in compose["services"]
    assert urlsplit(config["schema.registry.url"]).hostname in compose["services"]
    assert int(engine["stop_grace_period"].removesuffix("s")) > END_S


def test_the_dashboard_reads_the_provisioned_source() -> None:
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ][0]
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/mergus.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
