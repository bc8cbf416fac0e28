"""The composed services are described soundly, and the dashboard asks for metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT

METRICS = {
    "mergus_query_batch_rows",
    "mergus_query_lag_records",
    "mergus_query_latency_seconds",
    "mergus_query_restarts_total",
    "mergus_query_rows_bad_total",
    "mergus_query_rows_in_total",
    "mergus_query_rows_late_total",
    "mergus_query_rows_out_total",
    "mergus_query_state_bytes",
}


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


def test_the_dashboard_shows_every_metric_of_a_query_and_no_other() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/mergus.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"mergus_\w+", asked)}
    assert names == METRICS


def test_the_dashboard_reads_the_provisioned_source() -> None:
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ][0]
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/mergus.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
