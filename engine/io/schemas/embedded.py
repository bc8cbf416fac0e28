"""The engine's own registry: one SQLite file in the data folder, shared by the server and its host processes.

A schema's id is that of its text and references, whatever subjects it stands under, as in Confluent's registry; ids and
versions are never used twice. A deleted version stays until it is deleted for good, because records may carry its id.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import EnvironmentFault
from .compatibility import LEVELS, check, parse
from .refusals import Incompatible, Refused, no_schema, no_subject, no_version
from .schema import Reference, Registered, Schema

_TABLES = """
CREATE TABLE IF NOT EXISTS schemas (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, text TEXT NOT NULL, refs TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS schema_texts ON schemas (text);
CREATE TABLE IF NOT EXISTS versions (
    subject TEXT NOT NULL, version INTEGER NOT NULL, id INTEGER NOT NULL REFERENCES schemas, deleted INTEGER NOT NULL,
    PRIMARY KEY (subject, version));
CREATE TABLE IF NOT EXISTS settings (subject TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (subject, name));
"""
_GLOBAL = ""
DEFAULTS = {"compatibility": "BACKWARD", "mode": "READWRITE"}
MODES = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT")


class EmbeddedRegistry:
    """A SchemaRegistry with what the HTTP interface needs besides. `path` None: in memory. Safe for several threads and
    processes."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._schemas: dict[int, Schema] = {}
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False
            )
            if path is not None:
                self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(_TABLES)
        except (OSError, sqlite3.Error) as why:
            raise EnvironmentFault("cannot open the schema registry", detail=f"{path}: {why}") from None

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    # ------------------------------------------------------------------------------------------------------- registering
    def register(self, subject: str, schema: Schema, schema_id: int | None = None, version: int | None = None) -> int:
        """The id of the schema. `schema_id`: the id it must have (an import, where equal schemas may have several), and
        `version` its version; what is imported was found compatible where it comes from."""
        schema = parse(schema, self.resolve)
        with self._writing():
            known = self._id_of(schema, subject, schema_id)
            if known is not None and self._row(
                "SELECT 1 FROM versions WHERE subject = ? AND id = ? AND deleted = 0", subject, known
            ):
                return known
            self._check_writable(subject)
            imported = self.setting(subject, "mode") == "IMPORT"
            if not imported and (reason := self.incompatibility(subject, schema)):
                raise Incompatible(
                    f'Schema being registered is incompatible with an earlier schema for subject "{subject}"',
                    detail=reason,
                    hint=f"the subject's compatibility is {self.setting(subject, 'compatibility')}",
                )
            found = known if known is not None else self._add(schema, schema_id)
            (last,) = self._row("SELECT coalesce(max(version), 0) FROM versions WHERE subject = ?", subject) or (0,)
            if version is not None and self._row(
                "SELECT 1 FROM versions WHERE subject = ? AND version = ?", subject, version
            ):
                raise Refused(42205, f"Overwrite version {version} of subject {subject} is not permitted.")
            self._run("INSERT INTO versions VALUES (?, ?, ?, 0)", subject, version or last + 1, found)
            return found

    def _add(self, schema: Schema, schema_id: int | None) -> int:
        if schema_id is not None and self._row("SELECT 1 FROM schemas WHERE id = ?", schema_id):
            raise Refused(42205, f"Overwrite new schema with id {schema_id} is not permitted.")
        number = schema_id if schema_id is not None else self.next_id()
        self._run("INSERT INTO schemas VALUES (?, ?, ?, ?)", number, schema.type, schema.text, _packed(schema))
        return number

    def next_id(self) -> int:
        """The id that the next new schema gets."""
        (last,) = self._row("SELECT coalesce(max(id), 0) FROM schemas WHERE id < 1000000") or (0,)
        return int(last) + 1

    def _id_of(self, schema: Schema, subject: str, schema_id: int | None = None) -> int | None:
        """The id of an equal schema, the subject's own first."""
        found = self._row(
            "SELECT id FROM schemas AS s WHERE text = ? AND type = ? AND refs = ? AND id = coalesce(?, id) ORDER BY "
            "EXISTS (SELECT 1 FROM versions AS v WHERE v.id = s.id AND subject = ? AND deleted = 0) DESC, id LIMIT 1",
            schema.text,
            schema.type,
            _packed(schema),
            schema_id,
            subject,
        )
        return None if found is None else int(found[0])

    def incompatibility(self, subject: str, schema: Schema, against: Sequence[Schema] | None = None) -> str | None:
        """Why the schema does not go with the subject's (or with `against`), None where it does."""
        level = self.setting(subject, "compatibility")
        earlier = self._alive(subject) if against is None else list(against)
        return check(schema, earlier, level, self.resolve)

    def _alive(self, subject: str) -> list[Schema]:
        rows = self._rows("SELECT id FROM versions WHERE subject = ? AND deleted = 0 ORDER BY version", subject)
        return [self.by_id(number) for (number,) in rows]

    # ----------------------------------------------------------------------------------------------------------- reading
    def by_id(self, schema_id: int) -> Schema:
        """The schema of an id, also of a deleted version."""
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        row = self._row("SELECT type, text, refs FROM schemas WHERE id = ?", schema_id)
        if row is None:
            raise no_schema(schema_id)
        schema = Schema(row[0], row[1], tuple(Reference(**r) for r in json.loads(row[2])))
        self._schemas[schema_id] = schema
        return schema

    def latest(self, subject: str) -> Registered:
        """The newest version of a subject."""
        (last,) = self._row("SELECT max(version) FROM versions WHERE subject = ? AND deleted = 0", subject) or (None,)
        if last is None:
            raise no_subject(subject)
        return self.version(subject, last)

    def version(self, subject: str, version: int, *, deleted: bool = False) -> Registered:
        """A version of a subject; `deleted`: also one that was deleted."""
        row = self._row("SELECT id, deleted FROM versions WHERE subject = ? AND version = ?", subject, version)
        if row is None or (row[1] and not deleted):
            raise no_version(version) if self.versions(subject, deleted=deleted) else no_subject(subject)
        return Registered(subject, version, row[0], self.by_id(row[0]))

    def lookup(self, subject: str, schema: Schema) -> Registered:
        """The version under which an equal schema stands."""
        if not self.versions(subject):
            raise no_subject(subject)
        known = self._id_of(parse(schema, self.resolve), subject)
        row = known and self._row(
            "SELECT version FROM versions WHERE subject = ? AND id = ? AND deleted = 0", subject, known
        )
        if not row:
            raise no_schema()
        return self.version(subject, row[0])

    def subjects(self, *, deleted: bool = False) -> list[str]:
        """All subjects, sorted."""
        where = "" if deleted else " WHERE deleted = 0"
        return [s for (s,) in self._rows(f"SELECT DISTINCT subject FROM versions{where} ORDER BY subject")]

    def versions(self, subject: str, *, deleted: bool = False) -> list[int]:
        """The versions of a subject; empty where there is none."""
        where = "" if deleted else " AND deleted = 0"
        return [
            v for (v,) in self._rows(f"SELECT version FROM versions WHERE subject = ?{where} ORDER BY version", subject)
        ]

    def places(self, schema_id: int) -> list[tuple[str, int]]:
        """(subject, version) of every place where a schema stands."""
        self.by_id(schema_id)
        return self._rows(
            "SELECT subject, version FROM versions WHERE id = ? AND deleted = 0 ORDER BY subject, version", schema_id
        )

    def referencing(self, subject: str, version: int) -> list[int]:
        """The ids of schemas that import a version of a subject."""
        found = []
        for number, refs in self._rows(
            "SELECT id, refs FROM schemas WHERE refs != '[]' AND id IN (SELECT id FROM versions WHERE deleted = 0)"
        ):
            if any((r["subject"], r["version"]) == (subject, version) for r in json.loads(refs)):
                found.append(number)
        return found

    def resolve(self, reference: Reference) -> Schema:
        """The schema that a reference means."""
        return self.version(reference.subject, reference.version, deleted=True).schema

    # ---------------------------------------------------------------------------------------------------------- deleting
    def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Remove a subject; its versions. `permanent`: for good, once it was deleted."""
        with self._writing():
            versions = self.versions(subject, deleted=permanent)
            if not versions:
                raise no_subject(subject)
            if permanent and self.versions(subject):
                raise Refused(40405, f"Subject '{subject}' was not deleted first before being permanently deleted")
            for version in versions:
                self._delete(subject, version, permanent=permanent)
            self._run("DELETE FROM settings WHERE subject = ?", subject)
            return versions

    def delete_version(self, subject: str, version: int, *, permanent: bool = False) -> int:
        """Remove a version; its number."""
        with self._writing():
            self.version(subject, version, deleted=permanent)
            if permanent and version in self.versions(subject):
                raise Refused(
                    40407,
                    f"Subject '{subject}' Version {version} was not deleted first before being permanently deleted",
                )
            self._delete(subject, version, permanent=permanent)
            return version

    def _delete(self, subject: str, version: int, *, permanent: bool) -> None:
        if self.referencing(subject, version):
            raise Refused(42206, f"One or more references exist to the schema {{subject={subject},version={version}}}")
        if permanent:
            self._run("DELETE FROM versions WHERE subject = ? AND version = ?", subject, version)
        else:
            self._run("UPDATE versions SET deleted = 1 WHERE subject = ? AND version = ?", subject, version)

    # ---------------------------------------------------------------------------------------------------------- settings
    def setting(self, subject: str, name: str, *, own: bool = False) -> str | None:
        """A subject's compatibility or mode; where it has none of its own, the registry's, or None with `own`."""
        for place in (subject,) if own and subject else (subject, _GLOBAL):
            if row := self._row("SELECT value FROM settings WHERE subject = ? AND name = ?", place, name):
                return str(row[0])
        return None if own and subject else DEFAULTS[name]

    def set(self, subject: str, name: str, value: str | None) -> None:
        """Set a subject's (or, for an empty name, the registry's) compatibility or mode; None: back to the default."""
        if value is None:
            self._run("DELETE FROM settings WHERE subject = ? AND name = ?", subject, name)
            return
        if name == "compatibility" and value not in LEVELS:
            raise Refused(42203, "Invalid compatibility level. Valid values are " + ", ".join(LEVELS))
        if name == "mode" and value not in MODES:
            raise Refused(42204, "Invalid mode. Valid values are " + ", ".join(MODES))
        self._run("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", subject, name, value)

    def _check_writable(self, subject: str) -> None:
        if (mode := self.setting(subject, "mode") or "").startswith("READONLY"):
            raise Refused(42205, f"Subject {subject} is in read-only mode", detail=f"its mode is {mode}")

    # -------------------------------------------------------------------------------------------------------------- file
    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._run("ROLLBACK")
                self._schemas.clear()
                raise
            self._run("COMMIT")

    def _run(self, sql: str, *values: Any) -> None:
        with self._lock, _faults():
            self._connection.execute(sql, values)

    def _row(self, sql: str, *values: Any) -> Any:
        with self._lock, _faults():
            return self._connection.execute(sql, values).fetchone()

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, _faults():
            return self._connection.execute(sql, values).fetchall()


def _packed(schema: Schema) -> str:
    return json.dumps([asdict(r) for r in schema.references])


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as why:
        raise EnvironmentFault("the schema registry's file cannot be used", detail=str(why)) from None
