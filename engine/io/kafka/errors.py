"""What Kafka complains of, as the engine's errors; no setting's value ever enters a message."""

from __future__ import annotations

import re

from confluent_kafka import KafkaError, KafkaException

from ...errors import EnvironmentFault, NotLetIn, UserError

_HINTS = {
    "_AUTHENTICATION": "check the sasl.* settings",
    "SASL_AUTHENTICATION_FAILED": "check the sasl.* settings",
    "UNSUPPORTED_SASL_MECHANISM": "check sasl.mechanism",
    "_SSL": "check the ssl.* settings and the broker's certificate",
    "TOPIC_AUTHORIZATION_FAILED": "give this user the right to the topic",
    "MSG_SIZE_TOO_LARGE": "raise message.max.bytes here and max.message.bytes of the topic",
    "INVALID_TIMESTAMP": "a row's time is too far in the future for the topic: is it in milliseconds? Or raise its"
    " message.timestamp.after.max.ms",
    "INVALID_RECORD": "a row's time may be too far from now for the topic, or its key NULL where the topic is compacted",
    "INVALID_REPLICATION_FACTOR": "the cluster has fewer brokers than replicas asked for",
}


_PASSING = re.compile(r" \(after \d+ms in state [^()]*(\(s\)[^()]*)?\)\Z")
_REFUSALS = ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM")


def fault(what: str, error: KafkaException | KafkaError) -> EnvironmentFault:
    """`error` as EnvironmentFault, saying what was being done."""
    kafka = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(kafka, KafkaError):
        return EnvironmentFault(what, detail=str(kafka))
    hint = _HINTS.get(str(kafka.name()), "see whether the brokers can be reached and what their logs say")
    kind = NotLetIn if refuses(kafka) else EnvironmentFault
    return kind(what, detail=f"{kafka.name()}: {lasting(kafka.str())}", hint=hint)


def lasting(words: str) -> str:
    """What librdkafka says without how long it took and how often it happened: the same trouble is the same words, which
    are told once.

    >>> lasting("Connect failed: Connection refused (after 0ms in state CONNECT, 544 identical error(s) suppressed)")
    'Connect failed: Connection refused'
    """
    return _PASSING.sub("", words)


def refuses(error: KafkaError) -> bool:
    """Whether a broker does not let this user in, or this side does not trust the broker. That a handshake breaks off may only
    mean that the broker is coming up."""
    return error.name() in _REFUSALS or (error.name() == "_SSL" and "certificate" in error.str())


def wrong_settings(error: KafkaException) -> UserError:
    """What librdkafka says of settings that it does not take."""
    kafka = error.args[0]
    detail = kafka.str() if isinstance(kafka, KafkaError) else str(kafka)
    return UserError("the settings under kafka.* are wrong", detail=detail, hint="they are librdkafka's, by its names")


def is_code(error: KafkaException, *names: str) -> bool:
    """Whether it is one of these codes of librdkafka."""
    kafka = error.args[0]
    return isinstance(kafka, KafkaError) and kafka.code() in [getattr(KafkaError, name) for name in names]
