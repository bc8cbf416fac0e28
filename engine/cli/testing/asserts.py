"""What ASSERT statements claim, held against what an engine has made.

Each topic has a place up to which its records were looked at: ASSERT VALUES speaks of the next one. Records are decoded
from the bytes that were written, so a format that loses something shows.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlglot import exp

from ...errors import UnknownName, UserError
from ...io.formats.format import FormatColumn
from ...io.formats.registry import find
from ...io.schemas.opening import open_registry
from ...operators.driver import Record
from ...serving.changes.sources import check_format
from ...sql import ddl
from ...sql.catalog import Catalog, Relation
from ...sql.compile.expression import evaluate_constant
from ...sql.schema import ColumnDef
from ...sql.scope import NoColumns
from ...sql.statements.query import WINDOWS_BOUNDED
from ...sql.statements.statement import AssertSchema, AssertSource, AssertTopic, AssertValues
from ...sql.types import BIGINT, SqlType, arrow_type
from ...sql.typing.expression import analyze_expression

if TYPE_CHECKING:
    from .engine import CaseEngine

_META = ("ROWTIME", "WINDOWSTART", "WINDOWEND")


class AssertFailed(UserError):
    """An ASSERT that does not hold."""


class Claims:
    """Checks the ASSERT statements of one test."""

    def __init__(self, engine: CaseEngine) -> None:
        self._engine = engine
        self._seen: dict[str, int] = {}

    def check(self, statement: AssertValues | AssertSource | AssertTopic | AssertSchema, text: str) -> None:
        """Raises AssertFailed where the claim does not hold."""
        match statement:
            case AssertValues():
                self._values(statement)
            case AssertSource():
                self._source(statement, text)
            case AssertTopic():
                self._topic(statement)
            case AssertSchema():
                self._schema(statement)

    # --------------------------------------------------------------------------------------------------------- records
    def _values(self, statement: AssertValues) -> None:
        relation = self._engine.catalog.get(statement.name, statement.span)
        wanted = self._wanted(statement, relation)
        record = self._next(relation)
        if record is None:
            raise AssertFailed(
                f"a record of {relation.name} was expected and there is none", detail=f"expected: {_shown(wanted)}"
            )
        found = self._found(record, relation)
        compared = {c.name for c in relation.schema if c.header is None and (c.is_key or not statement.null)}
        compared |= wanted.keys()
        same = (record.value is None) == statement.null and all(
            _equal(wanted.get(n), found.get(n)) for n in sorted(compared)
        )
        if not same:
            tombstone = " (NULL value)" if statement.null else ""
            raise AssertFailed(
                "Expected record does not match actual",
                detail=f"expected: {_shown({n: wanted.get(n) for n in found if n in compared})}{tombstone}\n"
                f"found:    {_shown(found)}{' (NULL value)' if record.value is None else ''}",
            )

    def _next(self, relation: Relation) -> Record | None:
        records = self._engine.driver.topics.records.get(relation.topic, [])
        place = self._seen.get(relation.topic, 0)
        if place >= len(records):
            return None
        self._seen[relation.topic] = place + 1
        return records[place]

    def _wanted(self, statement: AssertValues, relation: Relation) -> dict[str, Any]:
        columns = [c for c in relation.schema if c.header is None]
        names = [relation.spelt(n) for n in statement.columns] or [
            c.name for c in columns if c.is_key or not statement.null
        ]
        if len(names) != len(statement.values):
            raise UserError(
                f"ASSERT gives {len(statement.values)} values for {len(names)} columns", span=statement.span
            )
        types = {c.name: c.type for c in columns} | dict.fromkeys(_META, BIGINT)
        wanted: dict[str, Any] = {}
        for name, node in zip(names, statement.values, strict=True):
            if name not in types:
                raise UnknownName(
                    f"column {name} does not exist in {relation.word} {relation.name}", span=statement.span
                )
            wanted[name] = self._constant(node, types[name])
        return wanted

    def _constant(self, node: exp.Expression, sql_type: SqlType) -> Any:
        expression = analyze_expression(node, NoColumns(), self._engine.registry, expected=sql_type)
        value = evaluate_constant(self._engine.instance, expression)
        return pa.array([value], arrow_type(sql_type)).to_pylist(maps_as_pydicts="strict")[0]

    def _found(self, record: Record, relation: Relation) -> dict[str, Any]:
        key, found = record.key, {"ROWTIME": record.timestamp}
        if relation.windowed is not None and key is not None:
            (start,) = struct.unpack(">q", key[-8:])
            end, key = start + (relation.window_size_ms or 0), key[:-8]
            if relation.windowed in WINDOWS_BOUNDED:
                (end,), key = struct.unpack(">q", key[-8:]), key[:-8]
            found |= {"WINDOWSTART": start, "WINDOWEND": end}
        schema = relation.schema
        return (
            found
            | self._decoded(key, schema.keys, relation, is_key=True)
            | self._decoded(record.value, schema.values, relation, is_key=False)
        )

    def _decoded(
        self, payload: bytes | None, columns: Sequence[ColumnDef], relation: Relation, *, is_key: bool
    ) -> dict[str, Any]:
        carried = [FormatColumn(c.name, c.type) for c in columns if c.header is None]
        if not carried:
            return {}
        name = relation.key_format if is_key else relation.value_format
        decoder = find(name).decoder(carried, relation.properties, is_key=is_key)
        decoded = decoder.decode(pa.array([payload], pa.binary()), self._engine.instance)
        if decoded.errors:
            raise AssertFailed(f"a record of {relation.name} cannot be read", detail=decoded.errors[0][1])
        return {
            c.name: array.cast(arrow_type(c.type)).to_pylist(maps_as_pydicts="strict")[0]
            for c, array in zip(carried, decoded.columns, strict=True)
        }

    # --------------------------------------------------------------------------------------------------------- sources
    def _source(self, statement: AssertSource, text: str) -> None:
        wanted_source = statement.source
        found = self._engine.catalog.get(wanted_source.name, statement.span)
        if found.kind != wanted_source.kind:
            raise _differs("type", found.name, wanted_source.kind, found.kind)
        alone = Catalog()
        alone.types = dict(self._engine.catalog.types)
        wanted = ddl.define_source(wanted_source, text, alone, self._engine.settings, check_format, None)
        schemas = [r.schema.text(is_table=r.is_table) for r in (wanted, found)]
        if schemas[0] != schemas[1]:
            raise _differs("schema", found.name, *schemas)
        for what, expected, is_so in (
            ("kafka topic", wanted.topic, found.topic),
            ("key format", wanted.key_format, found.key_format),
            ("value format", wanted.value_format, found.value_format),
            ("timestamp column", wanted.timestamp_column, found.timestamp_column),
            ("timestamp format", wanted.timestamp_format, found.timestamp_format),
        ):
            if expected != is_so:
                raise _differs(what, found.name, expected, is_so)

    def _schema(self, statement: AssertSchema) -> None:
        known = open_registry(self._engine.schema_registry)
        found, what = True, []
        try:
            if statement.schema_id is not None:
                what.append(f"id {statement.schema_id}")
                known.by_id(statement.schema_id)
            if statement.subject is not None:
                what.insert(0, f"subject name {statement.subject}")
                latest = known.latest(statement.subject)
                found = statement.schema_id in (None, latest.id)
        except UnknownName:
            found = False
        if found != statement.exists:
            raise AssertFailed(f"Schema with {' and '.join(what)} {'exists' if found else 'does not exist'}")

    def _topic(self, statement: AssertTopic) -> None:
        count = self._engine.driver.topics.partitions.get(statement.topic)
        if (count is not None) != statement.exists:
            raise AssertFailed(f"topic {statement.topic} {'does not exist' if statement.exists else 'exists'}")
        wanted = statement.properties.get("PARTITIONS")
        if wanted is not None and wanted != count:
            raise AssertFailed(f"topic {statement.topic} has {count} partitions, not {wanted}")


def _differs(what: str, name: str, expected: Any, found: Any) -> AssertFailed:
    return AssertFailed(
        f"Expected {what} does not match actual for source {name}.", detail=f"expected: {expected}\nfound:    {found}"
    )


def _equal(one: Any, other: Any) -> bool:
    match one, other:
        case float(), float():
            return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
        case list(), list():
            return len(one) == len(other) and all(map(_equal, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
        case _:
            return bool(one == other)


def _shown(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in row.items())
