"""The markers of transactions on Kafka: a compacted topic of Mergus' own, a key for each transactional id.

A marker is a record of its transaction, so it is there exactly when the others are. Kafka's own way, offsets that are committed
in the transaction, is not taken: librdkafka waits for the group's coordinator without end where that is restarted
(https://github.com/confluentinc/librdkafka/issues/5456), and brokers forget the offsets of who stays away for a week.

A marker is looked for by who has just taken the id over, so that no transaction of that id is under way. Others' may be: they
hide what lies behind their first record until they end. Hence the number of partitions, and a look that waits.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ..bounded import records_until
from ..partitioner import partition_of
from ..topics import Topics

TOPIC = "_mergus_transactions"
PARTITIONS = 16
CONFIG = {"cleanup.policy": "compact", "segment.bytes": str(4 << 20), "min.cleanable.dirty.ratio": "0.1"}
"""Few records lie there twice, so that it is read in no time."""
_NEWEST = 10_000  # so many offsets hold the marker of who wrote a short while ago


def last_marker(topics: Topics, ends: Mapping[int, int], transactional_id: str) -> str | None:
    """The newest marker under an id before `ends` (of what is written, committed or not), None where there is none. Raises
    EnvironmentFault where transactions of others go on for too long."""
    key = pa.array([transactional_id.encode()], pa.binary())
    begins = topics.begin_offsets(TOPIC)
    partition = int(partition_of(key, len(begins))[0])
    begin, end = begins[partition], ends[partition]
    for start in (max(begin, end - _NEWEST), begin):
        found = None
        for records in records_until(topics, TOPIC, {partition: start}, ("key", "value"), ends=ends, rows_max=10_000):
            own = records.filter(pc.equal(records.column("key"), key[0])).column("value")
            found = own[len(own) - 1].as_py().decode() if len(own) else found
        if found is not None or start == begin:
            return found
    return None
