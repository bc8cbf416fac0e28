"""Why a registry refuses, with Confluent's error codes, so that its HTTP answers what Kafka's own clients expect."""

from __future__ import annotations

from ...errors import Conflict, UnknownName, UserError


class Missing(UnknownName):
    """There is no such subject, version or schema; `code`: 40401, 40402, 40403, 40408."""

    def __init__(self, code: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Incompatible(Conflict):
    """The schema does not go with those registered before it, by the subject's compatibility."""

    code = 409


class Refused(UserError):
    """What was sent is no schema, version, mode …; `code`: 42201 to 42206."""

    def __init__(self, code: int, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.code = code


def no_subject(subject: str) -> Missing:
    """Refusal 40401."""
    return Missing(40401, f"Subject '{subject}' not found.", hint="register a schema under it first")


def no_version(version: int | str) -> Missing:
    """Refusal 40402."""
    return Missing(40402, f"Version {version} not found.")


def no_schema(schema_id: int | None = None) -> Missing:
    """Refusal 40403."""
    return Missing(40403, "Schema not found" if schema_id is None else f"Schema {schema_id} not found")
