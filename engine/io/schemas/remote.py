"""A schema registry over HTTP, Confluent's or another engine's, by Confluent's own client, which caches what it learns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ...config import without_user
from ...errors import EnvironmentFault
from .refusals import Incompatible, Missing, Refused
from .schema import Reference, Registered, Schema, SchemaType

T = TypeVar("T")
_MISSING = (40401, 40402, 40403)
"""What the registry itself says of a subject, version or schema that it has not; any other 404 is of something before it."""


class RemoteRegistry:
    """A SchemaRegistry at a URL."""

    def __init__(self, url: str) -> None:
        # imported here: the client brings an HTTP library along, which a start without a remote registry should not pay for
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self._url = url
        self._lock = threading.Lock()  # the client's caches are not all guarded
        self._client: Any = SchemaRegistryClient({"url": url})

    def register(self, subject: str, schema: Schema) -> int:
        """The id of the schema."""
        return int(self._ask(lambda: self._client.register_schema(subject, _sent(schema))))

    def by_id(self, schema_id: int) -> Schema:
        """The schema of an id."""
        return _received(self._ask(lambda: self._client.get_schema(schema_id)))

    def latest(self, subject: str) -> Registered:
        """The newest version of a subject."""
        return self._registered(self._ask(lambda: self._client.get_latest_version(subject)))

    def version(self, subject: str, version: int) -> Registered:
        """A version of a subject."""
        return self._registered(self._ask(lambda: self._client.get_version(subject, version)))

    def subjects(self) -> list[str]:
        """All subjects, sorted."""
        return sorted(self._ask(self._client.get_subjects))

    def delete_subject(self, subject: str) -> list[int]:
        """Remove a subject; its versions."""
        return [int(v) for v in self._ask(lambda: self._client.delete_subject(subject))]

    def resolve(self, reference: Reference) -> Schema:
        """The schema that a reference means."""
        return self.version(reference.subject, reference.version).schema

    def close(self) -> None:
        """Nothing to give back."""

    def _registered(self, found: Any) -> Registered:
        return Registered(found.subject, found.version, found.schema_id, _received(found.schema))

    def _ask(self, question: Callable[[], T]) -> T:
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            with self._lock:
                return question()
        except SchemaRegistryError as why:
            code, message = int(why.error_code), str(why.error_message)
            if why.http_status_code == 404 and code in _MISSING:
                raise Missing(code, message) from None
            if why.http_status_code == 409:
                raise Incompatible(message) from None
            if why.http_status_code == 422:
                raise Refused(code, message) from None
            raise self._fault(message) from None
        except (OSError, ValueError, RuntimeError) as why:
            raise self._fault(str(why)) from None
        except Exception as why:  # noqa: BLE001  (the HTTP library's own tree of errors, whatever library it is)
            raise self._fault(f"{type(why).__name__}: {why}") from None

    def _fault(self, reason: str) -> EnvironmentFault:
        return EnvironmentFault(
            f"the schema registry at {without_user(self._url)} cannot be used",
            detail=without_user(reason),
            hint="is schema.registry.url right?",
        )


def _sent(schema: Schema) -> Any:
    from confluent_kafka.schema_registry import Schema as Sent
    from confluent_kafka.schema_registry import SchemaReference

    references = [SchemaReference(r.name, r.subject, r.version) for r in schema.references]
    return Sent(schema.text, schema.type, references)


def _received(found: Any) -> Schema:
    kind: SchemaType = found.schema_type or "AVRO"
    references = tuple(Reference(r.name, r.subject, r.version) for r in found.references or ())
    return Schema(kind, found.schema_str, references)
