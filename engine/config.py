"""Settings: command line over MERGUS_* environment over a TOML file over defaults, each remembering where it came from.

A server's settings are known here by name, type and meaning; everything under `kafka.` is passed to librdkafka as it
is. Properties that a statement may SET (`ksql.…`, `auto.offset.reset`) live in `sql/properties.py`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import EnvironmentFault, UserError

SECRET_WORDS = ("password", "secret", "token", "credential", "sasl.jaas", "key.pem", "passphrase")


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Setting:
    """One setting of a server: `parse` makes the value from text and raises ValueError; `least`: of a number."""

    name: str
    default: Any
    meaning: str
    parse: type = str
    least: int = 1


SETTINGS = (
    Setting("data", None, "the data folder; none: a private one, removed at the end", str),
    Setting("listen", "127.0.0.1:8088", "HOST:PORT of the HTTP interface; loopback unless said otherwise", str),
    Setting("http.hosts", None, "names with a dot by which browsers may call the server, comma-separated", str),
    Setting("kafka.bootstrap", None, "bootstrap servers of a Kafka cluster; none: embedded topics", str),
    Setting("schema.registry.url", None, "a schema registry; none: the engine's own in the data folder", str),
    Setting("queries", None, "a file of statements that is run at start", str),
    Setting("workers", 1, "workers (threads) a query, in each of its processes", int),
    Setting("processes", 1, "processes a query: reading Kafka and Python functions run beside each other only so", int),
    Setting("threads", 0, "threads of the whole engine for DuckDB and models; 0: as many as cores", int, 0),
    Setting("memory.mb", 2048, "memory budget of all processes' DuckDB together, in MiB", int),
    Setting("epoch.ms", 500, "length of an epoch: how often queries take a checkpoint", int),
    Setting("batch.rows.max", 50_000, "most records in one batch", int),
    Setting("inflight.bytes.max", 64 << 20, "most bytes read and not yet processed, a query", int),
    Setting("idle.park.ms", 30_000, "a query without records for so long is parked", int, 0),
    Setting(
        "topic.retention.check.ms", 60_000, "how often embedded topics drop what is past retention; 0: never", int, 0
    ),
    Setting("topic.compaction.check.ms", 1_000, "how often tables' embedded topics are compacted; 0: never", int, 0),
    Setting(
        "topic.sync", "normal", "topics and state. normal: safe when the process dies; full: when power fails", str
    ),
    Setting("functions", None, "a folder of Python files with user functions", str),
    Setting("functions.inline", None, "whether CREATE FUNCTION … AS is allowed; default: only on loopback", bool),
    Setting(
        "files.allowed", None, "folders that file sources may read, colon-separated; default: any on loopback", str
    ),
    Setting("log.format", "text", "text or json", str),
    Setting("log.level", "info", "debug, info, warning or error", str),
)
_BY_NAME = {s.name: s for s in SETTINGS}


@dataclass(frozen=True)
class Value:
    """A setting's value and where it came from: default, file, environment, command line, or arguments of Python's `connect`."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Config:
    """All settings of one start."""

    values: Mapping[str, Value] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def kafka(self) -> dict[str, str]:
        """What goes to librdkafka as it is: the settings under `kafka.` but bootstrap, without that prefix."""
        return {
            name.removeprefix("kafka."): str(v.value)
            for name, v in self.values.items()
            if name.startswith("kafka.") and name != "kafka.bootstrap"
        }

    def shown(self) -> list[tuple[str, str, str]]:
        """(name, value, origin) of every setting, secrets hidden."""
        return [
            (name, "" if v.value is None else "********" if is_secret(name) else without_user(str(v.value)), v.origin)
            for name, v in sorted(self.values.items())
        ]


def without_user(value: str) -> str:
    """A URL without the user and password in it."""
    return re.sub(r"(?<=://)[^/@\s]+@", "********@", value)


def is_secret(name: str) -> bool:
    """Whether a setting's value must never be shown."""
    return any(word in name.lower() for word in SECRET_WORDS)


def _parsed(name: str, value: Any, origin: str) -> Any:
    if name.startswith("kafka.") and name not in _BY_NAME:
        return str(value)
    setting = _BY_NAME.get(name)
    if setting is None:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f'did you mean "{near[0]}"?' if near else "mergus server --help lists the settings"
        raise UserError(f'unknown setting "{name}"', detail=f"from the {origin}", hint=hint)
    if value is None:
        return None
    if value == "":
        raise UserError(f'setting "{name}" is empty', detail=f"from the {origin}", hint="leave it out for its default")
    try:
        made: Any = {bool: _boolean, int: _whole, str: _text}[setting.parse](value)
    except ValueError:
        raise UserError(
            f'setting "{name}" takes {_article(setting.parse)}', detail=f"got {value!r} from the {origin}"
        ) from None
    if setting.parse is int and made < setting.least:
        raise UserError(f'setting "{name}" is at least {setting.least}, not {made}', detail=f"from the {origin}")
    return made


def _article(kind: type) -> str:
    return {int: "a whole number", bool: "true or false"}.get(kind, "text")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise ValueError(value)


def _whole(value: Any) -> int:
    if isinstance(value, str) or type(value) is int:
        return int(value)
    raise ValueError(value)


def _text(value: Any) -> str:
    if isinstance(value, str) or type(value) is int:
        return str(value)
    raise ValueError(value)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """MERGUS_KAFKA_BOOTSTRAP is kafka.bootstrap; MERGUS_KAFKA_SASL_PASSWORD is kafka.sasl.password."""
    known = {"MERGUS_" + name.upper().replace(".", "_"): name for name in _BY_NAME}
    found: dict[str, Any] = {}
    for variable, value in environment.items():
        if variable in known:
            found[known[variable]] = value
        elif variable.startswith("MERGUS_KAFKA_"):
            found["kafka." + variable.removeprefix("MERGUS_KAFKA_").lower().replace("_", ".")] = value
    return found


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return _flat(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise UserError(f"there is no configuration file {path}") from None
    except OSError as why:
        raise EnvironmentFault(f"cannot read {path}", detail=str(why)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise UserError(f"{path} is not TOML", detail=str(why)) from None


def load(
    given: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None, *, by: str = "command line"
) -> Config:
    """Merge the layers. `given`: settings by name, None where not given; `by`: what that layer is called. Raises UserError
    on an unknown name or a value that does not parse, naming the layer."""
    values = {s.name: Value(s.default, "default") for s in SETTINGS}
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("file", _from_file(file) if file is not None else {}),
        ("environment", _from_environment(environment)),
        (by, {k: v for k, v in given.items() if v is not None}),
    ]
    for origin, layer in layers:
        for name, value in layer.items():
            values[name] = Value(_parsed(name, value, origin), origin)
    return Config(values)
