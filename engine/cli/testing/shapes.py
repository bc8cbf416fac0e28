"""How the records of a test case's topics are written: as the first relation over a topic says, else as the case does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...io.schemas.opening import LOCATION
from ...sql.catalog import Relation
from ...sql.schema import ColumnDef
from .records import OneSide, Side, TopicShape
from .schemas import WITH_SCHEMAS, SchemaSide

_DELIMITERS = {"TAB": "\t", "SPACE": " "}


def shape_of(relation: Relation) -> TopicShape:
    """The shape of a relation's topic."""
    columns = [c for c in relation.schema if c.header is None]
    keys = tuple(c for c in columns if c.is_key)
    values = tuple(c for c in columns if not c.is_key)
    return TopicShape(
        _side(relation, relation.key_format.upper(), keys, is_key=True),
        _side(relation, relation.value_format.upper(), values, is_key=False),
        relation.windowed,
        relation.window_size_ms,
    )


def _side(relation: Relation, format_name: str, columns: tuple[ColumnDef, ...], *, is_key: bool) -> OneSide:
    properties = relation.properties
    if format_name in WITH_SCHEMAS:
        return SchemaSide(format_name, properties[LOCATION], relation.topic, is_key, properties, columns)
    given = str(properties.get("KEY_DELIMITER" if is_key else "VALUE_DELIMITER", ","))
    return Side(format_name, columns, _DELIMITERS.get(given.upper(), given))


def shape_guessed(topic: Mapping[str, Any], location: str) -> TopicShape:
    """The shape of a topic that no relation reads: as the case's own topic says, else text."""
    name = str(topic.get("name", ""))
    formats = (str(topic.get(f"{s}Format") or topic.get("format") or d).upper() for s, d in _GUESSED.items())
    key, value = (
        SchemaSide(f, location, name, is_key, {}, ()) if f in WITH_SCHEMAS else Side(f, ())
        for f, is_key in zip(formats, (True, False), strict=True)
    )
    return TopicShape(key, value)


_GUESSED = {"key": "KAFKA", "value": "JSON"}
