"""What Kafka complains of, as the engine's errors; no setting's value ever enters a message."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from ...errors import EnvironmentFault

_HINTS = {
    "_AUTHENTICATION": "check the sasl.* settings",
    "SASL_AUTHENTICATION_FAILED": "check the sasl.* settings",
    "_SSL": "check the ssl.* settings and the broker's certificate",
    "TOPIC_AUTHORIZATION_FAILED": "give this user the right to the topic",
    "MSG_SIZE_TOO_LARGE": "raise message.max.bytes here and max.message.bytes of the topic",
    "INVALID_TIMESTAMP": "a row's time is too far in the future for the topic: is it in milliseconds? Or raise its"
    " message.timestamp.after.max.ms",
    "INVALID_REPLICATION_FACTOR": "the cluster has fewer brokers than replicas asked for",
}


def fault(what: str, error: KafkaException | KafkaError) -> EnvironmentFault:
    """`error` as EnvironmentFault, saying what was being done."""
    kafka = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(kafka, KafkaError):
        return EnvironmentFault(what, detail=str(kafka))
    hint = _HINTS.get(str(kafka.name()), "see whether the brokers can be reached and what their logs say")
    return EnvironmentFault(what, detail=f"{kafka.name()}: {kafka.str()}", hint=hint)


def is_code(error: KafkaException, *names: str) -> bool:
    """Whether it is one of these codes of librdkafka."""
    kafka = error.args[0]
    return isinstance(kafka, KafkaError) and kafka.code() in [getattr(KafkaError, name) for name in names]
