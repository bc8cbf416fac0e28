"""A model of the registry as SQL calls it: `m(…)`, `m@alias(…)`, `m$3(…)` and MODEL_VERSION of each.

It names the model and how a version is chosen, never the version itself: that is looked up batch by batch (`routing.py`),
so that an alias moves under a query that runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from ...sql.call_settings import NO_SETTINGS, CallSettings
from ...sql.catalog_models import ModelEntry, call_type
from ...sql.functions import Generic, ModelCall, ModelInput, Overload, ParamType, ScalarFunction
from ...sql.types import INTEGER, SqlType, arrow_type

HIDDEN = ("@", "$", "#")
"""What stands in the names of functions that are ways to call another."""


@dataclass(frozen=True)
class RegisteredModel:
    """`folder`: the data folder's `models`. `reference`: `@ALIAS`, `$3`, or empty for the split or the champion.
    `wants_version`: the call answers the version's number and runs nothing. `keys`: columns whose values come behind the
    inputs' for the split alone. `outputs`: the columns of the answer; `settings`: what this call says otherwise than the
    version, and `reshaped` that its answer is of another type for them."""

    name: str
    folder: str
    reference: str
    inputs: tuple[tuple[str, SqlType], ...]
    output: SqlType
    wants_version: bool = False
    keys: tuple[str, ...] = ()
    outputs: tuple[tuple[str, SqlType], ...] = ()
    settings: CallSettings = NO_SETTINGS
    reshaped: bool = False

    def called_with(self, settings: CallSettings) -> RegisteredModel:
        """The same model, called with settings."""
        output = self.output
        if settings.on_error is not None:
            output = call_type(self.outputs, with_error=settings.on_error == "error_column")
        return replace(self, output=output, settings=settings, reshaped=output != self.output)

    @property
    def arrow_inputs(self) -> tuple[pa.DataType, ...]:
        """The Arrow type of each argument, in order."""
        return tuple(arrow_type(t) for _, t in self.inputs)

    @property
    def arrow_output(self) -> pa.DataType:
        """The Arrow type of the answer."""
        return arrow_type(self.output)

    @property
    def label(self) -> str:
        """`M@CHAMPION`."""
        return self.name + self.reference


def functions_of(entry: ModelEntry, folder: str) -> list[ScalarFunction]:
    """Every way to call a model, as entries for the registry of SQL functions."""
    references = ["", *(f"@{alias}" for alias in entry.aliases), *(f"${v.number}" for v in entry.versions)]
    return [f for reference in references for f in _functions(entry, folder, reference)]


def _functions(entry: ModelEntry, folder: str, reference: str) -> list[ScalarFunction]:
    version = entry.default
    keeps = any(v.record.get("on_error") == "dlq" for v in entry.versions)
    made = []
    for suffix, output, wants_version in (("", version.output, False), ("#VERSION", INTEGER, True)):
        keys = () if reference else entry.split_keys
        model = RegisteredModel(
            entry.name, folder, reference, version.inputs, output, wants_version, keys, version.outputs
        )
        params: list[ParamType] = [ModelInput(n, t) for n, t in version.inputs]
        params += [Generic(f"K{i}") for i in range(len(keys))]
        overload = Overload(tuple(params), output, ModelCall(model, keeps, keys))
        name = f"{entry.name}{reference}{suffix}"
        made.append(ScalarFunction(name, (overload,), f"Model {entry.name}.", category="MODEL", author="model"))
    return made


def belongs_to(function: str, model: str) -> bool:
    """Whether a function's name is one of a model's: functions are found in any case."""
    called = model.upper()
    return function == called or (function.startswith(called) and function[len(called)] in HIDDEN)
