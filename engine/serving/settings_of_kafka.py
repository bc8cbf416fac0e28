"""Properties of Kafka's own Java clients and of Kafka Streams, which ksqlDB hands on, as scripts written for it set them.

Mergus has no Kafka Streams to hand them to. They are taken, so that such a script runs, and said to have no effect; a name
that is none of them is refused. What its own Kafka client may be told stands in the server's configuration.

Names: Apache Kafka 4.1, StreamsConfig, ConsumerConfig and ProducerConfig (https://kafka.apache.org/documentation/).
"""

from __future__ import annotations

PREFIXES = ("consumer.", "producer.", "admin.", "main.consumer.", "restore.consumer.", "global.consumer.", "topic.")
"""What follows one of these is for a client that ksqlDB makes, or for the topics that it makes for itself."""

_NAMES = """
acceptable.recovery.lag acks application.id application.server auto.commit.interval.ms batch.size bootstrap.servers
buffer.memory buffered.records.per.partition built.in.metrics.version cache.max.bytes.buffering check.crcs client.dns.lookup
client.id client.rack compression.type connections.max.idle.ms default.api.timeout.ms default.client.supplier
default.deserialization.exception.handler default.dsl.store default.key.serde default.list.key.serde.inner
default.list.key.serde.type default.list.value.serde.inner default.list.value.serde.type default.production.exception.handler
default.timestamp.extractor default.value.serde delivery.timeout.ms deserialization.exception.handler
dsl.store.suppliers.class enable.auto.commit enable.idempotence enable.metrics.push ensure.explicit.internal.resource.naming
exclude.internal.topics fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.id group.instance.id group.protocol
heartbeat.interval.ms interceptor.classes isolation.level linger.ms log.summary.interval.ms max.block.ms
max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms max.poll.records max.request.size
max.task.idle.ms max.warmup.replicas metadata.max.age.ms metadata.max.idle.ms metadata.recovery.strategy metric.reporters
metrics.num.samples metrics.recording.level metrics.sample.window.ms num.standby.replicas num.stream.threads
partition.assignment.strategy partitioner.class poll.ms probing.rebalance.interval.ms processing.exception.handler
processor.wrapper.class production.exception.handler rack.aware.assignment.non_overlap_cost rack.aware.assignment.strategy
rack.aware.assignment.tags rack.aware.assignment.traffic_cost receive.buffer.bytes reconnect.backoff.max.ms
reconnect.backoff.ms repartition.purge.interval.ms replication.factor request.timeout.ms retries retry.backoff.max.ms
retry.backoff.ms rocksdb.config.setter security.protocol send.buffer.bytes session.timeout.ms state.cleanup.delay.ms state.dir
statestore.cache.max.bytes task.assignor.class task.timeout.ms topology.optimization transaction.timeout.ms transactional.id
upgrade.from window.size.ms windowed.inner.class.serde windowstore.changelog.additional.retention.ms
"""
NAMES = frozenset(_NAMES.split())


def is_of_kafka(name: str) -> bool:
    """Whether a property is one of Kafka's clients or of Kafka Streams.

    >>> is_of_kafka("max.task.idle.ms"), is_of_kafka("consumer.max.poll.records"), is_of_kafka("max.task.idel.ms")
    (True, True, False)
    """
    return name in NAMES or name.startswith(PREFIXES)
