"""Results as text: tables for people, and JSON, CSV or Arrow for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Literal, TextIO

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from ..serving.arrow import named
from ..serving.json_rows import object_texts
from ..serving.json_values import value_writer
from ..serving.python_values import python_values
from ..serving.results import Done, Listing, Push, Rows
from ..sql.schema import Schema
from ..sql.types import BYTES, DOUBLE, FLOAT, STRING, Array, Map, SqlType, Struct, Vector, arrow_type
from .cells import cell_writer, scalar_text

OutputFormat = Literal["table", "json", "csv", "arrow"]


def tables_of(answer: Rows | Push) -> Iterator[pa.Table]:
    """The answer's tables as they come."""
    return answer.tables() if isinstance(answer, Rows) else iter(answer)


def write_answer(answer: Rows | Push, form: OutputFormat, out: TextIO) -> None:
    """Write what a SELECT answers."""
    match form:
        case "csv":
            _write_csv(answer, out)
        case "json":
            for table in tables_of(answer):
                for line in object_texts(answer.schema, table):
                    out.write(line + "\n")
                out.flush()
        case "arrow":
            _write_arrow(answer, out.buffer if hasattr(out, "buffer") else sys.stdout.buffer)
        case "table":
            _write_table(answer, out)


def _write_arrow(answer: Rows | Push, out: BinaryIO) -> None:
    empty = named(answer.schema, _no_rows(answer.schema))
    with pa.ipc.new_stream(out, empty.schema) as stream:
        for table in tables_of(answer):
            stream.write_table(named(answer.schema, table))
    out.flush()


def _no_rows(schema: Schema) -> pa.Table:
    return pa.table({f"c{i}": pa.array([], arrow_type(c.type)) for i, c in enumerate(schema)})


def _cell(sql_type: SqlType) -> Callable[[Any], str]:
    """A value as CSV writes it: NULL empty, nested values as JSON, text as it is."""
    if sql_type == STRING:
        return lambda v: "" if v is None else v
    if isinstance(sql_type, Array | Map | Struct | Vector) or sql_type in (BYTES, DOUBLE, FLOAT):
        write = value_writer(sql_type)
        return lambda v: "" if v is None else write(v).strip('"') if sql_type in (BYTES, DOUBLE, FLOAT) else write(v)
    return lambda v: "" if v is None else str(v).lower() if isinstance(v, bool) else _plain(v)


def _plain(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)


def _write_csv(answer: Rows | Push, out: TextIO) -> None:
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow([c.name for c in answer.schema])
    cells = [_cell(c.type) for c in answer.schema]
    for table in tables_of(answer):
        columns = [python_values(table.column(f"c{i}")) for i in range(len(cells))]
        for row in zip(*columns, strict=True):
            lines.writerow([cell(value) for cell, value in zip(cells, row, strict=True)])
        out.flush()


def console(out: TextIO) -> Console:
    """A console whose width is the terminal's, or wide enough for anything."""
    return Console(file=out, highlight=False, markup=False, width=None if out.isatty() else 10_000, soft_wrap=True)


def _write_table(answer: Rows | Push, out: TextIO) -> None:
    if isinstance(answer, Rows):
        write_named(named(answer.schema, answer.table), out)
        return
    out.write(line_of(c.name for c in answer.schema))
    for table in answer:
        for line in lines_of(named(answer.schema, table)):
            out.write(line)
        out.flush()


def write_named(table: pa.Table, out: TextIO) -> None:
    """Rows under their names, as a table."""
    _print_table(out, table.column_names, _texts(table))


def lines_of(table: pa.Table) -> Iterator[str]:
    """A line a row (a push query's)."""
    for row in _texts(table):
        yield line_of(row)


def _texts(table: pa.Table) -> Iterator[Iterable[str]]:
    """The cells' texts, a row at a time."""
    return zip(*(map(cell_writer(c.type), python_values(c)) for c in table.columns), strict=True)


def line_of(cells: Iterable[str]) -> str:
    """Cells as a line."""
    return " | ".join(cells) + "\n"


def _print_table(out: TextIO, names: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console(out).print(table)


def write_told(result: Done | Listing, out: TextIO) -> None:
    """What a statement other than SELECT answers, for people."""
    if isinstance(result, Done):
        if result.message:
            out.write(result.message + "\n")
    else:
        if result.columns:
            _print_table(out, result.columns, ([_told(value) for value in row] for row in result.rows))
        if result.text:
            out.write(result.text.rstrip() + "\n")
    for warning in result.warnings:
        out.write(f"warning: {warning}\n")


def _told(value: Any) -> str:
    """A cell of a listing: parts of a statement's answer, which are no SQL values."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "NULL" if value is None else scalar_text(value)
