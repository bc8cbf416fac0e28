"""The page as files over HTTP, and who may ask the server from within a browser."""

from __future__ import annotations

import re

import pytest

import mergus
from mergus.engine.serving.http.origin import refusal
from mergus.engine.serving.http.page import FILES, MEDIA

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        yield db


@pytest.mark.parametrize("path", ["/", "/ui"])
def test_a_browser_gets_the_page_under_a_strict_policy(client, path):
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"unsafe|\*|https?:|data:", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/vnd.ksql.v1+json"])
def test_other_clients_get_at_the_root_what_they_got(client, accept):
    answer = client.get("/", headers={"Accept": accept})
    assert answer.json() == client.get("/info").json()
    assert answer.headers["vary"] == "Accept"


def test_every_file_is_served_as_what_it_is_and_asked_anew_in_few_bytes(client):
    names = sorted(path.name for path in FILES.iterdir())
    assert {"index.html", "main.js", "style.css", "icon.svg"} < set(names)
    for name in names:
        answer = client.get(f"/ui/{name}")
        assert answer.headers["content-type"] == MEDIA["." + name.rpartition(".")[2]]
        assert answer.content == (FILES / name).read_bytes()
        again = client.get(f"/ui/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/ui/nothing.js", "/ui/../http_page.py", "/ui/%2e%2e/http_page.py", "/ui/__init__.py"]
)
def test_no_other_file_is_served(client, path):
    assert client.get(path).status_code == 404


def test_the_page_asks_no_other_host_and_makes_no_markup_of_values():
    for path in FILES.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|<script>|\son\w+=\"|style=\"", text), path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text), (
            path.name
        )


@pytest.mark.parametrize(
    ("host", "origin", "local", "why"),
    [
        ("127.0.0.1:8088", None, True, None),
        ("127.0.0.1:8088", "http://127.0.0.1:8088", True, None),
        ("[::1]:8088", "http://[::1]:8088", True, None),
        ("localhost:8088", "http://LOCALHOST:8088", True, None),
        ("mergus:8088", "http://mergus:8088", False, None),
        ("10.1.2.3:8088", "http://10.1.2.3:8088", False, None),
        ("mergus.cluster.local:8088", None, False, None),  # Prometheus is no browser
        ("alerts.example.com", "https://alerts.example.com", False, None),  # http.hosts
        ("127.0.0.1:8088", "https://alerts.example.com", True, None),  # behind a proxy that says another Host
        ("127.0.0.1:8088", "http://127.0.0.1:3000", True, "a page of http://127.0.0.1:3000 may not"),
        ("127.0.0.1:8088", "https://elsewhere.example.com", True, "a page of https://elsewhere.example.com may not"),
        ("127.0.0.1:8088", "null", True, "a page of null may not"),
        (
            "rebound.example.com:8088",
            "http://rebound.example.com:8088",
            False,
            "does not go by the name rebound.example.com",
        ),
        ("rebound.example.com:8088", None, True, "does not go by the name rebound.example.com"),
    ],
)
def test_who_may_ask(host, origin, local, why):
    told = refusal(host, origin, frozenset({"alerts.example.com"}), local=local)
    assert told is None if why is None else why in told


def test_a_page_of_elsewhere_is_refused_before_its_statement_is_read(client, db):
    body = "{\"ksql\": \"CREATE STREAM planted (a INT) WITH (kafka_topic = 'planted', value_format = 'JSON', partitions = 1);\"}"
    headers = {"Content-Type": "text/plain", "Origin": "https://elsewhere.example.com"}
    answer = client.post("/ksql", content=body, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["message"].endswith("Hint: name its host in the setting http.hosts")
    assert "access-control-allow-origin" not in answer.headers
    assert client.get("/info", headers={"Host": "rebound.example.com"}).status_code == 403
    (streams,) = client.post("/ksql", json={"ksql": "SHOW STREAMS;"}).json()
    assert "PLANTED" not in [stream["name"] for stream in streams["streams"]]
