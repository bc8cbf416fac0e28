"""Registries by location, one object a location and process: formats ask for theirs by its property SCHEMA_REGISTRY.

`embedded:PATH` is the engine's own in a file, `memory:NAME` one that lives as long as the process (test cases),
`http://…` or `https://…` a remote one (with `user:password@` where it asks for them).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from ...config import without_user
from ...errors import AnalysisError, UserError
from .embedded import EmbeddedRegistry
from .remote import RemoteRegistry
from .schema import Schema, SchemaRegistry

LOCATION = "SCHEMA_REGISTRY"
TOPIC = "TOPIC"

_open: dict[tuple[str, int], EmbeddedRegistry | RemoteRegistry] = {}
_lock = threading.Lock()


def open_registry(location: str) -> EmbeddedRegistry | RemoteRegistry:
    """The registry at a location, opened once a process (a fork opens its own: SQLite must not be shared)."""
    key = (location, os.getpid())
    with _lock:
        if key not in _open:
            _open[key] = _opened(location)
        return _open[key]


def _opened(location: str) -> EmbeddedRegistry | RemoteRegistry:
    kind, _, rest = location.partition(":")
    if kind == "embedded":
        return EmbeddedRegistry(Path(rest))
    if kind == "memory":
        return EmbeddedRegistry(None)
    if kind in ("http", "https"):
        return RemoteRegistry(location)
    raise UserError(f"not a schema registry: {without_user(location)}", hint="schema.registry.url is http://HOST:PORT")


def forget(location: str) -> None:
    """Close a registry and forget it; one in memory is gone."""
    with _lock:
        found = _open.pop((location, os.getpid()), None)
    if found is not None:
        found.close()


def registry_of(properties: Mapping[str, str], format_name: str) -> EmbeddedRegistry | RemoteRegistry:
    """The registry of a format's properties."""
    location = properties.get(LOCATION)
    if location is None:
        raise AnalysisError(
            f"format {format_name} needs a schema registry, and there is none", hint="set schema.registry.url"
        )
    return open_registry(location)


def subject_of(topic: str, *, is_key: bool) -> str:
    """The subject of a topic's keys or values.

    >>> subject_of("clicks", is_key=False)
    'clicks-value'
    """
    return f"{topic}-{'key' if is_key else 'value'}"


def schema_id_of(properties: Mapping[str, str], *, is_key: bool) -> int | None:
    """KEY_SCHEMA_ID or VALUE_SCHEMA_ID, where given."""
    given = properties.get("KEY_SCHEMA_ID" if is_key else "VALUE_SCHEMA_ID")
    return None if given is None else int(given)


def inferred_name(*, is_key: bool) -> str:
    """The property that holds the id of the schema that columns were inferred from."""
    return "KEY_SCHEMA_INFERRED" if is_key else "VALUE_SCHEMA_INFERRED"


def full_name_of(properties: Mapping[str, str], *, is_key: bool) -> str | None:
    """KEY_SCHEMA_FULL_NAME or VALUE_SCHEMA_FULL_NAME (once VALUE_AVRO_SCHEMA_FULL_NAME), where given."""
    if is_key:
        return properties.get("KEY_SCHEMA_FULL_NAME")
    return properties.get("VALUE_SCHEMA_FULL_NAME") or properties.get("VALUE_AVRO_SCHEMA_FULL_NAME")


def written_schema(
    properties: Mapping[str, str], made: Schema, format_name: str, *, is_key: bool
) -> tuple[int, Schema]:
    """The id and schema that an encoder writes with: the one that KEY_SCHEMA_ID or VALUE_SCHEMA_ID names, else the one
    that the columns were inferred from, else `made`, registered under the topic's subject."""
    registry: SchemaRegistry = registry_of(properties, format_name)
    inferred = properties.get(inferred_name(is_key=is_key))
    given = schema_id_of(properties, is_key=is_key) or (None if inferred is None else int(inferred))
    if given is not None:
        return given, registry.by_id(given)
    return registry.register(subject_of(properties[TOPIC], is_key=is_key), made), made
