"""A server on a broker behind TLS and SASL/SCRAM: settings from a file and from the environment, what is refused, and rights."""

from __future__ import annotations

import os
import time
import uuid

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.kafka_broker import BrokerUnavailable
from tests.mergus_server import refused_start, running_server, start, until
from tests.secured_broker import PASSWORD, secured_broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    try:
        with secured_broker(tmp_path_factory.mktemp("certificates")) as made:
            yield made
    except BrokerUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def name():
    return "t" + uuid.uuid4().hex[:8]


@pytest.fixture
def config(secured, tmp_path):
    """A file of settings."""
    lines = {"kafka.bootstrap": secured.broker.address} | {f"kafka.{k}": v for k, v in secured.settings().items()}
    (tmp_path / "mergus.toml").write_text("".join(f'"{name}" = "{value}"\n' for name, value in lines.items()))
    return ("--config", str(tmp_path / "mergus.toml"))


def test_queries_go_on_after_a_kill_and_the_password_stays_secret(secured, name, config, tmp_path):
    said = tmp_path / "log"
    with said.open("w") as log:
        server = start(tmp_path / "data", *config, stderr=log)
        server.statement(
            f"CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='{name}', value_format='JSON', partitions=2);"
            f"CREATE TABLE t WITH (kafka_topic='{name}_t') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;"
            "INSERT INTO s VALUES ('x', 1);"
        )
        until(lambda: server.rows("SELECT * FROM t;") == [["x", 1]], "the table")
        server.kill()
        environment = {
            "MERGUS_KAFKA_" + name.upper().replace(".", "_"): value for name, value in secured.settings().items()
        }
        options = ("--kafka", secured.broker.address)
        with running_server(tmp_path / "data", *options, environment=environment, stderr=log) as server:
            server.statement("INSERT INTO s VALUES ('x', 2);")
            until(lambda: server.rows_if_there("SELECT * FROM t;") == [["x", 2]], "the table to go on")
            (shown,) = server.statement("SHOW PROPERTIES;")
            (password,) = [p for p in shown["properties"] if p["name"] == "kafka.sasl.password"]
            assert (password["value"], password["level"]) == ("********", "environment")
            assert PASSWORD not in str(shown)
    assert PASSWORD not in said.read_text()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"password": "not-that-one"}, ("invalid credentials", "check the sasl.* settings")),
        ({"authority": "stranger"}, ("certificate verify failed", "check the ssl.* settings")),
    ],
)
def test_who_is_not_let_in_is_told_so_at_once(secured, tmp_path, wrong, says):
    given = {key: secured.stranger if value == "stranger" else value for key, value in wrong.items()}
    options = [f"--setting=kafka.{name}={value}" for name, value in secured.settings(**given).items()]
    begun = time.monotonic()
    status, words = refused_start(tmp_path, "--kafka", secured.broker.address, "--listen", "127.0.0.1:0", *options)
    assert time.monotonic() - begun < 20
    assert status == 1
    assert f"Kafka at {secured.broker.address}" in words
    for part in says:
        assert part in words
    assert "not-that-one" not in words
    assert PASSWORD not in words


@pytest.mark.parametrize("setting", ["sasl.passwrod=hidden-too", "ssl.ca.location=/nowhere.pem", "sasl.mechanism=FOO"])
def test_settings_that_librdkafka_does_not_take(secured, tmp_path, setting):
    options = [f"--setting=kafka.{name}={value}" for name, value in secured.settings().items()]
    last = f"--setting=kafka.{setting}"
    status, words = refused_start(tmp_path, "--kafka", secured.broker.address, "--listen=127.0.0.1:0", *options, last)
    assert status == 1
    assert words.startswith("mergus: the settings under kafka.* are wrong\nDetail: ")
    assert "hidden-too" not in words


def test_a_topic_that_the_user_may_not_read(secured, name, config, tmp_path):
    admin = AdminClient(secured.admin())
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    denied = AclBinding(
        ResourceType.TOPIC,
        name,
        ResourcePatternType.LITERAL,
        "User:alice",
        "*",
        AclOperation.READ,
        AclPermissionType.DENY,
    )
    anybody = AclBinding(
        ResourceType.TOPIC,
        name,
        ResourcePatternType.LITERAL,
        "User:*",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    for made in admin.create_acls([anybody, denied]).values():
        made.result(30)
    with running_server(tmp_path / "data", *config, "--setting", "log.level=error") as server:
        server.statement(
            f"CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='{name}', value_format='JSON');"
            f"CREATE STREAM u WITH (kafka_topic='{name}_u') AS SELECT * FROM s EMIT CHANGES;"
        )
        until(lambda: server.state("CSAS_U_0") == "ERROR", "the query to be in ERROR")
        (told,) = server.statement("DESCRIBE u EXTENDED;")
        errors = told["sourceDescription"]["errorStats"]
        assert "TOPIC_AUTHORIZATION_FAILED" in errors
        assert name in errors
        assert "give this user the right to the topic" in errors
        (deletion,) = admin.delete_acls([to_filter(denied)]).values()
        deletion.result(30)
        producer = Producer(secured.admin())
        producer.produce(name, b'{"A":1}', b"x")
        producer.flush()
        until(lambda: server.rows_if_there("SELECT a FROM u;") == [[1]], "the query to go on")


def to_filter(acl):
    return AclBindingFilter(
        acl.restype,
        acl.name,
        acl.resource_pattern_type,
        acl.principal,
        acl.host,
        acl.operation,
        acl.permission_type,
    )


def test_times_of_a_topic_whose_times_are_the_brokers(secured, name, config, tmp_path):
    topics = [NewTopic(each, 1, 1, config={"message.timestamp.type": "LogAppendTime"}) for each in (name, f"{name}_u")]
    admin = AdminClient(secured.admin())  # lives until the answer is here
    for made in admin.create_topics(topics).values():
        made.result(30)
    with running_server(tmp_path / "data", *config, "--setting", "log.level=error") as server:
        server.statement(
            f"CREATE STREAM s (k STRING KEY, a BIGINT) WITH (kafka_topic='{name}', value_format='JSON');"
            f"CREATE STREAM u WITH (kafka_topic='{name}_u') AS SELECT * FROM s EMIT CHANGES;"
            "INSERT INTO s (ROWTIME, k, a) VALUES (5, 'x', 7);"
        )
        now_ms = time.time() * 1000
        until(lambda: len(server.rows("SELECT * FROM u;")) == 1, "the row")
        for stream in "su":
            ((rowtime,),) = server.rows(f"SELECT ROWTIME AS t FROM {stream};")
            assert abs(rowtime - now_ms) < 60_000
