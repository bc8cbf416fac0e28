"""What a persistent query writes to, as its statement asks for it, before the query is planned.

What the statement leaves open (formats) is taken from the query's first source, as ksqlDB does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..sql.properties import StateTtl
from ..sql.schema import Schema


@dataclass(frozen=True)
class SinkTarget:
    """CREATE STREAM / TABLE `name` AS … or INSERT INTO `name`. A format of None is the first source's. `into` is the schema
    of the stream that INSERT INTO writes to, which the query's result must fit. `properties`: those of the formats
    (VALUE_DELIMITER, WRAP_SINGLE_VALUE …), upper-case; the statement's WITH, not the source's. `state_ttl`: how long a key is
    remembered that is not updated."""

    name: str
    topic: str
    is_table: bool
    key_format: str | None = None
    value_format: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    timestamp_column: str | None = None
    timestamp_format: str | None = None
    into: Schema | None = None
    state_ttl: StateTtl | None = None
