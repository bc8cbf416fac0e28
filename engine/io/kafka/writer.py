"""Writing to Kafka, plainly or in transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ...errors import EnvironmentFault, MergusError
from . import markers
from .errors import fault, is_code, wrong_settings

log = logging.getLogger("mergus.topics")
TIMEOUT_S = 60.0
PATIENCE_S = 2.0  # then it is asked whether there are brokers at all, by who waits for each of its records
_NEIGHBOUR = KafkaError._INVALID_DIFFERENT_RECORD  # what is refused because another record of its batch is
_OF_A_BATCH = (_NEIGHBOUR, KafkaError.MSG_SIZE_TOO_LARGE)  # what brokers say of whole batches
_OF_TIMES = (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD)  # of a record alone, of one beside others
_DEFAULTS = {
    "linger.ms": "1",
    "partitioner": "murmur2_random",  # Java's
    "enable.idempotence": "true",
    "queue.buffering.max.messages": "500000",
    "message.max.bytes": "16000000",
}


class KafkaWriter:
    """Publishes at once; `flush` waits for the brokers and raises for what they refused. `time_refused` is told the topic where
    that may be a record's time. Owned by one thread."""

    def __init__(
        self,
        settings: Mapping[str, str],
        partitions: Callable[[str], int],
        more: Mapping[str, str] | None = None,
        *,
        time_refused: Callable[[str], None] | None = None,
    ) -> None:
        self._partitions = partitions
        self._time_refused = time_refused
        self._known: set[str] = set()
        self._failed = 0
        self._failed_of = ""
        self._failure: KafkaError | None = None
        fixed: dict[str, Any] = {"delivery.report.only.error": True, **(more or {})}
        try:
            self._producer = Producer({**_DEFAULTS, **settings, **fixed})
        except KafkaException as error:
            raise wrong_settings(error) from None

    def _delivered(self, error: KafkaError | None, record: Message) -> None:
        if error is not None:
            self._failed += 1
            self._failed_of = str(record.topic())
            if error.code() in _OF_TIMES and self._time_refused is not None:
                self._time_refused(self._failed_of)
            if self._failure is None or self._failure.code() == _NEIGHBOUR:
                self._failure = error  # of its neighbours in a batch a refused record is the one that tells why

    def write(self, topic: str, records: pa.RecordBatch) -> None:
        """Hand over `records`; raises UnknownName for a topic that is not there."""
        self._find(topic)
        try:
            for message in _messages(records):
                self._produce(topic, message, self._delivered)
        except KafkaException as error:
            raise _producer_fault(f"cannot write to topic {topic}", error) from error
        self._producer.poll(0)

    def deliver(self, topic: str, records: pa.RecordBatch) -> list[MergusError | None]:
        """Write them and wait for the brokers: for each None, or why they refused it. What was refused with its neighbours is
        written alone, behind the others. Raises as `write` and `flush` do."""
        self._find(topic)
        messages = list(_messages(records))
        refused = self._refused(topic, dict(enumerate(messages)))
        for number in [number for number, code in refused.items() if code in _OF_A_BATCH and len(messages) > 1]:
            del refused[number]
            refused |= self._refused(topic, {number: messages[number]})
        answers: list[MergusError | None] = [None] * len(messages)
        for number, error in refused.items():
            answers[number] = fault("the record could not be written to Kafka", error)
        return answers

    def _refused(self, topic: str, messages: Mapping[int, dict[str, Any]]) -> dict[int, KafkaError]:
        """Write the numbered messages, and wait."""
        refused: dict[int, KafkaError] = {}
        for number, message in messages.items():
            try:
                self._produce(topic, message, partial(_note, refused, number))
            except KafkaException as error:
                refused[number] = error.args[0]
        if self._producer.flush(PATIENCE_S):
            self._partitions(topic)  # raises where the brokers are away: they would be waited for in vain
        self.flush()
        return refused

    def _find(self, topic: str) -> None:
        if topic not in self._known:
            self._partitions(topic)
            self._known.add(topic)

    def _produce(
        self, topic: str, message: Mapping[str, Any], told: Callable[[KafkaError | None, Message], None]
    ) -> None:
        while True:
            try:
                self._producer.produce(topic, on_delivery=told, **message)
                return
            except BufferError:  # the queue is full: let it drain
                self._producer.poll(0.05)

    def flush(self) -> None:
        """Return when the brokers have it all; raises EnvironmentFault with the number that they refused."""
        left = self._producer.flush(TIMEOUT_S)
        self._tell_refused()
        if left:
            raise EnvironmentFault(
                f"{left} records are not yet written to Kafka",
                detail=f"no answer within {TIMEOUT_S:.0f} s",
                hint="see whether the brokers can be reached",
            )

    def _tell_refused(self) -> None:
        failed, failure = self._failed, self._failure
        self._failed, self._failure = 0, None
        if failure is not None:
            raise fault(f"{failed} records could not be written to Kafka's topic {self._failed_of}", failure)

    def pending(self) -> bool:
        """Whether the brokers have not acknowledged all, or a refusal waits to be told by `flush`."""
        return len(self._producer) > 0 or self._failure is not None

    def close(self) -> None:
        """Flush."""
        self.flush()

    def abandon(self) -> None:
        """Drop what the brokers have not taken yet; the client ends when it is let go."""
        self._producer.purge()
        self._producer.poll(0)
        self._failed, self._failure = 0, None


def _messages(records: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The arguments of `produce`, which takes one record."""
    names = records.schema.names
    columns = [
        records.column(name).to_pylist() if name in names else [None] * len(records)
        for name in ("key", "value", "partition", "timestamp", "headers")
    ]
    for key, value, partition, timestamp, headers in zip(*columns, strict=True):
        message: dict[str, Any] = {"key": key, "value": value}
        if partition is not None:
            message["partition"] = partition
        if timestamp is not None:
            message["timestamp"] = timestamp
        if headers:
            message["headers"] = [(header["key"], header["value"]) for header in headers]
        yield message


def _note(refused: dict[int, KafkaError], number: int, error: KafkaError | None, _: Message) -> None:
    if error is not None:
        refused[number] = error


class KafkaTransactionalWriter(KafkaWriter):
    """Publishes at `commit`, all topics at once. `last_marker` looks for the newest under an id (markers.py). A transaction
    that `abandon` cannot abort in time is aborted by the next writer of the same id, or after a minute by the brokers: until
    then readers of its topics, other queries' markers among them, wait behind it."""

    def __init__(
        self,
        settings: Mapping[str, str],
        partitions: Callable[[str], int],
        transactional_id: str,
        last_marker: Callable[[str], str | None],
        *,
        time_refused: Callable[[str], None] | None = None,
    ) -> None:
        needed = {"transactional.id": transactional_id, "enable.idempotence": "true", "acks": "all"}
        super().__init__(settings, partitions, needed, time_refused=time_refused)
        self._id = transactional_id
        self._last_marker = last_marker
        self._open = False
        self._call("open", lambda: self._producer.init_transactions(TIMEOUT_S))

    def _call(self, what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except KafkaException as error:
            if not _is_fenced(error):
                self._producer.poll(0)
                self._tell_refused()  # what the transaction has failed of
            raise _producer_fault(f"cannot {what} the transaction of {self._id}", error) from error

    def write(self, topic: str, records: pa.RecordBatch) -> None:
        """Hand over `records` within the transaction."""
        self._begin()
        super().write(topic, records)

    def _begin(self) -> None:
        if not self._open:
            self._call("begin", self._producer.begin_transaction)
            self._open = True

    def commit(self, marker: str) -> None:
        """Make all that was written visible, with `marker`; raises EnvironmentFault when fenced."""
        record = {"key": [self._id.encode()], "value": [marker.encode()]}
        self.write(markers.TOPIC, pa.record_batch({name: pa.array(v, pa.binary()) for name, v in record.items()}))
        self._call("commit", self._commit)

    def _commit(self) -> None:
        self._open = False  # also where nobody knows what became of it
        try:
            self._producer.commit_transaction(TIMEOUT_S)
        except KafkaException as error:
            self._open = error.args[0].txn_requires_abort()
            raise

    def last_marker(self) -> str | None:
        """The marker of the newest commit under this id, None when there is none."""
        return self._last_marker(self._id)

    def close(self) -> None:
        """Abort what was not committed."""
        try:
            self._abort(TIMEOUT_S)
        except KafkaException as error:
            if not _is_fenced(error):
                raise fault(f"cannot abort the transaction of {self._id}", error) from error

    def abandon(self) -> None:
        """Abort what was not committed, if the brokers answer soon."""
        try:
            self._abort(PATIENCE_S)
        except KafkaException as error:  # why the flow ends is told already; whether a commit was made the marker tells
            log.debug("the transaction of %s is not aborted: %s", self._id, error.args[0].name())
        super().abandon()

    def _abort(self, timeout_s: float) -> None:
        if self._open:
            self._open = False
            self._producer.abort_transaction(timeout_s)


def _is_fenced(error: KafkaException) -> bool:
    return is_code(error, "_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED")


def _producer_fault(what: str, error: KafkaException) -> EnvironmentFault:
    if _is_fenced(error):
        return EnvironmentFault(
            "this transactional writer was replaced by a newer one",
            detail=what,
            hint="let only one process run the query; this one should end",
        )
    return fault(what, error)
