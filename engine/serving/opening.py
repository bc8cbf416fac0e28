"""From settings to the parts of an engine: topics, functions, hosts, what is allowed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..config import Config, usable_cores
from ..errors import MergusError, UserError
from ..inference.versions.store import ModelStore
from ..io.embedded.keeper import TopicsKeeper
from ..io.embedded.store import Durability
from ..io.embedded.topics import EmbeddedTopics
from ..io.files import FileSource
from ..io.kafka.topics import KafkaTopics
from ..io.topics import Topics
from ..runtime.data_folder import DataFolder
from ..runtime.hosts.host import HostSettings
from ..runtime.hosts.lifecycle import RunSettings
from ..sql.builtin.registry import default_registry
from ..sql.catalog import FileOptions
from ..sql.functions import FunctionRegistry
from ..sql.schema import ColumnDef
from ..sql.udf.load import add_functions, shipped_functions, trusted
from ..state.duckdb import connect_to_files

log = logging.getLogger("mergus.engine")
_DURABILITIES: dict[str, Durability] = {"normal": "process", "full": "power"}


def durability(config: Config) -> Durability:
    """What embedded topics survive."""
    chosen = _DURABILITIES.get(config["topic.sync"])
    if chosen is None:
        raise UserError(f'setting "topic.sync" is normal or full, not {config["topic.sync"]}')
    return chosen


def topics(config: Config, folder: Path, clock: Clock, owner: str = "mergus") -> Topics:
    """The topics that the settings name: on Kafka, where transactional ids begin with `owner`, or embedded in the data folder."""
    if config["kafka.bootstrap"] is not None:
        return KafkaTopics(config["kafka.bootstrap"], config.kafka(), owner)
    return EmbeddedTopics(folder / "topics", clock=clock, durability=durability(config))


def topics_keeper(config: Config, topics: Topics) -> TopicsKeeper:
    """What cleans embedded topics; Kafka's brokers do that themselves."""
    return TopicsKeeper(
        topics if isinstance(topics, EmbeddedTopics) else None,
        retention_every_ms=config["topic.retention.check.ms"],
        compaction_every_ms=config["topic.compaction.check.ms"],
    )


def schema_registry(config: Config, folder: Path) -> str:
    """Where schemas lie: the registry that the settings name, else the engine's own in the data folder."""
    url = config["schema.registry.url"]
    return f"embedded:{folder / 'schemas.db'}" if url is None else str(url)


def registry(config: Config) -> FunctionRegistry:
    """All functions that ship, and those of the user's folder."""
    made = default_registry()
    for function in shipped_functions():
        made.add(trusted(function))
    folder = functions_folder(config)
    if folder is not None:
        add_functions(made, folder)
    return made


def functions_folder(config: Config) -> Path | None:
    """The user's folder of functions."""
    if config["functions"] is None:
        return None
    folder = Path(config["functions"])
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", detail='the setting "functions" names it')
    return folder


def _cores(config: Config) -> int:
    return config["threads"] or usable_cores()


def host_settings(config: Config, folder: DataFolder) -> HostSettings:
    """What every host process is told. Each uses one thread for DuckDB and for one call of a model: hosts, workers and calls side
    by side are the parallelism."""
    return HostSettings(
        data=folder.path,
        kafka=config["kafka.bootstrap"],
        kafka_settings=config.kafka(),
        server_id=folder.server_id,
        durability=durability(config),
        memory_mb=max(128, config["memory.mb"] // max(2, _cores(config))),
        threads=1,
        cores=_cores(config),
        idle_park_ms=config["idle.park.ms"],
        files_allowed=allowed_folders(config),
    )


def run_settings(config: Config, in_process: bool) -> RunSettings:
    """How queries run unless a statement says otherwise."""
    return RunSettings(
        workers=config["workers"],
        processes=1 if in_process else config["processes"],
        epoch_ms=config["epoch.ms"],
        rows_max=config["batch.rows.max"],
        bytes_max=config["inflight.bytes.max"],
        in_process=in_process,
    )


def is_loopback(config: Config) -> bool:
    """Whether only this machine can reach the HTTP interface."""
    host = str(config["listen"]).rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


def inline_functions(config: Config) -> bool:
    """Whether CREATE FUNCTION … AS may be used: as set, else on loopback only (it runs any Python)."""
    chosen = config["functions.inline"]
    return is_loopback(config) if chosen is None else bool(chosen)


def allowed_folders(config: Config) -> tuple[Path, ...] | None:
    """The folders that files may be read from; None: any."""
    chosen = config["files.allowed"]
    if chosen is None:
        return None if is_loopback(config) else ()
    return tuple(Path(part) for part in str(chosen).split(":") if part)


def models(config: Config, folder: DataFolder, topics: Topics) -> ModelStore:
    """Where the models that statements bring are kept."""
    allowed = allowed_folders(config)
    return ModelStore(folder.models.resolve(), allowed=allowed, code=inline_functions(config), topics=topics)


def file_source(config: Config, file: FileOptions) -> FileSource:
    """The files of a stream, checked against what is allowed."""
    options = {name.lower(): value for name, value in file.options.items()}
    return FileSource(file.path, file.format, options, allowed=allowed_folders(config))


def inferred_columns(config: Config, file: FileOptions) -> list[ColumnDef]:
    """The columns of a stream of files, as the files have them."""
    source = file_source(config, file)
    with connect_to_files(source.files) as connection:
        return [ColumnDef(name, sql_type) for name, sql_type in source.schema(connection)]


@cache
def _release() -> str:
    """The version that is installed."""
    try:
        return version("mergus")
    except PackageNotFoundError:
        return "source"


def info(config: Config) -> dict[str, Any]:
    """What /info answers, in ksqlDB's names."""
    cluster = "embedded" if config["kafka.bootstrap"] is None else "kafka"
    server = {"version": _release(), "kafkaClusterId": cluster, "ksqlServiceId": "mergus_", "serverStatus": "RUNNING"}
    return {"KsqlServerInfo": server}


def reached(ask: Callable[[], object]) -> bool:
    """Whether what is asked answers; the log says why it does not."""
    try:
        ask()
    except MergusError as error:
        log.warning("not healthy: %s", error.message)
        return False
    return True
