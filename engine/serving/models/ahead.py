"""Versions that are going to answer, loaded first where their models are used: a row waits for no model to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...inference.versions.routes import NumberedVersion, route_of
from ...sql.catalog_models import DEFAULT_ALIAS, ModelEntry
from ..describe.models import models_used

if TYPE_CHECKING:
    from ..engine import Engine


def load_ahead(engine: Engine, models: Mapping[str, ModelEntry]) -> None:
    """Have what `models` would let answer, and those of now do not, in memory in every host that uses its model, with the first
    calls made. Raises UserError or EnvironmentFault where a version cannot be loaded: nothing has changed then."""
    for name, entry in models.items():
        now = engine.catalog.models.get(name)
        if now is None or now is entry:
            continue
        called = {reference[1:] for _, reference in models_used(engine.plans, name) if reference.startswith("@")}
        for number in sorted(_answering(entry, called) - _answering(now, called)):
            route = route_of(name, entry.version(number))
            engine.lifecycle.load_ahead(NumberedVersion(name, str(engine.models.folder), str(number), route))


def _answering(entry: ModelEntry, called: set[str]) -> set[int]:
    """The versions that rows may be answered by, of the aliases that are `called`, and of calls that name none."""
    arms = {alias for alias, _ in entry.split.arms} if entry.split else {DEFAULT_ALIAS}
    return {entry.aliases[alias] for alias in arms | called if alias in entry.aliases}
