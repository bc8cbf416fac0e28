"""Refusals that come before a request has been read: the client is told that its connection ends."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

import mergus

HERE = b"Content-Type: application/json\r\n"
ELSEWHERE = b"Content-Type: text/plain\r\nOrigin: https://elsewhere.example.com\r\n"


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        yield db


def answered(url: str, path: str, headers: bytes, content: bytes, sent: int) -> bytes:
    """What comes back, lower case, when so many bytes of the content are sent; until the server closes or is silent."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=5) as connection:
        head = b"POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n"
        connection.sendall(head % (path.encode(), where.netloc.encode(), headers, len(content)) + content[:sent])
        got = b""
        while b"}" not in got and (piece := connection.recv(1 << 16)):
            got += piece
        return got.lower()


@pytest.mark.parametrize(("path", "headers", "status"), [("/ksql", ELSEWHERE, 403), ("/nowhere", HERE, 404)])
def test_a_refusal_before_the_body(url, path, headers, status):
    answer = answered(url, path, headers, b"{" + b" " * 1000, sent=1)
    assert answer.startswith(b"http/1.1 %d" % status)
    assert b"\r\nconnection: close\r\n" in answer


def test_a_refusal_of_what_was_read(url):
    answer = answered(url, "/ksql", HERE, b"[]", sent=2)
    assert answer.startswith(b"http/1.1 400")
    assert b"connection: close" not in answer
