"""INSERT VALUES and rows from outside: Python values to records in the relation's formats.

ksqlDB's rules: ROWTIME may be given, ROWPARTITION, ROWOFFSET and headers may not; columns not named are NULL; a table's
key must not be NULL; windowed sources and sources made read-only take no inserts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from ..clock import Clock
from ..errors import AnalysisError, MergusError, RecordError, Span, UnknownName, reason
from ..io.formats.format import FormatColumn
from ..io.formats.registry import find
from ..io.topics import Topics, Writer
from ..operators.event_time.rowtime import LATEST_MS
from ..operators.frame import without_rows
from ..sql.builtin.conversion import from_base64
from ..sql.catalog import Relation
from ..sql.compile.expression import evaluate_constant
from ..sql.functions import FunctionRegistry
from ..sql.properties import INFERRING
from ..sql.schema import ColumnDef
from ..sql.scope import NoColumns, suggestion
from ..sql.statements.statement import InsertValues
from ..sql.types import BIGINT, BYTES, SqlType, arrow_type
from ..sql.typing.expression import analyze_expression
from .json_values import value_reader

ROWTIME = "ROWTIME"
REFUSED = ("ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND")
ROWS_MAX = 5_000
"""Most rows that are written in one transaction, while others wait for their turn."""
Row = dict[str, Any]
Refusal = MergusError | None


class Inserter:
    """Makes records of one stream or table. `connection` evaluates constants and encodes; owned by one thread."""

    def __init__(self, relation: Relation, connection: duckdb.DuckDBPyConnection, span: Span | None = None) -> None:
        _check_target(relation, span)
        self.relation = relation
        self.connection = connection
        self.names = [c.name for c in relation.schema]
        self.readers = {c.name: value_reader(c.type) for c in relation.schema}
        self._rowtime = value_reader(BIGINT)
        properties = relation.properties
        keys, values = _format_columns(relation.schema.keys), _format_columns(relation.schema.values)
        self.key_encoder = find(relation.key_format).encoder(keys, properties, is_key=True)
        self.value_encoder = find(relation.value_format).encoder(values, properties, is_key=False) if values else None

    def from_statement(self, statement: InsertValues, registry: FunctionRegistry, now_ms: int) -> pa.RecordBatch:
        """The records of INSERT INTO … VALUES."""
        rows = [self._row(statement, values, registry) for values in statement.rows]
        made, answers = self.records(rows, now_ms)
        if refused := next(filter(None, answers), None):
            refused.span = statement.span
            raise refused
        return made

    def _row(self, statement: InsertValues, values: Sequence[exp.Expression], registry: FunctionRegistry) -> Row:
        names = [self.relation.spelt(n) for n in statement.columns] or self._all_columns(len(values), statement.span)
        row: Row = {}
        for name, node, place in zip(names, values, statement.places or [statement.span] * len(names), strict=True):
            column = self._column(name, place)
            expected = BIGINT if column is None else column.type
            try:
                row[name] = self._constant(node, expected, registry)
            except (duckdb.Error, ValueError, OverflowError) as why:
                raise AnalysisError(
                    f"the value of {name} cannot be computed", detail=reason(why), span=statement.span
                ) from None
        return row

    def _constant(self, node: exp.Expression, expected: SqlType, registry: FunctionRegistry) -> Any:
        """A value of VALUES. Text for BYTES is base64, as everywhere where JSON has them."""
        if expected == BYTES and isinstance(node, exp.Literal) and node.is_string:
            return from_base64(str(node.this).strip())
        return evaluate_constant(self.connection, analyze_expression(node, NoColumns(), registry, expected=expected))

    def from_json(self, rows: Sequence[Mapping[str, Any]], now_ms: int) -> tuple[pa.RecordBatch, list[Refusal]]:
        """The records of JSON objects whose names are columns (as spelled, or in any case), and of each object None, or why
        it makes none."""
        typed: list[Row] = []
        refused: list[Refusal] = []
        for row in rows:
            try:
                typed.append(self._typed(row))
                refused.append(None)
            except AnalysisError as why:
                refused.append(why)
        made, more = self.records(typed, now_ms)
        return made, _filled(refused, more)

    def _typed(self, row: Mapping[str, Any]) -> Row:
        typed: Row = {}
        for given, value in row.items():
            name = given if given in self.readers or given == ROWTIME else self.relation.spelt(given.upper())
            column = self._column(name, None)
            if name in typed:
                raise AnalysisError(
                    f"column {name} is given twice", detail=f"in {', '.join(row)}: names in any case are one"
                )
            try:
                typed[name] = self._rowtime(value) if column is None else self.readers[name](value)
            except (RecordError, TypeError, ValueError) as why:
                wanted = BIGINT if column is None else column.type
                raise AnalysisError(f"column {name} is {wanted}", detail=str(why)) from None
        return typed

    def records(self, rows: Sequence[Row], now_ms: int) -> tuple[pa.RecordBatch, list[Refusal]]:
        """Records of PRODUCE_SCHEMA from rows of values by column name, NULL where a row does not name one, and of each row
        None, or why it makes none."""
        refused = [self._missing(row) for row in rows]
        rows = [row for row, why in zip(rows, refused, strict=True) if why is None]
        keys, values = self.relation.schema.keys, self.relation.schema.values
        key, bad = self.key_encoder.encode(_arrays(keys, rows), _all_null(keys, rows), self.connection)
        value, bad_values = self._values(values, rows)
        unwritable = {
            row: AnalysisError("the values cannot be written", detail=why) for row, why in [*bad, *bad_values]
        }
        times = [row.get(ROWTIME) for row in rows]
        timestamps = pa.array([now_ms if t is None else t for t in times], pa.int64())
        made = pa.record_batch({"timestamp": timestamps, "key": key, "value": value})
        if unwritable:
            made = without_rows(made, unwritable)
        return made, _filled(refused, [unwritable.get(row) for row in range(len(rows))])

    def _values(self, columns: Sequence[ColumnDef], rows: Sequence[Row]) -> tuple[pa.Array, list[tuple[int, str]]]:
        if self.value_encoder is None:
            return pa.array([_empty_record(self.relation)] * len(rows), pa.binary()), []
        return self.value_encoder.encode(_arrays(columns, rows), _false(rows), self.connection)

    def _all_columns(self, values: int, span: Span | None) -> tuple[str, ...]:
        if values != len(self.names):
            raise AnalysisError(
                f"expected a value for each column of {self.relation.name}",
                detail=f"columns: {', '.join(self.names)}; {values} values are given",
                hint="name the columns that you give: INSERT INTO … (columns) VALUES …",
                span=span,
            )
        return tuple(self.names)

    def _column(self, name: str, span: Span | None) -> ColumnDef | None:
        """The column of that name, None for ROWTIME."""
        index = self.relation.schema.index(name)
        if index is not None:
            column = self.relation.schema.columns[index]
            if column.header is not None:
                raise AnalysisError(f"cannot insert into HEADER column {name}", span=span)
            return column
        if name == ROWTIME:
            return None
        if name in REFUSED:
            raise AnalysisError(f"inserting into the pseudo-column {name} is not supported", span=span)
        raise UnknownName(
            f"column {name} does not exist in {self.relation.word} {self.relation.name}",
            detail=f"the columns are {', '.join(self.names)}",
            hint=suggestion(name, [*self.names, ROWTIME]),
            span=span,
        )

    def _missing(self, row: Row) -> AnalysisError | None:
        """Why a row of typed values cannot be one of the relation's."""
        keys = self.relation.schema.keys
        if self.relation.is_table and all(row.get(c.name) is None for c in keys):
            return AnalysisError(
                f"a value for primary key {keys[0].name} is needed",
                detail=f"{self.relation.name} is a table: its rows are told apart by their keys",
            )
        if (row.get(ROWTIME) or 0) < 0:
            return AnalysisError("ROWTIME must not be negative")
        if (row.get(ROWTIME) or 0) > LATEST_MS:
            return AnalysisError(
                "ROWTIME must not be after the year 294246",
                hint="it is in milliseconds since 1970, as UNIX_TIMESTAMP()",
            )
        return None


class Inserts:
    """Writes records to topics for one engine; any thread may call."""

    def __init__(self, topics: Topics, connection: duckdb.DuckDBPyConnection, clock: Clock) -> None:
        self._topics = topics
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self._writer: Writer | None = None

    def values(self, statement: InsertValues, relation: Relation, registry: FunctionRegistry) -> None:
        """INSERT INTO … VALUES."""
        with self._lock:
            inserter = Inserter(relation, self._connection, statement.span)
            answers = self._write(relation.topic, inserter.from_statement(statement, registry, self._clock.now_ms()))
        if refused := next(filter(None, answers), None):
            raise refused

    def rows(self, relation: Relation, rows: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        """JSON objects as records, many in one batch; for each, None or why it is refused."""
        inserter = Inserter(relation, self._connection)
        answers: list[Refusal] = []
        for start in range(0, len(rows), ROWS_MAX):
            with self._lock:
                records, refused = inserter.from_json(rows[start : start + ROWS_MAX], self._clock.now_ms())
                try:
                    written = self._write(relation.topic, records)
                except MergusError as error:
                    written = [error] * len(records)
            answers += _filled(refused, written)
        return answers

    def _write(self, topic: str, records: pa.RecordBatch) -> Sequence[Refusal]:
        """Of each record None, or why it is not written. Raises where none can be."""
        times = self._topics.refused_times(topic, records.column("timestamp"), self._clock.now_ms())
        wrong = {
            row: AnalysisError(f"topic {topic} does not take a record of this time", detail=why) for row, why in times
        }
        refused = [wrong.get(row) for row in range(len(records))]
        if wrong:
            records = without_rows(records, wrong)
        if self._writer is None:
            self._writer = self._topics.writer()
        try:
            return _filled(refused, self._writer.deliver(topic, records))
        except BaseException:
            broken, self._writer = self._writer, None
            broken.abandon()  # else what was refused would be written with the next that is not
            raise

    def close(self) -> None:
        """Give the writer back."""
        if self._writer is not None:
            self._writer.close()


def _filled(refused: Sequence[Refusal], others: Sequence[Refusal]) -> list[Refusal]:
    """What is said of all rows, where `others` is what is said, in their order, of those that were not refused before."""
    later = iter(others)
    return [next(later) if why is None else why for why in refused]


def _check_target(relation: Relation, span: Span | None) -> None:
    if relation.is_source:
        raise AnalysisError(
            f"cannot insert into read-only {relation.word} {relation.name}",
            detail="it was made with CREATE SOURCE",
            span=span,
        )
    if relation.windowed is not None:
        raise AnalysisError("cannot insert into windowed sources", detail=f"{relation.name} is windowed", span=span)
    if relation.file is not None:
        raise AnalysisError(f"cannot insert into {relation.name}", detail="it reads files", span=span)


def _empty_record(relation: Relation) -> bytes | None:
    """A record of no columns; a NULL value would be no row of a stream, and a deletion of a table's."""
    if relation.value_format in INFERRING:
        raise AnalysisError(
            f"{relation.word} {relation.name} has keys only",
            detail=f"a record of {relation.value_format} needs a schema, and one of no columns is not registered",
            hint="give it a column beside its keys, or VALUE_FORMAT = 'JSON'",
        )
    return {"JSON": b"{}", "DELIMITED": b"", "PROTOBUF_NOSR": b""}.get(relation.value_format)


def _format_columns(columns: Sequence[ColumnDef]) -> list[FormatColumn]:
    return [FormatColumn(c.name, c.type) for c in columns if c.header is None]


def _arrays(columns: Sequence[ColumnDef], rows: Sequence[Row]) -> list[pa.Array]:
    return [pa.array([r.get(c.name) for r in rows], arrow_type(c.type)) for c in columns if c.header is None]


def _all_null(columns: Sequence[ColumnDef], rows: Sequence[Row]) -> pa.Array:
    return pa.array([all(r.get(c.name) is None for c in columns) for r in rows], pa.bool_())


def _false(rows: Sequence[Row]) -> pa.Array:
    return pa.array([False] * len(rows), pa.bool_())
