"""The catalog: which streams, tables and types there are, who reads and writes them, and the numbers of queries.

Entries are frozen; a catalog is a set of dictionaries over them, so that `copy()` is cheap and a batch of statements can
be tried on a copy before any of them has an effect. Nothing here touches topics: it only knows their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..errors import Conflict, Span, UnknownName
from .catalog_models import ModelEntry
from .schema import ColumnDef, Schema
from .scope import as_spelt, suggestion
from .statements.query import NO_SOURCE
from .types import BOOLEAN, SqlType


@dataclass(frozen=True)
class FileOptions:
    """A bounded source of files: WITH (PATH = …, PATH_FORMAT = …) and the options of that format."""

    path: str
    format: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Relation:
    """A stream or table. `properties`: those of its formats (VALUE_DELIMITER, WRAP_SINGLE_VALUE …), upper-case.
    `windowed`: its keys carry windows of this kind, TUMBLING and HOPPING of `window_size_ms`. `query_id`: the query that
    makes it, None where CREATE STREAM / TABLE only declared it. `is_source`: read-only (CREATE SOURCE …). `any_case`:
    columns were inferred from a file, or come from one whose were, and keep its spelling. `state_ttl_ms`: how long its query
    remembers a key that is not updated."""

    name: str
    kind: str  # STREAM or TABLE
    schema: Schema
    topic: str
    key_format: str
    value_format: str
    properties: Mapping[str, str] = field(default_factory=dict)
    partitions: int | None = None
    replicas: int | None = None
    retention_ms: int | None = None
    timestamp_column: str | None = None
    timestamp_format: str | None = None
    windowed: str | None = None
    window_size_ms: int | None = None
    is_source: bool = False
    statement: str = ""
    query_id: str | None = None
    file: FileOptions | None = None
    any_case: bool = False
    state_ttl_ms: int | None = None

    @property
    def is_table(self) -> bool:
        """Whether its topic is a changelog."""
        return self.kind == "TABLE"

    @property
    def word(self) -> str:
        """`stream` or `table`, for messages."""
        return self.kind.lower()

    def spelt(self, name: str) -> str:
        """The name of the column that a statement means: with `any_case`, one in upper case is the one that fits."""
        return as_spelt(name, [c.name for c in self.schema]) if self.any_case else name

    def schema_text(self) -> str:
        """The schema in ksqlDB's text form."""
        return self.schema.text(is_table=self.is_table)


_NOTHING = Schema((ColumnDef(NO_SOURCE, BOOLEAN),))
ONE_ROW = Relation(NO_SOURCE, "STREAM", _NOTHING, "", "NONE", "NONE", file=FileOptions("", NO_SOURCE))
"""What a SELECT without FROM reads: one row, of a column that has no name."""


@dataclass(frozen=True)
class QueryEntry:
    """A persistent query: what it reads and writes, and the statement that made it. `sink` is None for the query that
    keeps a source table's rows."""

    query_id: str
    sources: tuple[str, ...]
    sink: str | None
    statement: str
    kind: str = "PERSISTENT"


class Catalog:
    """What there is. Not safe to share between threads while it is changed: change a copy, then put it in place."""

    def __init__(self) -> None:
        self.relations: dict[str, Relation] = {}
        self.queries: dict[str, QueryEntry] = {}
        self.types: dict[str, SqlType] = {}
        self.models: dict[str, ModelEntry] = {}
        self.next_query: int = 0

    def copy(self) -> Catalog:
        """A catalog of its own with the same entries."""
        other = Catalog()
        other.relations = dict(self.relations)
        other.queries = dict(self.queries)
        other.types = dict(self.types)
        other.models = dict(self.models)
        other.next_query = self.next_query
        return other

    # ------------------------------------------------------------------------------------------------------------ sources

    def find(self, name: str) -> Relation | None:
        """The stream or table of exactly that name."""
        return self.relations.get(name)

    def get(self, name: str, span: Span | None = None) -> Relation:
        """The stream or table of that name; raises UnknownName with the nearest names."""
        found = ONE_ROW if name == NO_SOURCE else self.relations.get(name)
        if found is None:
            hint = suggestion(name, self.relations) or "SHOW STREAMS and SHOW TABLES list what there is"
            raise UnknownName(
                f"{name} does not exist",
                detail="it is neither a stream nor a table",
                hint=f"it is a model: DESCRIBE MODEL {name}" if name in self.models else hint,
                span=span,
            )
        return found

    def typed(self, name: str, kind: str, span: Span | None = None) -> Relation:
        """The stream (or table) of that name; raises UnknownName also where it is the other kind."""
        found = self.relations.get(name)
        if found is None:
            same = [r.name for r in self.relations.values() if r.kind == kind]
            hint = suggestion(name, same) or f"SHOW {kind}S lists what there is"
            raise UnknownName(f"{kind.lower()} {name} does not exist", hint=hint, span=span)
        if found.kind != kind:
            raise UnknownName(
                f"{name} is a {found.word}, not a {kind.lower()}", hint=f"use {found.kind} instead of {kind}", span=span
            )
        return found

    def add(self, relation: Relation, *, or_replace: bool = False, span: Span | None = None) -> None:
        """Enter a stream or table; raises Conflict when the name is taken and `or_replace` is not given."""
        old = self.relations.get(relation.name)
        if old is not None and not or_replace:
            raise Conflict(
                f"cannot add {relation.word} {relation.name}: a {old.word} with the same name already exists",
                hint=f"DROP {old.kind} {old.name} first, or use IF NOT EXISTS or OR REPLACE",
                span=span,
            )
        self.relations[relation.name] = relation

    def drop(self, name: str, span: Span | None = None) -> Relation:
        """Take a stream or table out; raises Conflict while queries read or write it. The query that made it may go
        with it: terminate that one first."""
        relation = self.get(name, span)
        readers, writers = self.readers(name), self.writers(name)
        if readers or writers:
            raise Conflict(
                f"cannot drop {relation.word} {name}",
                detail=_uses(readers, writers),
                hint="TERMINATE those queries first",
                span=span,
            )
        del self.relations[name]
        return relation

    def by_topic(self, topic: str) -> tuple[Relation, ...]:
        """The streams and tables over a topic."""
        return tuple(r for r in self.relations.values() if r.topic == topic)

    def topic_users(self, topic: str, but: str = "") -> tuple[str, ...]:
        """The names of the streams and tables over a topic, but one."""
        return tuple(r.name for r in self.by_topic(topic) if r.name != but)

    def model(self, name: str, span: Span | None = None) -> ModelEntry:
        """The model of that name; raises UnknownName with the nearest names."""
        found = self.models.get(name)
        if found is None:
            hint = suggestion(name, self.models) or "SHOW MODELS lists what there is"
            raise UnknownName(f"model {name} does not exist", hint=hint, span=span)
        return found

    # ------------------------------------------------------------------------------------------------------------ queries

    def readers(self, name: str) -> tuple[str, ...]:
        """The ids of the queries that read a stream or table."""
        return tuple(q.query_id for q in self.queries.values() if name in q.sources)

    def writers(self, name: str) -> tuple[str, ...]:
        """The ids of the queries that write to a stream or table."""
        return tuple(q.query_id for q in self.queries.values() if q.sink == name)

    def new_query_id(self, kind: str, name: str = "") -> str:
        """The next id as ksqlDB makes them: kind is CSAS, CTAS, CST or INSERTQUERY. Numbers are never used twice.

        >>> catalog = Catalog()
        >>> catalog.new_query_id("CTAS", "ALERTS"), catalog.new_query_id("INSERTQUERY")
        ('CTAS_ALERTS_0', 'INSERTQUERY_1')
        """
        number = self.next_query
        self.next_query += 1
        return f"{kind}_{name}_{number}" if name else f"{kind}_{number}"

    def skip_query_ids(self, beyond: int) -> None:
        """Give no number below `beyond` (when a command log is read again)."""
        self.next_query = max(self.next_query, beyond)

    def add_query(self, query: QueryEntry) -> None:
        """Enter a query under its id."""
        if query.query_id in self.queries:
            raise Conflict(f"query {query.query_id} already exists")
        self.queries[query.query_id] = query

    def query(self, query_id: str, span: Span | None = None) -> QueryEntry:
        """The query of that id (any case); raises UnknownName."""
        found = self.queries.get(query_id) or self.queries.get(query_id.upper())
        if found is None:
            raise UnknownName(
                f"query {query_id} does not exist",
                hint=suggestion(query_id, self.queries) or "SHOW QUERIES lists those that run",
                span=span,
            )
        return found

    def remove_query(self, query_id: str) -> QueryEntry:
        """Forget a query that has ended; what it made stays, and has no query any more."""
        entry = self.query(query_id)
        del self.queries[entry.query_id]
        made = self.relations.get(entry.sink or "")
        if made is not None and made.query_id == entry.query_id:
            self.relations[made.name] = replace(made, query_id=None)
        return entry

    # -------------------------------------------------------------------------------------------------------------- types

    def add_type(self, name: str, sql_type: SqlType, *, if_not_exists: bool = False, span: Span | None = None) -> bool:
        """Enter a type's name; False where it was there and may be."""
        if name in self.types:
            if if_not_exists:
                return False
            raise Conflict(
                f"type {name} already exists", detail=f"it is {self.types[name]}", hint=f"DROP TYPE {name}", span=span
            )
        self.types[name] = sql_type
        return True

    def drop_type(self, name: str, *, if_exists: bool = False, span: Span | None = None) -> bool:
        """Forget a type's name; False where there was none and need not be."""
        if name not in self.types:
            if if_exists:
                return False
            hint = suggestion(name, self.types) or "SHOW TYPES lists what there is"
            raise UnknownName(f"type {name} does not exist", hint=hint, span=span)
        del self.types[name]
        return True


def _uses(readers: Iterable[str], writers: Iterable[str]) -> str:
    parts = []
    if listed := ", ".join(readers):
        parts.append(f"queries that read from it: {listed}")
    if listed := ", ".join(writers):
        parts.append(f"queries that write into it: {listed}")
    return "; ".join(parts)
