"""SHOW MODELS, SHOW MODEL HISTORY, SHOW CREATE MODEL and DESCRIBE MODEL."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...inference.stats import ModelStats, Version, together
from ...inference.versions.moves import Taken, taken_effect
from ...inference.versions.registered import RegisteredModel
from ...plan.physical.calls import models_called
from ...plan.physical.steps import QueryPlan
from ...sql.catalog_models import ModelEntry, ModelVersion, columns_text
from ...sql.statements.model import DescribeModel
from ...sql.transform import INPUT, OUTPUT, kept_transforms
from ...sql.types import quote_if_needed
from ..results import Listing

if TYPE_CHECKING:
    from ..engine import Engine

_SHOWN = (
    ("Version", "version"),
    ("Aliases", "aliases"),
    ("Provider", "provider"),
    ("Loader", "loader"),
    ("Created", "created"),
    ("Size", "sizeBytes"),
    ("Load seconds", "loadSeconds"),
    ("Memory", "memoryBytes"),
    ("Rows", "rows"),
    ("Errors", "errors"),
    ("Hit rate", "hitRate"),
    ("Call ms", "callMs"),
    ("Model seconds", "modelSeconds"),
    ("Glue seconds", "glueSeconds"),
    ("Sha256", "sha256"),
)
"""DESCRIBE MODEL's columns, and where each comes from."""


def show_models(models: Mapping[str, ModelEntry], text: str) -> Listing:
    """SHOW MODELS."""
    found = [models[name] for name in sorted(models)]
    rows = tuple(
        (
            m.name,
            m.default.provider,
            m.default.signature,
            m.default.number,
            len(m.versions),
            ", ".join(f"{a}={n}" for a, n in sorted(m.aliases.items())),
        )
        for m in found
    )
    columns = ("Model Name", "Provider", "Signature", "Version", "Versions", "Aliases")
    names = ("name", "provider", "signature", "version", "versions", "aliases")
    return Listing(text, "models", {"models": [dict(zip(names, r, strict=True)) for r in rows]}, columns, rows)


def describe_model(statement: DescribeModel, text: str, engine: Engine) -> Listing:
    """The other three."""
    entry = engine.catalog.model(statement.name, statement.span)
    if statement.what == "HISTORY":
        return _history(entry, text, taken_effect(engine.folder.path / "state", entry.name))
    if statement.what == "CREATE":
        shown = create_text(entry.name, entry.default)
        return Listing(text, "model_statement", {"statement": shown}, ("Statement",), ((shown,),), shown)
    return _description(entry, text, together(engine.lifecycle.version_stats().values()))


def _description(entry: ModelEntry, text: str, done: Mapping[Version, ModelStats]) -> Listing:
    versions = [
        _version_shape(entry, v) | _done(done.get((entry.name, str(v.number)), ModelStats())) for v in entry.versions
    ]
    body: dict[str, Any] = {
        "name": entry.name,
        "inputs": [{"name": n, "type": str(t)} for n, t in entry.default.inputs],
        "outputs": [{"name": n, "type": str(t)} for n, t in entry.default.outputs],
        "returns": str(entry.default.output),
        "aliases": dict(entry.aliases),
        "split": None if entry.split is None else str(entry.split),
        "shadow": None if entry.shadow is None else str(entry.shadow),
        "canary": None if entry.canary is None else str(entry.canary),
        "monitor": None if entry.monitor is None else str(entry.monitor),
        "versions": versions,
    }
    rows = tuple(tuple(v[key] for _, key in _SHOWN) for v in versions)
    lines = [f"Model {entry.name} {entry.default.signature}"]
    lines += [f"{side} TRANSFORM ({kept})" for side, kept in kept_transforms(entry.default.record).items()]
    lines += [] if entry.split is None else [f"Split {entry.split}"]
    lines += [] if entry.shadow is None else [f"Shadow {entry.shadow}"]
    lines += [] if entry.canary is None else [f"Canary {entry.canary}"]
    lines += [] if entry.monitor is None else [f"Monitor {entry.monitor}"]
    return Listing(
        text,
        "modelDescription",
        {"modelDescription": body},
        tuple(title for title, _ in _SHOWN),
        rows,
        "\n".join(lines),
    )


def _version_shape(entry: ModelEntry, version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "aliases": ", ".join(entry.aliases_of(version.number)),
        "provider": version.provider,
        "loader": version.record.get("loader"),
        "created": _when(version.created_ms),
        "sizeBytes": version.size_bytes,
        "loadSeconds": version.record.get("load_seconds"),
        "sha256": version.sha256,
        "transforms": {side: str(kept) for side, kept in kept_transforms(version.record).items()},
    }


def _done(stats: ModelStats) -> dict[str, Any]:
    """What a version has done since the processes that run it were started."""
    return {
        "memoryBytes": stats.loaded_bytes,
        "rows": stats.rows,
        "errors": stats.errors,
        "hitRate": None if stats.hit_rate is None else round(stats.hit_rate, 4),
        "callMs": None if stats.call_ms is None else round(stats.call_ms, 3),
        "modelSeconds": round(stats.model_seconds, 3),
        "glueSeconds": round(stats.glue_seconds, 3),
    }


def _history(entry: ModelEntry, text: str, taken: Mapping[int, Taken]) -> Listing:
    """What has happened, and from which offset of which partition on each query has followed."""
    rows = tuple(
        (_when(e.time_ms), e.action, e.alias, e.version, e.reason, e.who, _places(taken.get(number, {})))
        for number, e in enumerate(entry.history, 1)
    )
    names = ("time", "action", "alias", "version", "reason", "who", "positions")
    history = [
        {**dict(zip(names, row, strict=True)), "positions": taken.get(number, {})} for number, row in enumerate(rows, 1)
    ]
    columns = ("Time", "Action", "Alias", "Version", "Reason", "Who", "Positions")
    return Listing(text, "model_history", {"name": entry.name, "history": history}, columns, rows)


def _places(taken: Taken) -> str:
    """Positions for people: `CSAS_O_0 from s[0] 12, s[1] 7; CSAS_P_3 from s[0] 4`."""
    return "; ".join(
        f"{query} from " + ", ".join(f"{t}[{p}] {at}" for t, parts in topics.items() for p, at in sorted(parts.items()))
        for query, topics in taken.items()
    )


def _when(time_ms: int) -> str:
    return datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC).isoformat(timespec="milliseconds")


def create_text(name: str, version: ModelVersion, *, again: bool = False) -> str:
    """The statement that would make a version again; with `again` whatever a watched folder or topic holds now."""
    record: Mapping[str, Any] = version.record
    watched, topic = record.get("watch"), record.get("topic")
    properties: list[tuple[str, Any]] = [
        ("PROVIDER", version.provider),
        *([("PATH", record["source"] if watched is None else watched)] if topic is None else [("TOPIC", topic)]),
        *([] if watched is None else [("WATCH", "true")]),
        *([] if again else [("SHA256", version.sha256)]),
        *((n.upper(), v) for n, v in record["options"].items()),
    ]
    if record["on_error"] != "null":
        properties.append(("ON_ERROR", record["on_error"]))
    if record.get("null_input") == "pass":
        properties.append(("NULL_INPUT", "pass"))
    if record.get("dead_letters"):
        properties.append(("DEAD_LETTERS", record["dead_letters"]))
    if record["batch_sizes"]:
        properties.append(("BATCH_SIZES", ",".join(map(str, record["batch_sizes"]))))
    if record.get("cache_rows") is not None:
        properties.append(("CACHE_ROWS", record["cache_rows"]))
    if record.get("self_test"):
        properties += [("SELF_TEST", json.dumps(record["self_test"])), ("TOLERANCE", record["tolerance"])]
    if record.get("timeout_ms") is not None:
        properties.append(("TIMEOUT_MS", record["timeout_ms"]))
    if record.get("isolated"):
        properties.append(("ISOLATED", "true"))
    if record.get("promote"):
        properties.append(("PROMOTE", "true"))
    kept = kept_transforms(record)
    before = f" TRANSFORM ({kept[INPUT]})" if INPUT in kept else ""
    outputs, after = (kept[OUTPUT].takes, f" TRANSFORM ({kept[OUTPUT]})") if OUTPUT in kept else (version.outputs, "")
    return (
        f"CREATE MODEL {quote_if_needed(name)} INPUT ({columns_text(version.inputs)}){before} "
        f"OUTPUT ({columns_text(outputs)}){after} WITH ({properties_text(properties)});"
    )


def properties_text(properties: Iterable[tuple[str, Any]]) -> str:
    """What stands between the parentheses of WITH."""
    named = [(f"'{name}'" if "." in name else name, str(value).replace("'", "''")) for name, value in properties]
    return ", ".join(f"{name} = '{value}'" for name, value in named)


def models_used(plans: Mapping[str, QueryPlan], name: str) -> tuple[tuple[str, str], ...]:
    """The queries that call a model, each with the reference it is called by."""
    found = []
    for query_id, plan in plans.items():
        models = [m for m in models_called(plan) if isinstance(m, RegisteredModel) and m.name == name]
        found += [(query_id, m.reference) for m in models]
    return tuple(dict.fromkeys(found))
