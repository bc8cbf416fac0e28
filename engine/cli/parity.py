"""`mergus parity`: a model in SQL against the bare framework on one data file, and how far their answers lie apart.

Both sides read the file for themselves. The SQL side is an engine of its own with the file as a stream; a model of a data
folder is registered there again from its artefact, so that a server may go on using the folder meanwhile.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from cyclopts import Parameter

from ..errors import UserError
from ..inference.binding import Binding
from ..inference.model_function import ModelFunction
from ..inference.monitoring.parity import Differences, bare_outputs, differences
from ..inference.providers import registry as providers
from ..inference.versions.routes import ROUTES, routes_of, sql_columns, version_function
from ..inference.versions.store import version_of
from ..serving.arrow import named
from ..serving.describe.models import create_text
from ..serving.engine import Engine
from ..serving.results import Push
from ..sql.catalog_models import DEFAULT_ALIAS, ERROR_FIELD
from ..sql.functions import ModelCall, ScalarFunction
from ..sql.scope import suggestion
from ..sql.types import BIGINT, BOOLEAN, INTEGER, STRING, SqlType, is_numeric, quote_if_needed
from .failing import UsageError
from .options import log_to_stderr, quiet, settings
from .rendering import write_named

STREAM = "MERGUS_PARITY_DATA"


@dataclass(frozen=True)
class _Subject:
    """The model on both sides: how SQL calls it, and what the bare side loads."""

    call: str
    version: str
    function: ModelFunction
    binding: Binding | None
    tolerance: float
    outputs: tuple[str, ...] = ()


def parity(
    model: str,
    file: Path,
    *setup: Path,
    data: Path | None = None,
    columns: Annotated[str | None, Parameter(name="--columns")] = None,
    tolerance: float | None = None,
    format: Annotated[Literal["table", "json"], Parameter(name="--format")] = "table",
) -> int:
    """Compare a model in SQL with the bare framework on a data file.

    Prints count, mean, variance, p25, p50, p75, p99 and max of the absolute differences, output by output. Ends with 0 where
    all are within the tolerance, with 1 where one is not or a row has an answer on one side only.

    Parameters
    ----------
    model
        The model: m, m@alias, m$version, or one that ships, as embed.
    file
        Rows to ask about: .jsonl, .csv, .parquet, or .txt for a text a line.
    setup
        Files of statements that register the model.
    data
        The data folder where the model is registered; a server may be using it.
    columns
        The file's columns that are the model's inputs, in order: a,b. Without it those of the inputs' names.
    tolerance
        How far an answer may lie off, relative where it is larger than 1. Without it the model's TOLERANCE.
    format
        table or json.
    """
    quiet()
    rows = list(_rows(file))
    if not rows:
        raise UsageError(f"{file} has no rows")
    with tempfile.TemporaryDirectory(prefix="mergus-parity-", ignore_cleanup_errors=True) as private:
        chosen = settings({"data": private})
        log_to_stderr(chosen, least="error")
        engine = Engine.open(chosen, in_process=True)
        try:
            for path in setup:
                engine.execute_all(path.read_text())
            subject = _subject(engine, model, data)
            names = _input_columns(subject.function, rows, None if columns is None else columns.split(","))
            answers = _asked(engine, subject, file, names)
        finally:
            engine.close()
        if len(answers) != len(rows):
            hint = "mend or drop the rows that are bad"
            raise UserError(f"SQL reads {len(answers)} rows of {file}, which has {len(rows)}", hint=hint)
        kinds = subject.function.inputs.values()
        given = [[_value(row.get(n), kind) for row in rows] for n, kind in zip(names, kinds, strict=True)]
        return _compare(subject, given, answers, subject.tolerance if tolerance is None else tolerance, format)


def _compare(subject: _Subject, given: Sequence[list[Any]], answers: list[Any], limit: float, form: str) -> int:
    """Ask the bare side what SQL has answered, and tell how far they are apart."""
    whole = [i for i in range(len(answers)) if all(column[i] is not None for column in given)]
    kept = [i for i in whole if not _failed(answers[i])]
    rows = [[column[i] for i in kept] for column in given]
    bare = bare_outputs(subject.function, subject.binding, rows, subject.outputs)
    told = [differences(n, [_part(answers[i], n) for i in kept], array, limit) for n, array in bare.items()]
    head = {"model": subject.function.name, "version": subject.version, "rows": len(answers)}
    counts = {**head, "nulls": len(answers) - len(whole), "unanswered": len(whole) - len(kept), "tolerance": limit}
    if form == "json":
        print(json.dumps({**counts, "outputs": [asdict(d) for d in told]}))
    else:
        shown = {f.name: [_shown(getattr(d, f.name)) for d in told] for f in fields(Differences)}
        write_named(pa.table(shown), sys.stdout)
        print(", ".join(f"{name} {value}" for name, value in counts.items()))
    return 1 if counts["unanswered"] or any(d.beyond for d in told) else 0


def _failed(answer: Any) -> bool:
    """Whether the model had no answer to a row, as its ON_ERROR says so."""
    return answer is None or (isinstance(answer, dict) and answer.get(ERROR_FIELD) is not None)


def _part(answer: Any, output: str) -> Any:
    """One output of an answer, which is a struct where there are several."""
    return answer[output] if isinstance(answer, dict) and output in answer else answer


def _shown(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------------------------------------------------------- the model


def _subject(engine: Engine, model: str, data: Path | None) -> _Subject:
    """The model by its name: of a data folder, else of the engine, where `setup` or this package has registered it."""
    mark = next((m for m in "@$" if m in model), "")
    name, _, reference = model.partition(mark) if mark else (model, "", "")
    name = name.upper() if name.isidentifier() else name
    if data is None:
        routes, folder = routes_of(engine.catalog.models), engine.models.folder
    else:
        folder = data.resolve() / "models"
        routes = json.loads((folder / ROUTES).read_text()) if (folder / ROUTES).exists() else {}
    if name in routes:
        return _registered(engine, name, mark + reference, routes[name], folder if data else None)
    shipped = engine.registry.find(name)
    call = shipped.overloads[0].implementation if isinstance(shipped, ScalarFunction) else None
    if isinstance(call, ModelCall) and isinstance(call.model, ModelFunction) and not reference:
        return _Subject(name, call.model.version or "", call.model, None, 1e-4)
    raise UsageError(
        f"there is no model {name}", hint=suggestion(name, list(routes)) or "give --data, or a file that registers it"
    )


def _registered(engine: Engine, name: str, reference: str, route: Mapping[str, Any], folder: Path | None) -> _Subject:
    """A version of a registered model; one of another folder is registered here too, from its artefact there."""
    number = _number(name, reference, route)
    chosen = route["versions"][str(number)]
    record, binding = chosen["record"], Binding.of_json(chosen["record"]["binding"])
    function = version_function(name, folder or engine.models.folder, str(number), chosen)
    call = f"{quote_if_needed(name)}${number}"
    if folder is not None:
        version = version_of(number, chosen["provider"], chosen["sha256"], 0, 0, binding, record)
        remote = version.provider in providers.REMOTE
        source = record["source"] if remote else str(folder / chosen["artefact"])
        there = {**record, "source": source, "watch": None, "topic": None}
        engine.execute_all(create_text(name, replace(version, record=there)))
        call = quote_if_needed(name)
    outputs = tuple(column for column, _ in sql_columns(binding, record)[1])
    return _Subject(call, str(number), function, binding, float(record["tolerance"]), outputs)


def _number(name: str, reference: str, route: Mapping[str, Any]) -> int:
    """The version that a reference means."""
    known: dict[str, int] = route["aliases"] | {f"${n}": int(n) for n in route["versions"]}
    wanted = reference if reference.startswith("$") else reference[1:].upper() or DEFAULT_ALIAS
    if wanted not in known:
        raise UsageError(f"model {name} has no {wanted}", hint=f"known are {', '.join(known)}")
    return known[wanted]


def _asked(engine: Engine, subject: _Subject, file: Path, names: Sequence[str]) -> list[Any]:
    """SQL's answer to every row of the file, in order."""
    quoted = [quote_if_needed(n) for n in names]
    columns = ", ".join(f"{n} {kind}" for n, kind in zip(quoted, subject.function.inputs.values(), strict=True))
    path = str(file.resolve()).replace("'", "''")
    engine.execute_all(f"CREATE STREAM {STREAM} ({columns}) WITH (PATH = '{path}');")
    made: list[Any] = []
    for result in engine.execute(f"SELECT {subject.call}({', '.join(quoted)}) AS answer FROM {STREAM} EMIT CHANGES;"):
        assert isinstance(result, Push)  # a SELECT with EMIT CHANGES is one
        for table in result:
            made += named(result.schema, table).column("ANSWER").to_pylist()
    return made


# ------------------------------------------------------------------------------------------------------------- the data file


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    """The file's rows as Python has them."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    match file.suffix:
        case ".parquet":
            yield from pq.read_table(file).to_pylist()
        case ".csv":
            with file.open(newline="") as lines:
                yield from ({name: value or None for name, value in row.items()} for row in csv.DictReader(lines))
        case ".json" | ".jsonl" | ".ndjson":
            text = file.read_text()
            yield from json.loads(text) if text.lstrip().startswith("[") else map(json.loads, text.splitlines())
        case ".txt" | ".log":
            yield from ({"line": line} for line in file.read_text().splitlines())
        case other:
            raise UsageError(f"{file}: rows are .jsonl, .csv, .parquet or .txt, not {other}")


def _input_columns(function: ModelFunction, rows: Sequence[Mapping[str, Any]], given: list[str] | None) -> list[str]:
    """The file's columns that feed the model: those that were given, those of its inputs' names, or the only one."""
    there = {name: None for row in rows for name in row}
    if given is None and len(function.inputs) == len(there) == 1:
        return list(there)
    by_name = {name.upper(): name for name in there}
    wanted = list(function.inputs) if given is None else [g.strip() for g in given]
    missing = [w for w in wanted if w.upper() not in by_name]
    if missing or len(wanted) != len(function.inputs):
        raise UsageError(
            f"the file has no column {missing[0]}" if missing else f"the model takes {len(function.inputs)} columns",
            hint=f"it has {', '.join(there)}; --columns says which are {', '.join(function.inputs)}",
        )
    return [by_name[w.upper()] for w in wanted]


def _value(value: Any, kind: SqlType) -> Any:
    """A value of the file for the bare side; CSV has texts only."""
    if not isinstance(value, str) or kind == STRING:
        return value
    if kind == BOOLEAN:
        return value.lower() == "true"
    return (int(value) if kind in (INTEGER, BIGINT) else float(value)) if is_numeric(kind) else value
