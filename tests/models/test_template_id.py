"""`template_id` and `log_template`: masking by rules."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mergus.udfs.template_id import log_template, template_id

ONE_TEMPLATE = [
    ("Processing order 17", "Processing order 99817"),
    ("Connected to 10.0.0.1:9092", "Connected to broker-7.example.org:9092"),
    ("job a231d9e5-c804-4beb-a5cc-ca0d10868d22 done", "job 4a13e174-8f4b-4572-98f8-7958a9330f77 done"),
    ("took 12 ms", "took 3.5s"),
    ("wrote 12 KB to /var/lib/a/b", "wrote 4 MB to /srv/x/y/z"),
    ("partitions [1, 2, 3] lost", "partitions [4] lost"),
    ('relation "users" is locked', 'relation "orders" is locked'),
    ("state=up since Mon", "state=down since Tue"),
    ("Failed password for root from 10.0.0.1", "Failed password for bob from 10.0.0.2"),
    ("mail to bob@example.org sent", "mail to al@example.com sent"),
    ("session lasted <1 sec", "session lasted 12 sec"),
    ("1190 bytes (1.16 KB) sent", "300 bytes sent"),
    ("zone example.net/IN is loaded", "zone example.org/IN is loaded"),
    ("installed x-www-browser", "installed lib-http-perl"),
    ("GET http://a.example/x failed", "GET https://b.example:80/y?z=1 failed"),
]
TWO_TEMPLATES = [
    ("Starting worker 7", "Stopping worker 7"),
    ("Order 1 created", "Order 1 cancelled"),
    ("disk full", "disk empty"),
    ("half-open circuit", "half-closed circuit"),
    ("value <1> of a", "value <1> of b"),
    ("日志 1 错误", "日志 1 警告"),
]


@pytest.mark.parametrize("pair", ONE_TEMPLATE)
def test_parameters_do_not_tell_lines_apart(pair: tuple[str, str]) -> None:
    first, second = template_id(pa.array(pair)).to_pylist()
    assert first == second


@pytest.mark.parametrize("pair", TWO_TEMPLATES)
def test_words_do(pair: tuple[str, str]) -> None:
    first, second = template_id(pa.array(pair)).to_pylist()
    assert first != second


def test_the_template_is_shown() -> None:
    lines = pa.array(["connect to 10.0.0.1:90 failed in 3 ms", None, ""])
    assert log_template(lines).to_pylist() == ["connect to # failed in #", None, ""]


def test_ids_are_16_hex_digits_that_never_change() -> None:
    assert template_id(pa.array(["Processing order 17", None, ""])).to_pylist() == [
        "cadf47e78b4b99b3",
        None,
        "e4a6a0577479b2b4",
    ]


def test_no_text_is_too_long() -> None:
    assert template_id(pa.array(["x 1 " * 100_000, "\ufffd" * 100])).null_count == 0
