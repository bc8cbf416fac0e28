"""FROM resolved: what is read under which name, and joins built from left to right."""

from __future__ import annotations

from collections.abc import Callable

from ...sql.catalog import Catalog, Relation
from ...sql.functions import FunctionRegistry
from ...sql.statements.statement import Join, SourceRef, WithinClause
from ..logical import Read, Within
from ..physical.steps import FileRead, Formats, Source, Window
from .joins import join_rows
from .rows import Rows, rows_of


def _nothing(source: SourceRef) -> Rows | None:
    return None


def rows_from(
    from_: SourceRef | Join,
    catalog: Catalog,
    registry: FunctionRegistry,
    derive: Callable[[SourceRef], Rows | None] = _nothing,
) -> Rows:
    """The rows that FROM gives; `derive` gives what a sub-query, or a name that WITH has made, stands for."""
    if isinstance(from_, SourceRef):
        derived = derive(from_)
        if derived is not None:
            return derived
        relation = catalog.get(from_.name, from_.span)
        return rows_of(read_of(relation, from_.alias), any_case=relation.any_case)
    left = rows_from(from_.left, catalog, registry, derive)
    right = rows_from(from_.right, catalog, registry, derive)
    return join_rows(left, right, from_.kind, from_.on, _within(from_.within), registry, from_.span)


def read_of(relation: Relation, alias: str) -> Read:
    """The node that reads a stream or table: all its columns, until rules have pruned them."""
    column = None if relation.timestamp_column is None else relation.schema.index(relation.timestamp_column)
    source = Source(
        name=relation.name,
        topic=relation.topic,
        schema=relation.schema,
        formats=Formats(relation.key_format, relation.value_format, relation.properties),
        is_table=relation.is_table,
        edge=0,
        wanted=frozenset(range(len(relation.schema))),
        timestamp_column=column,
        timestamp_format=relation.timestamp_format,
        windowed=_window(relation),
        file=None
        if relation.file is None
        else FileRead(relation.file.path, relation.file.format, relation.file.options),
    )
    return Read(source, alias)


def _window(relation: Relation) -> Window | None:
    """The window that keys carry. How far HOPPING windows advance is not known of a topic, nor needed to read it."""
    if relation.windowed is None:
        return None
    size = relation.window_size_ms or 0
    return Window(relation.windowed, size, size)


def _within(clause: WithinClause | None) -> Within | None:
    return None if clause is None else Within(clause.before_ms, clause.after_ms, clause.grace_ms)
