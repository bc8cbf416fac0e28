"""What a persistent query's result must be for where it goes: kind, schema, timestamp, formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import AnalysisError, TypeMismatch
from ..sql.expressions import Expr
from ..sql.schema import Schema
from ..sql.scope import suggestion
from ..sql.types import BIGINT, STRING, TIMESTAMP, SqlType
from ..sql.typing.coercion import coerce
from .logical import Filter, Infer, Node, Project, Read, Retain, Union
from .physical.stages import Staged
from .physical.steps import Formats, Sink
from .target import SinkTarget

DEFAULT_KEY_FORMAT = "ksql.persistence.default.format.key"


def check_kind(root: Node, target: SinkTarget) -> None:
    """CREATE STREAM makes streams, CREATE TABLE tables, and INSERT INTO writes to streams from streams."""
    if target.into is not None:
        if target.is_table:
            raise AnalysisError(
                f"INSERT INTO can only be used to insert into a stream: {target.name} is a table",
                hint="a table has one query that makes it: CREATE TABLE … AS SELECT",
            )
        if any(column.header is not None for column in target.into):
            raise AnalysisError(
                f"cannot insert into {target.name}: it has header columns",
                detail="headers are read from records, and a query writes none",
            )
        if root.is_table:
            raise AnalysisError(
                f"the query makes a table, and {target.name} is a stream",
                hint="INSERT INTO takes a query over a stream, without GROUP BY",
            )
    elif root.is_table != target.is_table:
        made, wanted = ("TABLE", "STREAM") if root.is_table else ("STREAM", "TABLE")
        raise AnalysisError(
            f"CREATE {wanted} cannot be used here: the query produces a {made}",
            detail="grouping a stream, or reading a table, makes a table; all else makes a stream",
            hint=f"use CREATE {made} {target.name} AS SELECT …",
        )


def fit(root: Project, target: SinkTarget, *, any_case: bool = False) -> Project:
    """The result coerced to the schema of the stream that INSERT INTO writes to: same names in the same places, and
    types that widen to its. `any_case`: names that files spelt fit where only the case differs."""
    into = target.into
    if into is None:
        return root
    fits = len(root.schema) == len(into) and all(
        (a.name == b.name or (any_case and a.name.upper() == b.name)) and a.is_key == b.is_key
        for a, b in zip(root.schema, into, strict=True)
    )
    if fits:
        try:
            exprs = tuple(_coerced(root, i, c.type) for i, c in enumerate(into))
        except TypeMismatch:
            fits = False
        else:
            return replace(root, columns=exprs, schema=_typed(root.schema, into))
    raise AnalysisError(
        f"incompatible schema between the query's result and {target.name}",
        detail=f"the result is {root.schema.text(is_table=False)}; {target.name} is {into.text(is_table=False)}",
        hint="columns are matched by place, name and type: list and alias them in SELECT",
    )


def _coerced(root: Project, index: int, wanted: SqlType) -> Expr:
    expr = root.columns[index]
    if index in root.explode:
        if root.schema.columns[index].type != wanted:
            raise TypeMismatch("a table function's items cannot be coerced")
        return expr
    return coerce(expr, wanted, None)


def _typed(schema: Schema, into: Schema) -> Schema:
    return Schema(tuple(replace(c, name=w.name, type=w.type) for c, w in zip(schema, into, strict=True)))


def sink_of(root: Node, target: SinkTarget, staged: Staged, settings: Mapping[str, str], *, rekeyed: bool) -> Sink:
    """The sink, with what the statement leaves open taken from the first source. `rekeyed`: by PARTITION BY."""
    first = staged.sources[0].formats
    default = settings.get(DEFAULT_KEY_FORMAT, "KAFKA")
    key = target.key_format or (default if first.key == "NONE" else first.key)
    if not root.schema.keys:
        if target.into is None and target.key_format not in (None, "NONE"):
            raise AnalysisError(
                f"key format {target.key_format} is given for a stream without key columns", hint="leave out KEY_FORMAT"
            )
        key = "NONE"
    inherited = {k: v for k, v in first.properties.items() if k in _delimiters(target)}
    formats = Formats(key, target.value_format or first.value, {**inherited, **target.properties})
    index = timestamp_column(root.schema, target)
    window = root.window if target.into is None else None  # a stream whose keys have windows takes no INSERT INTO
    return Sink(
        target.name,
        target.topic,
        root.schema,
        formats,
        root.is_table,
        staged.edge,
        window,
        index,
        target.timestamp_format,
        carries_headers=row_by_row(root),
        key_as_read=row_by_row(root) and not rekeyed and window == root.window,
    )


def row_by_row(root: Node) -> bool:
    """Whether each row of the result is made of one record: of such a record the headers go along to the sink."""
    if isinstance(root, Union):
        return all(map(row_by_row, root.arms))
    if isinstance(root, Filter | Project | Infer | Retain):
        return row_by_row(root.input)
    return isinstance(root, Read)


def _delimiters(target: SinkTarget) -> set[str]:
    """A delimiter goes with a format that is taken over; everything else belongs to the statement that said it."""
    given = {"KEY_DELIMITER": target.key_format, "VALUE_DELIMITER": target.value_format}
    return {name for name, format_ in given.items() if format_ is None}


def timestamp_column(schema: Schema, target: SinkTarget) -> int | None:
    """The index of the column that WITH (TIMESTAMP = …) names."""
    if target.timestamp_column is None:
        return None
    index = schema.index(target.timestamp_column)
    if index is None:
        raise AnalysisError(
            f"the TIMESTAMP column {target.timestamp_column} does not exist in the result",
            hint=suggestion(target.timestamp_column, [c.name for c in schema]),
        )
    column = schema.columns[index]
    if column.type == STRING and target.timestamp_format is not None:
        return index
    if column.type not in (BIGINT, TIMESTAMP):
        raise AnalysisError(
            f"the TIMESTAMP column {column.name} is {column.type}",
            detail="it must be BIGINT or TIMESTAMP, or a STRING with a TIMESTAMP_FORMAT",
        )
    return index
