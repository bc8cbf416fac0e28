"""Topics on Apache Kafka, by confluent-kafka: the cluster's side. Reading and writing are in the files beside it.

Settings are librdkafka's and are passed through as they are; their values may be secrets, and never enter a message.
"""

from __future__ import annotations

import builtins
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in its __all__
    AdminClient,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
)

from ...errors import Conflict, EnvironmentFault, UnknownName
from ..topics import DEFAULT_REPLICAS, Consumers, TopicIdentity, TopicInfo, TopicPartition
from . import markers
from .errors import fault, is_code, refuses, wrong_settings
from .reader import KafkaReader
from .times import KnownTimes
from .writer import KafkaTransactionalWriter, KafkaWriter

TIMEOUT_S = 30.0
"""librdkafka's own, so that what took longer is an error as others are: of a wait for it another would come."""
FIRST_REACH_S = 2.0  # then it is asked whether the brokers have refused us
REACH_S = 10.0  # metadata: longer means that no broker is there
_LOOKS = 500  # how often to look, every _LOOK_S, for a change that the cluster has agreed to
_LOOK_S = 0.02
_ELECTING = (  # what brokers answer until all of them know the leaders of a topic just made or moved
    "NOT_LEADER_FOR_PARTITION",
    "LEADER_NOT_AVAILABLE",
    "UNKNOWN_TOPIC_OR_PART",
    "UNKNOWN_LEADER_EPOCH",
    "FENCED_LEADER_EPOCH",
    "OFFSET_NOT_AVAILABLE",
)
_AWAY = ("_TRANSPORT", "_TIMED_OUT", "_ALL_BROKERS_DOWN")
_RETENTION = "retention.ms"
_NO_ID = "A" * 22  # 128 zero bits: a cluster from before topics had ids


class KafkaTopics:
    """The topics of the cluster at `bootstrap`. Safe to share between threads; belongs to the process that made it. `owner`: by
    what transactional ids begin, so that others who use the cluster have other ones."""

    def __init__(self, bootstrap: str, settings: Mapping[str, str] | None = None, owner: str = "mergus") -> None:
        self._owner = owner
        self._settings = {"bootstrap.servers": bootstrap, "log_level": "2", **(settings or {})}
        self._times = KnownTimes(self._settings_of)
        self._told: KafkaError | None = None  # why brokers cannot be reached, as librdkafka told it last
        try:
            self._admin = AdminClient({**self._settings, "error_cb": self._heard})  # type: ignore[dict-item]
        except KafkaException as error:
            raise wrong_settings(error) from None

    def _heard(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # that comes beside what says why
            self._told = error

    def create(
        self, name: str, partitions: int = 1, replicas: int = 1, config: Mapping[str, str] | None = None
    ) -> TopicInfo:
        """Make a topic; raises Conflict when it exists, EnvironmentFault when the cluster refuses."""
        settings = dict(config or {})
        try:
            wanted = NewTopic(name, partitions, replicas, config=settings)
            asked = self._admin.create_topics([wanted], request_timeout=TIMEOUT_S, operation_timeout=TIMEOUT_S)
            asked[name].result()
        except KafkaException as error:
            if is_code(error, "TOPIC_ALREADY_EXISTS"):
                raise Conflict(f"topic {name} exists already", hint="choose another name") from error
            raise self._fault(f"cannot create topic {name}", error) from error
        self._settle(name, partitions)
        return TopicInfo(name, partitions, replicas, settings)

    def _settle(self, name: str, partitions: int) -> None:
        """Return once the brokers know of a new topic (or a deleted one): the controller answers earlier than they do."""
        for _ in range(_LOOKS):
            if sum(info.partitions for info in self._metadata(name) if info.name == name) == partitions:
                return
            time.sleep(_LOOK_S)

    def delete(self, name: str) -> None:
        """Remove it and its records; raises UnknownName when there is none."""
        try:
            asked = self._admin.delete_topics([name], request_timeout=TIMEOUT_S, operation_timeout=TIMEOUT_S)
            asked[name].result()
        except KafkaException as error:
            if is_code(error, "UNKNOWN_TOPIC_OR_PART"):
                raise UnknownName(f"topic {name} does not exist") from error
            raise self._fault(f"cannot delete topic {name}", error) from error
        self._settle(name, 0)

    def describe(self, name: str) -> TopicInfo | None:
        """What it is, with the settings that were made for it; None when there is none."""
        found = [info for info in self._metadata(name) if info.name == name]
        if not found:
            return None
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        try:
            asked = self._admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource]
            entries: Mapping[str, Any] = asked.result()
        except KafkaException as error:
            raise self._fault(f"cannot describe topic {name}", error) from error
        own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        config = {e.name: e.value for e in entries.values() if getattr(e.source, "value", e.source) == own}
        kept_ms = None if _RETENTION not in entries else int(entries[_RETENTION].value)
        return TopicInfo(name, found[0].partitions, found[0].replicas, config, kept_ms)

    def list(self) -> builtins.list[TopicInfo]:
        """All topics but Kafka's and Mergus' internal ones, by name, without their settings."""
        return [info for info in self._metadata(None) if not info.name.startswith("__") and info.name != markers.TOPIC]

    def _metadata(self, name: str | None) -> builtins.list[TopicInfo]:
        # Asking for all topics never makes one, where a broker creates what it is asked for.
        try:
            topics = self._admin.list_topics(timeout=FIRST_REACH_S).topics
        except KafkaException as error:
            self._check_let_in(error)
            try:
                topics = self._admin.list_topics(timeout=REACH_S - FIRST_REACH_S).topics
            except KafkaException as again:
                self._check_let_in(again)
                raise self._unreachable(again) from again
        self._told = None
        return [
            TopicInfo(each, len(meta.partitions), max((len(p.replicas) for p in meta.partitions.values()), default=1))
            for each, meta in sorted(topics.items())
            if meta.error is None and name in (None, each)
        ]

    def _check_let_in(self, error: KafkaException) -> None:
        """Raises NotLetIn where waiting mends nothing: librdkafka goes on trying all the same."""
        self._admin.poll(0)
        if self._told is not None and refuses(self._told):
            raise self._unreachable(error) from error

    def _unreachable(self, error: KafkaException) -> EnvironmentFault:
        return self._fault(f"cannot list the topics of Kafka at {self._settings['bootstrap.servers']}", error)

    def _fault(self, what: str, error: KafkaException) -> EnvironmentFault:
        """Of brokers that do not answer the reason is told as librdkafka knows it."""
        self._admin.poll(0)
        away = is_code(error, *_AWAY)
        return fault(what, self._told if away and self._told is not None else error)

    def identities(self, names: Collection[str]) -> dict[str, TopicIdentity]:
        """Those of these topics that are there."""
        made = {}
        wanted = TopicCollection(list(names))
        for name, asked in self._admin.describe_topics(wanted, request_timeout=REACH_S).items() if names else ():
            try:
                found = asked.result()
            except KafkaException as error:
                if is_code(error, "UNKNOWN_TOPIC_OR_PART"):
                    continue
                raise self._fault(f"cannot describe topic {name}", error) from error
            given = str(found.topic_id)
            made[name] = TopicIdentity("" if given == _NO_ID else given, len(found.partitions))
        return made

    def refused_times(self, name: str, timestamps: pa.Array, now_ms: int) -> builtins.list[tuple[int, str]]:
        """Rows of these records' times that the topic does not take, with the reason."""
        return self._times.refused(name, timestamps, now_ms)

    def _settings_of(self, name: str) -> dict[str, str | None]:
        """A topic's settings; nothing where it is not there, or this user may not see them."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        try:
            asked = self._admin.describe_configs([resource], request_timeout=REACH_S)[resource]
            return {entry.name: entry.value for entry in asked.result().values()}
        except KafkaException as error:
            if is_code(error, *_AWAY):
                raise self._fault(f"cannot look up the settings of topic {name}", error) from error
            return {}

    def consumers(self) -> dict[str, Consumers]:
        """The members of consumer groups that are assigned partitions of a topic."""
        try:
            listed = self._admin.list_consumer_groups(request_timeout=REACH_S).result()
            if listed.errors:
                raise KafkaException(listed.errors[0])
            names = [group.group_id for group in listed.valid]
            asked = self._admin.describe_consumer_groups(names, request_timeout=REACH_S).values() if names else ()
            groups = [each.result() for each in asked]
        except KafkaException as error:
            raise self._fault("cannot list the consumer groups", error) from error
        made: dict[str, Consumers] = {}
        for group in groups:
            counts = Counter(t for m in group.members for t in {p.topic for p in m.assignment.topic_partitions})
            for topic, count in counts.items():
                known = made.get(topic, Consumers())
                made[topic] = Consumers(known.consumers + count, known.groups + 1)
        return made

    def _partitions(self, name: str) -> int:
        for info in self._metadata(name):
            return info.partitions
        raise UnknownName(f"topic {name} does not exist")

    def begin_offsets(self, name: str) -> dict[int, int]:
        """The oldest offset kept, by partition."""
        return self._offsets(name, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def end_offsets(self, name: str) -> dict[int, int]:
        """The offset after the newest committed record, by partition."""
        return self._offsets(name, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def _offsets(
        self, name: str, which: OffsetSpec, isolation: IsolationLevel = IsolationLevel.READ_COMMITTED
    ) -> dict[int, int]:
        asked = {Place(name, i): which for i in range(self._partitions(name))}
        looks = 0
        while True:
            try:
                futures = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=TIMEOUT_S)
                return {place.partition: future.result().offset for place, future in futures.items()}
            except KafkaException as error:
                looks += 1
                if not is_code(error, *_ELECTING) or looks == _LOOKS:
                    raise self._fault(f"cannot find the offsets of topic {name}", error) from error
                time.sleep(_LOOK_S)

    def reader(
        self, positions: Mapping[TopicPartition, int], columns: Sequence[str] = ("value", "timestamp")
    ) -> KafkaReader:
        """A reader of these partitions; raises UnknownName for what is not there."""
        for topic in dict.fromkeys(topic for topic, _ in positions):
            count = self._partitions(topic)
            for partition in (p for t, p in positions if t == topic and not 0 <= p < count):
                raise UnknownName(f"topic {topic} has no partition {partition}")
        return KafkaReader(self._settings, positions, columns)

    def writer(self) -> KafkaWriter:
        """A writer that publishes at once."""
        return KafkaWriter(self._settings, self._partitions, time_refused=self._times.forget)

    def transactional_writer(self, transactional_id: str) -> KafkaTransactionalWriter:
        """A writer whose commits are atomic over topics; a second one of the same id fences the first."""
        if not self._metadata(markers.TOPIC):
            with suppress(Conflict):  # another process was quicker
                self.create(markers.TOPIC, markers.PARTITIONS, DEFAULT_REPLICAS, markers.CONFIG)
        return KafkaTransactionalWriter(
            self._settings,
            self._partitions,
            f"{self._owner}-{transactional_id}",
            self._last_marker,
            time_refused=self._times.forget,
        )

    def _last_marker(self, transactional_id: str) -> str | None:
        latest, written = OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED  # type: ignore[no-untyped-call]
        return markers.last_marker(self, self._offsets(markers.TOPIC, latest, written), transactional_id)

    def close(self) -> None:
        """Nothing: the client ends when it is let go."""
