"""FROM resolved in the catalog: what is read under which name, and joins built left to right."""

from __future__ import annotations

from ..errors import AnalysisError, Span, UnknownName
from ..sql.catalog import Catalog, Relation
from ..sql.functions import FunctionRegistry
from ..sql.scope import suggestion
from ..sql.statements import Join, SourceRef
from .joins import join_rows
from .logical import Read, Within
from .rows import Rows, rows_of
from .steps import FileRead, Formats, Source, Window


def rows_from(relation: SourceRef | Join, catalog: Catalog, registry: FunctionRegistry) -> Rows:
    """The rows that FROM gives."""
    if isinstance(relation, SourceRef):
        return _source(relation, catalog)
    left = rows_from(relation.left, catalog, registry)
    right = rows_from(relation.right, catalog, registry)
    within = relation.within
    return join_rows(left, right, relation.kind, relation.on, within, registry)
