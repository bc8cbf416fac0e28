"""What follows from a statement about a model.

CREATE MODEL is kept in the command log with what was found out about the artefact, so that a restart needs neither the
artefact's source nor its engine, and gives the same catalog. Everything else replays as it was said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...errors import AnalysisError, Conflict, MergusError, Span, Unsupported
from ...inference.binding import Misfit
from ...inference.versions.registered import belongs_to, functions_of
from ...inference.versions.store import version_json, version_of_json
from ...sql.catalog_models import (
    DEFAULT_ALIAS,
    ModelEntry,
    ModelEvent,
    ModelVersion,
    Split,
    columns_text,
    dead_letter_columns,
)
from ...sql.functions import FunctionRegistry
from ...sql.statements.model import (
    CreateModel,
    DropAlias,
    DropModel,
    EndCanary,
    ModelStatement,
    ReplayDeadLetters,
    Rollback,
    SetAlias,
    SetCanary,
    SetMonitor,
    SetShadow,
    SetSplit,
)
from ...sql.statements.statement import Property
from ...sql.transform import INPUT, OUTPUT
from ...sql.types import quote_if_needed
from ...sql.typing.transform import typed
from ..models.properties import flag_of, text_of, wanted_of
from ..settings import USER
from .canary import end_canary, set_canary
from .change import Change, World
from .sources import planned_again
from .watch import filled_stream, set_monitor, set_shadow

RECORD = "mergus.model.record"
"""The note in the command log that holds a version."""
LARGE_BYTES = 100_000_000
"""An artefact beyond it is told of: it needs much memory, and is slow to load."""


def change_model(statement: ModelStatement, world: World) -> Change:
    """What follows from one of them; the history keeps who said it."""
    change, old = _change_model(statement, world), world.catalog.models.get(statement.name)
    entry, who = change.catalog.models.get(statement.name), world.settings.get(USER, "")
    if entry is None or entry is old or not who:
        return change
    known = 0 if old is None else len(old.history)
    events = tuple(replace(event, who=who) for event in entry.history[known:])
    catalog = change.catalog.copy()
    catalog.models[entry.name] = replace(entry, history=(*entry.history[:known], *events))
    return replace(change, catalog=catalog)


def _change_model(statement: ModelStatement, world: World) -> Change:
    match statement:
        case CreateModel():
            return _create(statement, world)
        case SetAlias():
            return _set_alias(statement, world)
        case DropAlias():
            return _drop_alias(statement, world)
        case Rollback():
            return _rollback(statement, world)
        case SetSplit():
            return _split(statement, world)
        case SetShadow():
            return _changed_with(*set_shadow(statement, world))
        case SetMonitor():
            return _changed_with(*set_monitor(statement, world))
        case SetCanary():
            old = world.catalog.model(statement.name, statement.span)
            entry, message = set_canary(statement, old, world)
            return _resplit(old, entry, message, world, statement.span)
        case ReplayDeadLetters():
            return _replay(statement, world)
        case EndCanary():
            entry, message = end_canary(statement, world.catalog.model(statement.name, statement.span), world)
            return _changed(world, entry, message, "alter")
        case DropModel():
            return _drop(statement, world)


def _entity(name: str, action: str) -> tuple[str, str, str]:
    return ("model", name, action)


def _changed(
    world: World, entry: ModelEntry, message: str, action: str, notes: Mapping[str, str] | None = None
) -> Change:
    catalog = world.catalog.copy()
    catalog.models[entry.name] = entry
    registry = _without(world.registry, entry.name)
    for function in functions_of(entry, "" if world.models is None else str(world.models.folder)):
        registry.add(function)
    return Change(message, catalog, registry, _entity(entry.name, action), notes=notes or {})


def _changed_with(below: Change, entry: ModelEntry, message: str, world: World) -> Change:
    """The model changed on top of another change: the stream that its watching fills."""
    made = _changed(replace(world, catalog=below.catalog), entry, message, "alter", below.notes)
    return replace(made, create_topics=below.create_topics, register=below.register)


def _without(registry: FunctionRegistry, model: str) -> FunctionRegistry:
    made = registry.copy()
    for name in [n for n in made.functions if belongs_to(n, model)]:
        del made.functions[name]
    return made


# ------------------------------------------------------------------------------------------------------------------ CREATE


def _create(statement: CreateModel, world: World) -> Change:
    old = world.catalog.models.get(statement.name)
    if old is not None and statement.if_not_exists:
        message = f"Model {statement.name} exists already."
        return Change(message, world.catalog, world.registry, _entity(statement.name, "create"), nothing=True)
    if old is not None and not statement.or_replace:
        raise Conflict(
            f"model {statement.name} exists already",
            hint="CREATE OR REPLACE MODEL adds a version to it",
            span=statement.span,
        )
    if old is None and world.registry.find(statement.name) is not None:
        raise Conflict(
            f"a function {statement.name} exists already, and a model is called like a function", span=statement.span
        )
    properties = {p.name: p for p in statement.properties}
    number = 1 if old is None else old.next_version
    version = _version(statement, properties, number, world)
    try:
        return _brought(statement, properties, version, world)
    except MergusError:
        if world.models is not None and not world.replaying:
            world.models.discard(statement.name, number)
        raise


def _brought(statement: CreateModel, properties: Mapping[str, Property], version: ModelVersion, world: World) -> Change:
    """What follows from a version whose artefact lies in the data folder."""
    old = world.catalog.models.get(statement.name)
    promote = flag_of(properties.get("PROMOTE"))
    reason = text_of(properties.get("REASON"))
    entry = _first(statement.name, version, reason) if old is None else _added(old, version, promote, reason, world)
    alias = ", ".join(entry.aliases_of(version.number)) or "no alias"
    message = f"Model {statement.name} version {version.number} created ({alias})"
    made = _changed(world, entry, message, "create", {RECORD: json.dumps(version_json(version), sort_keys=True)})
    if version.size_bytes > LARGE_BYTES:
        made = replace(
            made, warnings=(f"it is of {version.size_bytes / 1e6:.0f} MB, which each process that calls it holds",)
        )
    topic = version.record.get("dead_letters")
    if not topic:
        return made
    columns = dead_letter_columns(version.inputs)
    below = filled_stream(str(topic).upper(), str(topic), columns, replace(world, catalog=made.catalog))
    made = replace(made, catalog=below.catalog, create_topics=below.create_topics, register=below.register)
    return _with_plans(made, entry.name, world, statement.span)


def _with_plans(change: Change, model: str, world: World, span: Span | None, *, by_split: bool = False) -> Change:
    """The change, and the queries that call the model (`by_split`: without naming a version) planned again for it: they go
    on from where they stand."""
    world = replace(world, catalog=change.catalog, registry=change.registry)
    calls = world.models_used(model)
    used = list(dict.fromkeys(query_id for query_id, reference in calls if not (by_split and reference)))
    start = tuple(planned_again(query_id, world.plans[query_id], world, span) for query_id in used)
    return replace(change, start=start, terminate=tuple(used), kept=tuple(used))


def _first(name: str, version: ModelVersion, reason: str) -> ModelEntry:
    event = ModelEvent(version.created_ms, "CREATE", DEFAULT_ALIAS, version.number, reason)
    return ModelEntry(name, (version,), {DEFAULT_ALIAS: version.number}, version.number + 1, (event,))


def _added(old: ModelEntry, version: ModelVersion, promote: bool, reason: str, world: World) -> ModelEntry:
    if not world.replaying:
        _refuse_other_order(old, version)
    return old.with_version(version, promote=promote, reason=reason)


def _refuse_other_order(old: ModelEntry, version: ModelVersion) -> None:
    """Arguments go by their places: inputs that have changed places, as a signature that is read may have them, would be given
    each other's values."""
    names, known = ([name for name, _ in v.inputs] for v in (version, old.versions[0]))
    if names != known and sorted(names) == sorted(known):
        raise AnalysisError(
            f"model {old.name}: version {version.number} takes its inputs in another order",
            detail=f"it is {', '.join(names)}, the others are {', '.join(known)}",
            hint=f"INPUT ({columns_text(old.versions[0].inputs)}) says which is which, whatever the artefact's order",
        )


def _version(statement: CreateModel, properties: dict[str, Property], number: int, world: World) -> ModelVersion:
    transforms = {
        side: typed(items, columns, world.registry)
        for side, items, columns in (
            (INPUT, statement.before, statement.inputs),
            (OUTPUT, statement.after, statement.outputs),
        )
        if items and columns is not None
    }
    if world.replaying and RECORD in world.settings:
        return replace(version_of_json(json.loads(world.settings[RECORD])), transforms=transforms)
    wanted = wanted_of(statement, properties, transforms)
    if world.models is None:
        raise Unsupported("CREATE MODEL needs a server's data folder", hint="run it on a server or by mergus.connect()")
    try:
        return world.models.bring(wanted, number, world.now_ms)
    except Misfit as error:
        error.span = next((item.span for item in statement.before if item.name == error.column), None)
        raise


# ------------------------------------------------------------------------------------------------------------------- ALTER


def _set_alias(statement: SetAlias, world: World) -> Change:
    entry = world.catalog.model(statement.name, statement.span)
    version = entry.version(statement.version, statement.span)
    if entry.aliases.get(statement.alias) == version.number:
        message = f"Alias {statement.alias} of model {entry.name} is version {version.number} already."
        return Change(message, world.catalog, world.registry, _entity(entry.name, "alter"), nothing=True)
    return _moved(entry, statement.alias, version, "SET ALIAS", statement.reason, world)


def _drop_alias(statement: DropAlias, world: World) -> Change:
    entry = world.catalog.model(statement.name, statement.span)
    made = entry.without_alias(statement.alias, world.now_ms, statement.reason, statement.span)
    shown = f"{entry.name}@{statement.alias}"
    _refuse_used(
        shown, [query for query, ref in world.models_used(entry.name) if ref == f"@{statement.alias}"], statement.span
    )
    return _changed(world, made, f"Alias {statement.alias} of model {entry.name} dropped", "alter")


def _rollback(statement: Rollback, world: World) -> Change:
    entry = world.catalog.model(statement.name, statement.span)
    alias = statement.alias or DEFAULT_ALIAS
    entry.alias(alias, statement.span)
    version = entry.version(entry.before(alias, statement.span))
    return _moved(entry, alias, version, "ROLLBACK", statement.reason, world)


def _moved(entry: ModelEntry, alias: str, version: ModelVersion, action: str, reason: str, world: World) -> Change:
    """An alias points at another version, which has just been loaded and tested again."""
    if world.models is not None and not world.replaying:
        world.models.check(entry.name, version)
    made = entry.with_alias(alias, version.number, world.now_ms, action=action, reason=reason)
    message = f"Alias {alias} of model {entry.name} is version {version.number} now"
    return _changed(world, made, message, "alter")


def _split(statement: SetSplit, world: World) -> Change:
    entry = world.catalog.model(statement.name, statement.span)
    for alias, _ in statement.arms:
        entry.alias(alias, statement.span)
    if entry.canary is not None and not world.replaying:
        raise Conflict(
            f"model {entry.name} has a canary, which is its split: {entry.canary}",
            hint=f"ALTER MODEL {quote_if_needed(entry.name)} END CANARY ROLLBACK",
            span=statement.span,
        )
    split = Split(statement.arms, statement.by, statement.salt) if statement.arms else None
    event = ModelEvent(
        world.now_ms, "SET SPLIT" if split else "RESET SPLIT", reason="" if split is None else str(split)
    )
    made = replace(entry, split=split, canary=None, history=(*entry.history, event))
    message = f"Model {entry.name} is split {split} now" if split else f"Model {entry.name} is not split any more"
    return _resplit(entry, made, message, world, statement.span)


def _resplit(old: ModelEntry, entry: ModelEntry, message: str, world: World, span: Span | None) -> Change:
    """The model with another split; queries that call it by the split begin to read the columns that it is by."""
    made = _changed(world, entry, message, "alter")
    new = set(entry.split_keys) - set(old.split_keys)
    return _with_plans(made, entry.name, world, span, by_split=True) if new else made


REPLAYED = "mergus.model.replayed"
"""The note in the command log that holds what came again."""


def _replay(statement: ReplayDeadLetters, world: World) -> Change:
    entry = world.catalog.model(statement.name, statement.span)
    if not any(v.record.get("dead_letters") for v in entry.versions):
        raise AnalysisError(
            f"model {entry.name} keeps nothing that it fails on", hint="ON_ERROR = 'dlq'", span=statement.span
        )
    if world.replaying and REPLAYED in world.settings:
        brought = world.settings[REPLAYED]
    elif world.bring_again is not None:
        brought = str(world.bring_again(entry))
    else:
        raise Unsupported("REPLAY DEAD LETTERS needs a server's topics", span=statement.span)
    reason = f"{brought}: {statement.reason}" if statement.reason else brought
    made = replace(entry, history=(*entry.history, ModelEvent(world.now_ms, "REPLAY DEAD LETTERS", reason=reason)))
    return _changed(world, made, f"Model {entry.name}: {brought}", "alter", {REPLAYED: brought})


# -------------------------------------------------------------------------------------------------------------------- DROP


def _drop(statement: DropModel, world: World) -> Change:
    entry = world.catalog.models.get(statement.name)
    there = entry is not None and statement.version in (None, *(v.number for v in entry.versions))
    if not there and statement.if_exists:
        what = "" if entry is None else f"Version {statement.version} of model "
        message = f"{what or 'Model '}{statement.name} does not exist."
        return Change(message, world.catalog, world.registry, _entity(statement.name, "drop"), nothing=True)
    entry = world.catalog.model(statement.name, statement.span)
    used = world.models_used(entry.name)
    if statement.version is not None:
        return _drop_version(entry, statement.version, used, statement.span, world)
    _refuse_used(entry.name, [query for query, _ in used], statement.span)
    catalog = world.catalog.copy()
    del catalog.models[entry.name]
    registry = _without(world.registry, entry.name)
    return Change(f"Model {entry.name} dropped", catalog, registry, _entity(entry.name, "drop"))


def _drop_version(
    entry: ModelEntry, number: int, used: Iterable[tuple[str, str]], span: Span | None, world: World
) -> Change:
    entry.version(number, span)
    aliases = entry.aliases_of(number)
    if aliases:
        raise Conflict(
            f"version {number} of model {entry.name} is {', '.join(aliases)}",
            hint=f"first ALTER MODEL {quote_if_needed(entry.name)} SET ALIAS {aliases[0]} = …, or DROP ALIAS",
            span=span,
        )
    _refuse_used(f"{entry.name}${number}", [query for query, ref in used if ref == f"${number}"], span)
    made = entry.without(number, world.now_ms)
    return _changed(world, made, f"Version {number} of model {entry.name} dropped", "drop")


def _refuse_used(shown: str, queries: list[str], span: Any) -> None:
    if queries:
        raise Conflict(
            f"model {shown} is in use",
            detail=f"by {', '.join(queries)}",
            hint="TERMINATE those queries first",
            span=span,
        )
