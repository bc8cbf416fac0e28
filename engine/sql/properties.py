"""WITH (…): which properties there are, what values they take, and which cannot stand together.

What is read here holds for every format alike; whether a format can carry the columns is asked of the format itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import AnalysisError, Span
from .builtin.time_patterns import compile_pattern
from .catalog import FileOptions
from .parser.cursor import text_ms
from .scope import suggestion
from .statements.query import WINDOW_KINDS, WINDOWS_BOUNDED
from .statements.statement import Property

DEFAULT_KEY_FORMAT = "ksql.persistence.default.format.key"
DEFAULT_VALUE_FORMAT = "ksql.persistence.default.format.value"
INFERRING = frozenset(["AVRO", "PROTOBUF", "JSON_SR"])
"""Formats whose columns a schema registry knows."""
_OF_FORMATS = {
    "VALUE_DELIMITER": ("value", ("DELIMITED",)),
    "KEY_DELIMITER": ("key", ("DELIMITED",)),
    "KEY_SCHEMA_ID": ("key", tuple(INFERRING)),
    "VALUE_SCHEMA_ID": ("value", tuple(INFERRING)),
    "KEY_SCHEMA_FULL_NAME": ("key", tuple(INFERRING)),
    "VALUE_SCHEMA_FULL_NAME": ("value", tuple(INFERRING)),
    "VALUE_AVRO_SCHEMA_FULL_NAME": ("value", ("AVRO",)),
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION": ("key", ("PROTOBUF", "PROTOBUF_NOSR")),
    "VALUE_PROTOBUF_NULLABLE_REPRESENTATION": ("value", ("PROTOBUF", "PROTOBUF_NOSR")),
}
_FILE_OPTIONS = ("DELIMITER", "HEADER", "QUOTE", "ESCAPE", "NULL_TEXT", "ENCODING", "COMPRESSION")
_TOPIC = ("KAFKA_TOPIC", "FORMAT", "KEY_FORMAT", "VALUE_FORMAT", "PARTITIONS", "REPLICAS", "RETENTION_MS")
_TIME = ("TIMESTAMP", "TIMESTAMP_FORMAT", "WRAP_SINGLE_VALUE")
_OF_QUERIES = ("STATE_TTL",)
_OF_SOURCES = ("WINDOW_TYPE", "WINDOW_SIZE", "PATH", "PATH_FORMAT", *_FILE_OPTIONS)
_PATH_FORMATS = ("CSV", "JSON", "PARQUET", "TEXT")


@dataclass(frozen=True)
class StateTtl:
    """STATE_TTL: how long a table's query remembers a key that is not updated, and where that is written."""

    ms: int
    span: Span | None = None


@dataclass(frozen=True)
class SourceProperties:
    """WITH, read and checked. Formats are upper-case, None where not given. `format_properties` go to the formats;
    `spans`: where each property stands."""

    topic: str | None = None
    key_format: str | None = None
    value_format: str | None = None
    partitions: int | None = None
    replicas: int | None = None
    retention_ms: int | None = None
    timestamp: str | None = None
    timestamp_format: str | None = None
    window_type: str | None = None
    window_size_ms: int | None = None
    state_ttl: StateTtl | None = None
    file: FileOptions | None = None
    format_properties: Mapping[str, str] = field(default_factory=dict)
    spans: Mapping[str, Span | None] = field(default_factory=dict)


def read_properties(properties: Sequence[Property], *, of_query: bool = False) -> SourceProperties:
    """The properties of CREATE STREAM / TABLE, or `of_query`: of CREATE … AS SELECT, which reads no window from keys and
    no files. Raises AnalysisError at the property that is wrong."""
    known = (*_TOPIC, *_TIME, *_OF_FORMATS, *(_OF_QUERIES if of_query else _OF_SOURCES))
    for given in properties:
        if given.name not in known:
            why = "it belongs to CREATE STREAM / TABLE without a SELECT" if given.name in _OF_SOURCES else None
            if given.name in _OF_QUERIES:
                why = "it belongs to CREATE TABLE … AS SELECT … GROUP BY, whose query remembers its groups"
            hint = suggestion(given.name, known) or f"the properties are {', '.join(known)}"
            if given.name == "IDLE_TIMEOUT":
                hint = "queries have it, not sources: SET 'idle_timeout' = '30 SECONDS'; before they are created"
            raise AnalysisError(
                f"unknown property in the WITH clause: {given.name}",
                detail=why,
                hint=hint,
                span=given.span,
            )
    return _Reader({p.name: p for p in properties}).read()


@dataclass(frozen=True)
class _Reader:
    given: Mapping[str, Property]

    def read(self) -> SourceProperties:
        key_format, value_format = self._formats()
        window_type, window_size = self._window()
        names = [n for n in (*_OF_FORMATS, "WRAP_SINGLE_VALUE") if n in self.given]
        return SourceProperties(
            topic=self._text("KAFKA_TOPIC"),
            key_format=key_format,
            value_format=value_format,
            partitions=self._number("PARTITIONS"),
            replicas=self._replicas(),
            retention_ms=self._number("RETENTION_MS", least=-1),
            timestamp=self._timestamp(),
            timestamp_format=self._pattern(),
            window_type=window_type,
            window_size_ms=window_size,
            state_ttl=self._state_ttl(),
            file=self._file(),
            format_properties={n: self._plain(n) for n in names},
            spans={n: p.span for n, p in self.given.items()},
        )

    def _wrong(self, name: str, message: str, hint: str | None = None) -> AnalysisError:
        return AnalysisError(message, hint=hint, span=self.given[name].span)

    def _text(self, name: str) -> str | None:
        if name not in self.given:
            return None
        value = self.given[name].value
        if not isinstance(value, str) or not value:
            raise self._wrong(name, f"{name} takes a string in single quotes")
        return value

    def _pattern(self) -> str | None:
        text = self._text("TIMESTAMP_FORMAT")
        try:
            compile_pattern(text or "")
        except ValueError as why:
            message = "TIMESTAMP_FORMAT takes a pattern of java.time's DateTimeFormatter"
            raise self._wrong("TIMESTAMP_FORMAT", message, str(why)) from None
        return text

    def _plain(self, name: str) -> str:
        if name.endswith("_SCHEMA_ID"):
            return str(self._number(name))
        value: Any = self.given[name].value
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        if name == "WRAP_SINGLE_VALUE" and text.lower() not in ("true", "false"):
            raise self._wrong(name, f"WRAP_SINGLE_VALUE is TRUE or FALSE, not {text!r}")
        if name.endswith("_DELIMITER"):
            self._check_delimiter(name, text)
        return text.lower() if name == "WRAP_SINGLE_VALUE" else text

    def _check_delimiter(self, name: str, text: str) -> None:
        if text.upper() in ("TAB", "SPACE"):
            return
        if not text.strip():
            raise self._wrong(name, f"{name} cannot be empty or blank", "for a tab or a blank write TAB or SPACE")
        if len(text) != 1:
            raise self._wrong(name, f"{name} must be a single character or TAB, SPACE: {text!r}", "for example ';'")
        if text == '"':
            raise self._wrong(name, f"{name} cannot be a double quote", "values that hold the delimiter stand in those")

    def _number(self, name: str, *, least: int = 1) -> int | None:
        if name not in self.given:
            return None
        value = self.given[name].value
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._wrong(name, f"{name} takes a whole number of at least {least}")
        return value

    def _replicas(self) -> int | None:
        """How many replicas, -1 as the broker makes a topic of which nobody says it."""
        found = self._number("REPLICAS", least=-1)
        if found == 0:
            raise self._wrong("REPLICAS", "REPLICAS takes a whole number of at least 1, or -1 for the broker's default")
        return found

    def _formats(self) -> tuple[str | None, str | None]:
        both = self._text("FORMAT")
        for name in ("KEY_FORMAT", "VALUE_FORMAT"):
            if both is not None and name in self.given:
                raise self._wrong(
                    name,
                    f"{name} and FORMAT cannot both be given: FORMAT sets the formats of key and value",
                    "use FORMAT alone, or KEY_FORMAT and VALUE_FORMAT",
                )
        key, value = self._text("KEY_FORMAT") or both, self._text("VALUE_FORMAT") or both
        return key and key.upper(), value and value.upper()

    def _timestamp(self) -> str | None:
        """The column's name, as an expression would spell it."""
        text = self._text("TIMESTAMP")
        if text is None:
            return None
        quoted = re.fullmatch(r"`((?:[^`]|``)+)`|\"((?:[^\"]|\"\")+)\"", text)
        if quoted:
            return (quoted[1] or quoted[2]).replace("``", "`")
        return text.upper()

    def _window(self) -> tuple[str | None, int | None]:
        kind, size = self._text("WINDOW_TYPE"), self._text("WINDOW_SIZE")
        size_ms = None if size is None else self._duration("WINDOW_SIZE", size)
        if kind is None:
            if size is not None:
                raise self._wrong("WINDOW_SIZE", "WINDOW_SIZE needs a WINDOW_TYPE", "TUMBLING or HOPPING")
            return None, None
        kind = kind.upper()
        if kind not in WINDOW_KINDS:
            raise self._wrong("WINDOW_TYPE", f"{kind} is not a kind of window", f"use one of {', '.join(WINDOW_KINDS)}")
        if kind in WINDOWS_BOUNDED and size is not None:
            raise self._wrong("WINDOW_SIZE", f"'WINDOW_SIZE' should not be set for {kind} windows", "leave it out")
        if kind not in WINDOWS_BOUNDED and size is None:
            raise self._wrong(
                "WINDOW_TYPE", f"{kind} windows require 'WINDOW_SIZE'", "for example WINDOW_SIZE = '10 SECONDS'"
            )
        return kind, size_ms

    def _state_ttl(self) -> StateTtl | None:
        text = self._text("STATE_TTL")
        return None if text is None else StateTtl(self._duration("STATE_TTL", text), self.given["STATE_TTL"].span)

    def _duration(self, name: str, text: str) -> int:
        found = text_ms(text)
        if not found:
            raise self._wrong(
                name,
                f"{name} is not a duration: {text!r}",
                "write a number and DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS",
            )
        return found

    def _file(self) -> FileOptions | None:
        path, path_format = self._text("PATH"), self._text("PATH_FORMAT")
        options = {n: self._plain(n) for n in _FILE_OPTIONS if n in self.given}
        if path is None:
            for name in ("PATH_FORMAT", *options):
                if name in self.given:
                    raise self._wrong(name, f"{name} needs a PATH", "a topic's delimiter is VALUE_DELIMITER")
            return None
        for name in ("KAFKA_TOPIC", "PARTITIONS", "REPLICAS", "RETENTION_MS", "WINDOW_TYPE"):
            if name in self.given:
                raise self._wrong(name, f"{name} cannot be given with PATH", "a source is a topic or files, not both")
        kind = (path_format or _ending(path)).upper()
        if kind not in _PATH_FORMATS:
            name = "PATH_FORMAT" if path_format else "PATH"
            raise self._wrong(name, "PATH_FORMAT is csv, json, parquet or text", suggestion(kind, _PATH_FORMATS))
        return FileOptions(path, kind.lower(), options)


def _ending(path: str) -> str:
    """The format that a file's name tells."""
    ending = re.sub(r"\.(gz|zst)\Z", "", path.lower()).rpartition(".")[2]
    return {"jsonl": "json", "ndjson": "json", "log": "text", "txt": "text", "tsv": "csv"}.get(ending, ending)


def check_format_properties(
    properties: SourceProperties, key_format: str, value_format: str, value_columns: int | None
) -> None:
    """Refuse properties that belong to other formats than those in use. `value_columns`: how many there are, None where
    that is not known yet."""
    used = {"key": key_format, "value": value_format}
    for name, value in properties.format_properties.items():
        if name == "WRAP_SINGLE_VALUE":
            continue
        if not value.strip():
            raise AnalysisError(f"{name} cannot be empty", hint="leave it out", span=properties.spans[name])
        side, formats = _OF_FORMATS[name]
        if used[side] in formats:
            continue
        if name.endswith("SCHEMA_ID"):
            raise AnalysisError(
                f"{side.upper()}_FORMAT should support schema inference when {name} is provided",
                detail=f"the format is {used[side]}",
                hint=f"use {', '.join(sorted(INFERRING))}",
                span=properties.spans[name],
            )
        raise AnalysisError(
            f"{used[side]} does not support the property {name}",
            detail=f"it belongs to {', '.join(sorted(formats))}",
            hint=f"leave it out, or choose another {side.upper()}_FORMAT",
            span=properties.spans[name],
        )
    _check_wrapping(properties, value_format, value_columns)


def _check_wrapping(properties: SourceProperties, value_format: str, value_columns: int | None) -> None:
    wrap = properties.format_properties.get("WRAP_SINGLE_VALUE")
    if wrap is None:
        return
    span = properties.spans["WRAP_SINGLE_VALUE"]
    unwrapped, wrapped = ("DELIMITED", "KAFKA", "NONE"), ("PROTOBUF_NOSR",)
    if (wrap == "true" and value_format in unwrapped) or (wrap == "false" and value_format in wrapped):
        raise AnalysisError(
            f"Format '{value_format}' does not support 'WRAP_SINGLE_VALUE' set to '{wrap}'",
            hint="leave it out",
            span=span,
        )
    if value_columns is not None and value_columns != 1:
        raise AnalysisError(
            "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas",
            detail=f"there are {value_columns} value columns",
            hint="leave it out",
            span=span,
        )


def formats_with_defaults(
    properties: SourceProperties, settings: Mapping[str, str], span: Span | None = None
) -> tuple[str, str]:
    """The formats of key and value, settings' where the statement gives none; raises where none is to be had."""
    key = properties.key_format or settings.get(DEFAULT_KEY_FORMAT) or "KAFKA"
    value = properties.value_format or settings.get(DEFAULT_VALUE_FORMAT)
    if not value:
        raise AnalysisError(
            "the statement is missing the 'VALUE_FORMAT' property in its WITH clause",
            detail=f"and the setting {DEFAULT_VALUE_FORMAT} gives none",
            hint="WITH (VALUE_FORMAT = 'JSON', …)",
            span=span,
        )
    return key.upper(), value.upper()
