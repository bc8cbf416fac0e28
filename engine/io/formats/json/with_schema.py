"""JSON_SR: JSON with a schema in a registry. Before the text stand a zero byte and the schema's id.

A record is read as JSON is, whatever its schema says (ksqlDB does the same), so reading asks the registry nothing: the header
is cut off in Arrow, the rest is the JSON format's own fast path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ....errors import AnalysisError
from ....sql.types import arrow_type
from ...schemas.opening import registry_of, schema_id_of, written_schema
from ...schemas.schema import Resolve, Schema, SchemaType
from ..format import Decoded, FormatColumn
from ..schema_header import HEADER_BYTES, behind, header
from . import compatibility  # noqa: F401 - registers how schemas are compared
from .records import JsonDecoder, JsonEncoder, JsonFormat, is_wrapped
from .schema import inferred, json_schema, optional_properties

_NONE = pa.scalar(None, pa.binary())


class JsonSrDecoder:
    """Cuts the header off and reads JSON."""

    def __init__(self, json: JsonDecoder) -> None:
        self.json = json

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """A record without a header is an error; a NULL payload, or the text null, is a tombstone."""
        head = pc.equal(pc.binary_slice(payload, 0, 1), pa.scalar(b"\0", pa.binary()))
        headed = pc.fill_null(pc.and_(head, pc.greater_equal(pc.binary_length(payload), HEADER_BYTES)), True)
        text = behind(payload)
        if pc.all(headed).as_py() is not False:
            return self.json.decode(text, connection)
        decoded = self.json.decode(pc.if_else(headed, text, _NONE), connection)
        bad = pc.indices_nonzero(pc.invert(headed)).to_pylist()
        errors = [*decoded.errors, *((row, "no schema id before the text: unknown magic byte") for row in bad)]
        return Decoded(decoded.columns, pc.and_(decoded.is_null, headed), sorted(errors))


class JsonSrEncoder:
    """Writes JSON with the header before it. `missing` are optional properties of the schema that no column gives: null;
    `required` the places of columns that must not be NULL."""

    def __init__(
        self,
        columns: Sequence[FormatColumn],
        missing: Sequence[FormatColumn],
        required: Sequence[int],
        schema_id: int,
        *,
        wrapped: bool,
    ) -> None:
        self.json = JsonEncoder([*columns, *missing], wrapped=wrapped)
        self.columns = columns
        self.missing = [arrow_type(c.type) for c in missing]
        self.required = required
        self.prefix = pa.scalar(header(schema_id), pa.binary())

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """One JSON text a row, after its header."""
        rows = len(columns[0]) if columns else 0
        absent = [pa.nulls(rows, t) for t in self.missing]
        text, errors = self.json.encode([*columns, *absent], is_null, connection)
        encoded = pc.binary_join_element_wise(self.prefix, text, pa.scalar(b"", pa.binary()))
        for place in self.required:
            if columns[place].null_count:
                reason = f"Invalid null value for required field {self.columns[place].name}"
                bad = pc.and_(pc.is_null(columns[place]), pc.is_valid(encoded))
                errors = [*errors, *((row, reason) for row in pc.indices_nonzero(bad).to_pylist())]
                encoded = pc.if_else(bad, _NONE, encoded)
        return encoded, errors


class JsonSrFormat(JsonFormat):
    """JSON whose schemas lie in a registry."""

    name = "JSON_SR"
    schema_type: SchemaType = "JSON"

    def schema_of(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> Schema:
        """The JSON Schema of the columns."""
        wrapped = is_wrapped(columns, properties, is_key=is_key)
        return Schema("JSON", json_schema([(c.name, c.type) for c in columns], wrapped=wrapped))

    def columns_of(
        self, schema: Schema, resolve: Resolve, properties: Mapping[str, str], *, is_key: bool
    ) -> list[FormatColumn]:
        """An object's properties; keys, and values with WRAP_SINGLE_VALUE false, are one column ROWKEY or ROWVAL."""
        wrapped = not is_key and properties.get("WRAP_SINGLE_VALUE", "true").lower() != "false"
        upper = schema_id_of(properties, is_key=is_key) is None
        single = "ROWKEY" if is_key else "ROWVAL"
        found = inferred(schema, resolve, wrapped=wrapped, single=single, upper=upper)
        return [FormatColumn(name, sql_type) for name, sql_type in found]

    def decoder(  # type: ignore[override]
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> JsonSrDecoder:
        """A decoder of the wanted columns."""
        return JsonSrDecoder(super().decoder(columns, properties, is_key=is_key))

    def encoder(  # type: ignore[override]
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> JsonSrEncoder:
        """An encoder of all columns, with the schema that an id names, else with their own, which is registered."""
        made = self.schema_of(columns, properties, is_key=is_key)
        schema_id, schema = written_schema(properties, made, self.name, is_key=is_key)
        wrapped = is_wrapped(columns, properties, is_key=is_key)
        missing: list[FormatColumn] = []
        required: list[int] = []
        if wrapped and schema != made:
            resolve = registry_of(properties, self.name).resolve
            missing, required = _fitted(columns, schema, resolve)
        return JsonSrEncoder(columns, missing, required, schema_id, wrapped=wrapped)


def _fitted(columns: Sequence[FormatColumn], schema: Schema, resolve: Resolve) -> tuple[list[FormatColumn], list[int]]:
    """What a schema asked for by id wants of columns: its properties that they lack, and those that must not be NULL."""
    fields = dict(inferred(schema, resolve, wrapped=True, single="", upper=False))
    optional = optional_properties(schema)
    names = [c.name for c in columns]
    for name in names:
        if name not in fields:
            raise AnalysisError(
                f"Schema from Schema Registry misses field with name: {name}",
                hint=f"its fields are {', '.join(fields)}",
            )
    for name in fields:
        if name not in names and name not in optional:
            raise AnalysisError(
                f"Missing default value for required field: [{name}]. This field appears in the JSON_SR schema in "
                "Schema Registry",
                hint="select a column of that name, or let the schema allow null",
            )
    missing = [FormatColumn(name, sql_type) for name, sql_type in fields.items() if name not in names]
    return missing, [place for place, name in enumerate(names) if name not in optional]
