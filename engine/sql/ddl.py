"""What CREATE, ALTER and DROP mean: from a statement to the catalog's entry, or why not.

Whether a format can carry the columns is asked through `FormatCheck`, and a file's columns come through `InferColumns`,
because formats and files live in `io`, above this room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..errors import AnalysisError, Conflict, Span, Unsupported, UserError
from .catalog import Catalog, FileOptions, Relation
from .ddl_inferred import InferSchema, with_inferred
from .properties import SourceProperties, check_format_properties, formats_with_defaults, read_properties
from .schema import ColumnDef, Schema
from .scope import PSEUDO_COLUMNS, WINDOW_BOUNDS, suggestion
from .statements.statement import AlterSource, ColumnElement, CreateSource, CreateSourceAs, DropSource
from .types import BIGINT, STRING, TIMESTAMP, Array, Map, SqlType, Struct, quote_if_needed

FormatCheck = Callable[[str, Sequence[ColumnDef], Mapping[str, str], bool], None]
"""(format, columns, properties, is key): raises UserError where the format is unknown or cannot carry the columns."""
InferColumns = Callable[[FileOptions], Sequence[ColumnDef]]
"""The columns of files."""
RESERVED_COLUMNS = (*PSEUDO_COLUMNS, *WINDOW_BOUNDS)


def define_source(
    statement: CreateSource,
    text: str,
    catalog: Catalog,
    settings: Mapping[str, str],
    check: FormatCheck,
    infer: InferColumns | None = None,
    infer_schema: InferSchema | None = None,
) -> Relation:
    """The entry that CREATE STREAM / TABLE makes; the catalog is only looked at. A caller that honours IF NOT EXISTS
    looks for the name first. Raises UserError with a place."""
    old = _replaced(statement, catalog)
    properties = read_properties(statement.properties)
    columns = _columns(statement)
    if properties.file is not None:
        return _file_relation(statement, text, properties, properties.file, columns, infer)
    topic = properties.topic
    if topic is None:
        raise AnalysisError(
            "the statement is missing the 'KAFKA_TOPIC' property in its WITH clause",
            hint="WITH (KAFKA_TOPIC = '…', VALUE_FORMAT = 'JSON'), or PATH for files",
            span=statement.span,
        )
    key_format, value_format = formats_with_defaults(properties, settings, statement.span)
    check_format_properties(properties, key_format, value_format, None)
    _check_schema_ids(statement, properties)
    columns = with_inferred(columns, topic, (key_format, value_format), properties, infer_schema, statement.span)
    schema = Schema(tuple(columns))
    check_format_properties(properties, key_format, value_format, len(schema.values) if columns else None)
    _check_present(statement, columns, value_format)
    _check_key(statement, columns, properties)
    _check_carried(schema, key_format, value_format, properties, check)
    check_timestamp(schema, properties)
    relation = Relation(
        name=statement.name,
        kind=statement.kind,
        schema=schema,
        topic=topic,
        key_format=key_format,
        value_format=value_format,
        properties=dict(properties.format_properties),
        partitions=properties.partitions,
        replicas=properties.replicas,
        retention_ms=properties.retention_ms,
        timestamp_column=properties.timestamp,
        timestamp_format=properties.timestamp_format,
        windowed=properties.window_type,
        window_size_ms=properties.window_size_ms,
        is_source=statement.is_source,
        statement=text,
    )
    if old is not None:
        check_upgrade(old, relation, statement.span)
    return relation


def _replaced(statement: CreateSource | CreateSourceAs, catalog: Catalog) -> Relation | None:
    """The entry that the statement replaces, if any; raises Conflict where it may not."""
    old = catalog.find(statement.name)
    word = statement.kind.lower()
    is_source = isinstance(statement, CreateSource) and statement.is_source
    if statement.or_replace and (is_source or (old is not None and old.is_source)):
        raise Conflict(
            f"cannot add {word} {statement.name}: CREATE OR REPLACE is not supported on source {word}s",
            hint=f"DROP {statement.kind} {statement.name} first",
            span=statement.span,
        )
    if old is None:
        return None
    if not statement.or_replace:
        raise Conflict(
            f"cannot add {word} {statement.name}: a {old.word} with the same name already exists",
            hint=f"DROP {old.kind} {statement.name} first, or use IF NOT EXISTS or OR REPLACE",
            span=statement.span,
        )
    return old


def _columns(statement: CreateSource) -> list[ColumnDef]:
    """The columns as listed, keys first, each checked on its own."""
    made: list[ColumnDef] = []
    for element in statement.elements:
        _check_element(statement, element)
        if any(c.name == element.name for c in made):
            raise AnalysisError(f"duplicate column name: {quote_if_needed(element.name)}", span=element.span)
        if element.header is not None and any(c.header == element.header for c in made):
            raise AnalysisError(
                f"column {quote_if_needed(element.name)} has headers that another column has",
                hint="take one of them out",
                span=element.span,
            )
        made.append(ColumnDef(element.name, element.type, element.is_key, element.header))
    return [c for c in made if c.is_key] + [c for c in made if not c.is_key]


def _check_element(statement: CreateSource, element: ColumnElement) -> None:
    check_column_name(element.name, element.span)
    if not element.is_key:
        return
    if statement.kind == "TABLE" and not element.is_primary:
        raise AnalysisError(
            f"column {quote_if_needed(element.name)} is a KEY column",
            detail="a table's key identifies its rows: it is a PRIMARY KEY",
            hint=f"write {quote_if_needed(element.name)} {element.type} PRIMARY KEY",
            span=element.span,
        )
    if statement.kind == "STREAM" and element.is_primary:
        raise AnalysisError(
            f"column {quote_if_needed(element.name)} is a PRIMARY KEY column",
            detail="a stream may have many records of one key: it has KEY columns",
            hint=f"write {quote_if_needed(element.name)} {element.type} KEY",
            span=element.span,
        )
    if _has_map(element.type):
        raise AnalysisError(
            "map keys, including types that contain maps, are not supported",
            detail=f"the key column {quote_if_needed(element.name)} is {element.type}; equal maps may be written differently",
            span=element.span,
        )


def check_column_name(name: str, span: Span | None = None) -> None:
    """Refuse the names of pseudo-columns."""
    if name in RESERVED_COLUMNS:
        raise AnalysisError(
            f"'{name}' is a reserved column name: you cannot use it as a name for a column",
            hint=f"call it {name}_VALUE, or something else",
            span=span,
        )


def _has_map(sql_type: SqlType) -> bool:
    match sql_type:
        case Map():
            return True
        case Array(item):
            return _has_map(item)
        case Struct(fields):
            return any(_has_map(t) for _, t in fields)
        case _:
            return False


def _check_schema_ids(statement: CreateSource, properties: SourceProperties) -> None:
    for side in ("KEY", "VALUE"):
        name = f"{side}_SCHEMA_ID"
        given = any(e.is_key == (side == "KEY") for e in statement.elements)
        if name in properties.format_properties and given:
            raise AnalysisError(
                f"table elements and {name} cannot both exist for a create statement",
                hint="list the columns, or name the schema, not both",
                span=properties.spans[name],
            )


def _check_present(
    statement: CreateSource,
    columns: Sequence[ColumnDef],
    value_format: str,
) -> None:
    """Columns are needed, unless a schema registry knows them."""
    if not columns:
        raise AnalysisError(
            f"the {statement.kind.lower()} has no columns",
            detail=f"the format {value_format} does not know them",
            hint=f"CREATE {statement.kind} {statement.name} (column type, …) WITH (…)",
            span=statement.span,
        )


def _check_key(statement: CreateSource, columns: Sequence[ColumnDef], properties: SourceProperties) -> None:
    if any(c.is_key for c in columns):
        return
    if statement.kind == "TABLE":
        raise AnalysisError(
            "tables require a PRIMARY KEY", hint="write PRIMARY KEY after the type of a column", span=statement.span
        )
    if properties.window_type is not None:
        raise AnalysisError(
            "windowed sources require a key column", hint="write KEY after the type of a column", span=statement.span
        )


def _check_carried(
    schema: Schema, key_format: str, value_format: str, properties: SourceProperties, check: FormatCheck
) -> None:
    """Each format can carry its columns; a refusal points at the property that names the format."""
    sides = ((key_format, schema.keys, "KEY_FORMAT"), (value_format, schema.values, "VALUE_FORMAT"))
    for name, columns, word in sides:
        try:
            check(name, columns, properties.format_properties, word == "KEY_FORMAT")
        except UserError as refused:
            refused.span = refused.span or properties.spans.get(word) or properties.spans.get("FORMAT")
            raise


def check_timestamp(schema: Schema, properties: SourceProperties) -> None:
    """The TIMESTAMP column exists and can be a time."""
    name = properties.timestamp
    if name is None:
        if properties.timestamp_format is not None:
            raise AnalysisError(
                "TIMESTAMP_FORMAT needs a TIMESTAMP column", span=properties.spans.get("TIMESTAMP_FORMAT")
            )
        return
    index = schema.index(name)
    span = properties.spans.get("TIMESTAMP")
    if index is None:
        raise AnalysisError(
            f"the TIMESTAMP column set in the WITH clause does not exist in the schema: {name}",
            hint=suggestion(name, [c.name for c in schema]),
            span=span,
        )
    found = schema.columns[index].type
    if found in (BIGINT, TIMESTAMP) and properties.timestamp_format is None:
        return
    if found == STRING and properties.timestamp_format is not None:
        return
    hint = "leave out TIMESTAMP_FORMAT" if found in (BIGINT, TIMESTAMP) else None
    if found == STRING:
        hint = "add TIMESTAMP_FORMAT = 'yyyy-MM-dd…'"
    raise AnalysisError(
        f"the TIMESTAMP column {quote_if_needed(name)} is {found}",
        detail="it must be BIGINT or TIMESTAMP, or a STRING with a TIMESTAMP_FORMAT",
        hint=hint,
        span=span,
    )


def _file_relation(
    statement: CreateSource,
    text: str,
    properties: SourceProperties,
    file: FileOptions,
    columns: Sequence[ColumnDef],
    infer: InferColumns | None,
) -> Relation:
    """A bounded source of files. Columns that are not listed are inferred, and keep the files' spelling."""
    if statement.kind == "TABLE":
        raise AnalysisError(
            "files make streams",
            hint="CREATE STREAM … WITH (PATH = …), then CREATE TABLE … AS SELECT",
            span=statement.span,
        )
    inferred = not columns
    if inferred:
        if infer is None:
            raise Unsupported("columns of files cannot be inferred here", hint="list the columns", span=statement.span)
        columns = infer(file)
    schema = Schema(tuple(columns))
    relation = Relation(
        name=statement.name,
        kind=statement.kind,
        schema=schema,
        topic="",
        key_format="KAFKA",
        value_format="JSON",
        timestamp_format=properties.timestamp_format,
        is_source=True,
        statement=text,
        file=file,
        any_case=inferred,
    )
    if properties.timestamp is not None:
        properties = replace(properties, timestamp=relation.spelt(properties.timestamp))
    check_timestamp(schema, properties)
    return replace(relation, timestamp_column=properties.timestamp)


# ------------------------------------------------------------------------------------------------------- AS SELECT


def sink_properties(statement: CreateSourceAs, catalog: Catalog) -> SourceProperties:
    """WITH of CREATE … AS SELECT, once the name may be used; formats not given are the query's to choose."""
    _replaced(statement, catalog)
    return read_properties(statement.properties, of_query=True)


def check_sink(
    schema: Schema, key_format: str, value_format: str, properties: SourceProperties, check: FormatCheck
) -> None:
    """What a query gives can be written: formats carry it, properties belong to them, the timestamp is there."""
    check_format_properties(properties, key_format, value_format, len(schema.values))
    _check_carried(schema, key_format, value_format, properties, check)
    check_timestamp(schema, properties)


# ------------------------------------------------------------------------------------------------ changes to what is there


def check_upgrade(old: Relation, new: Relation, span: Span | None = None) -> None:
    """CREATE OR REPLACE may add value columns at the end, and change nothing that lies in the topic already."""
    refused = None
    if old.kind != new.kind:
        refused = f"it is a {old.word}"
    elif old.schema.keys != new.schema.keys:
        refused = "its key columns would change"
    elif old.schema.values != new.schema.values[: len(old.schema.values)]:
        kept = new.schema.values
        lost = next((c for c in old.schema.values if c not in kept), old.schema.values[0])
        refused = f"the column {quote_if_needed(lost.name)} {lost.type} would be changed, missing or reordered"
    elif (old.topic, old.key_format, old.value_format) != (new.topic, new.key_format, new.value_format):
        refused = "its topic or formats would change"
    if refused is not None:
        raise Conflict(
            f"cannot replace {old.word} {old.name}: {refused}",
            hint=f"add new columns behind the old ones, or DROP {old.kind} {old.name} first",
            span=span,
        )


def altered(statement: AlterSource, catalog: Catalog, check: FormatCheck) -> Relation:
    """The entry with the columns that ALTER … ADD COLUMN adds."""
    relation = catalog.typed(statement.name, statement.kind, statement.span)
    refused = None
    if relation.is_source:
        refused = f"ALTER operations are not supported on source {relation.word}s"
    elif relation.query_id is not None:
        refused = "ALTER operations are not supported on what a CREATE … AS SELECT makes"
    if refused is not None:
        raise AnalysisError(f"cannot alter {relation.word} {relation.name}: {refused}", span=statement.span)
    added: list[ColumnDef] = []
    for element in statement.elements:
        check_column_name(element.name, element.span)
        if any(c.name == element.name for c in (*relation.schema, *added)):
            raise Conflict(
                f"cannot add column {quote_if_needed(element.name)}: {relation.name} has one of that name",
                span=element.span,
            )
        added.append(ColumnDef(element.name, element.type))
    schema = Schema((*relation.schema.columns, *added))
    check(relation.value_format, schema.values, relation.properties, False)
    if relation.properties.get("WRAP_SINGLE_VALUE") == "false":
        raise AnalysisError(
            f"cannot alter {relation.word} {relation.name}: 'WRAP_SINGLE_VALUE' is only valid for single-field value schemas",
            detail="its value is written without an object around it, in which another column would stand",
            span=statement.elements[0].span,
        )
    return replace(relation, schema=schema)


def to_drop(statement: DropSource, catalog: Catalog) -> Relation | None:
    """What DROP takes out; None where there is none and IF EXISTS says so. Who reads or writes it is checked by
    `Catalog.drop`."""
    if statement.if_exists and catalog.find(statement.name) is None:
        return None
    relation = catalog.typed(statement.name, statement.kind, statement.span)
    if statement.delete_topic and relation.is_source:
        raise AnalysisError(
            f"cannot delete topic for read-only source: {relation.name}",
            hint="leave out DELETE TOPIC",
            span=statement.span,
        )
    return relation


def writable(catalog: Catalog, name: str, span: Span | None = None) -> Relation:
    """The stream or table that INSERT writes to."""
    relation = catalog.get(name, span)
    if relation.is_source:
        raise AnalysisError(f"cannot insert values into read-only {relation.word}: {name}", span=span)
    if relation.windowed is not None:
        raise AnalysisError(f"cannot insert values into windowed {relation.word}: {name}", span=span)
    return relation
