"""`mergus.model_function`: the public declaration that makes an artefact a SQL function.

A declaration is data: nothing is read and no framework is imported until rows arrive (or `check` is asked). The planner
hoists every call of it out of the SQL into an `infer` step, where a batch meets the model once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import UserError
from ..sql.functions import ModelCall, ModelInput, Overload, ScalarFunction
from ..sql.types import SqlType, arrow_type, parse_type
from .program import Tensor

Tensors = Mapping[str, "np.ndarray[Any, Any]"]
Prepare = Callable[..., Tensors]
Finish = Callable[[Tensors], "pa.Array | np.ndarray[Any, Any]"]
ByRow = Callable[[Tensors, int], Tensors]


@dataclass(frozen=True, eq=False)
class ModelFunction:
    """A SQL function whose answers come from a model. Two are equal only when they are the same object.

    `by_row`: what makes of a call's tensors, for so many rows, such as have a value a row, for a model that gives others.
    `before`: packed expressions (`packing.py`) that make what `prepare` is given of the arguments, `after`: those that make
    the answer of the struct that `finish` gives.

    `provider` and `options` choose and set the engine, `declared` are the tensors in and out for one whose artefact does
    not tell them; `cache_rows`: how many inputs are remembered, None for as many as the runtime says. `isolated`: in a process
    of its own, which is killed when a call takes longer than `timeout_ms`. `takes_null`: it is asked about rows with NULL, too,
    if they have any other input.
    Called from Python with a list or Arrow array an argument, it answers with an Arrow array; a row that fails raises.
    """

    name: str
    artefact: str | Path
    inputs: Mapping[str, SqlType]
    output: SqlType
    prepare: Prepare | None = None
    finish: Finish | None = None
    by_row: ByRow | None = None
    version: str | None = None
    sha256: str | None = None
    batch_sizes: tuple[int, ...] = ()
    description: str = ""
    examples: tuple[str, ...] = ()
    provider: str = "tensorflow"
    options: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None = None
    cache_rows: int | None = None
    isolated: bool = False
    timeout_ms: int | None = None
    takes_null: bool = False
    before: str | None = None
    after: str | None = None

    @cached_property
    def arrow_inputs(self) -> tuple[pa.DataType, ...]:
        """The Arrow type of each argument, in order."""
        return tuple(arrow_type(t) for t in self.inputs.values())

    @cached_property
    def arrow_output(self) -> pa.DataType:
        """The Arrow type of the result."""
        return arrow_type(self.output)

    def sql_function(self) -> ScalarFunction:
        """This model as an entry for the registry of SQL functions."""
        params = tuple(ModelInput(name.upper(), kind) for name, kind in self.inputs.items())
        overload = Overload(params, self.output, ModelCall(self))
        return ScalarFunction(
            self.name.upper(), (overload,), self.description, category="MODEL", examples=self.examples
        )

    def __call__(self, *args: Sequence[Any] | pa.Array) -> pa.Array:
        """The model's answers, one a row; runs on this process's shared runtime."""
        # Imported here because the runtime imports this module: a declaration must not need what runs it.
        from .runtime import shared_runtime

        columns = [
            a if isinstance(a, pa.Array) else pa.array(a, t) for a, t in zip(args, self.arrow_inputs, strict=True)
        ]
        result = shared_runtime().infer(self, columns)
        for row, reason in result.errors:
            raise UserError(f"{self.name}: row {row}: {reason}")
        return result.values


def model_function(
    name: str,
    *,
    artefact: str | Path,
    inputs: Mapping[str, str],
    output: str,
    prepare: Prepare | None = None,
    finish: Finish | None = None,
    version: str | None = None,
    sha256: str | None = None,
    batch_sizes: Sequence[int] = (),
    description: str = "",
    examples: Sequence[str] = (),
) -> ModelFunction:
    """Declare the SQL function `name`, computed by the model in `artefact`.

    `artefact`: a SavedModel folder, absolute or relative to the models that ship with Mergus. `inputs`: SQL type of each
    argument by name, in order; without `prepare` the names are the signature's tensors. `output`: the SQL type of the
    result. `prepare(*arrow_arrays)` gives the tensors by name for rows without NULLs; `finish(tensors)` gives the result,
    one value a row. Both must be pure: a row's answer may depend on that row only, since batches are cut anywhere and
    repeats are computed once. Functions that share an artefact and `prepare` share one model call. `version` names the
    version in results (default: the artefact's digest); `sha256`, when given, must be that digest. `batch_sizes`: the
    only row counts the model may be called with (it is padded up to one), for models that compile each shape anew.

    Raises ParseError for a type that is none, UserError for an empty `inputs` or a batch size below 1.
    """
    if not inputs:
        raise UserError(f"model function {name} has no inputs", hint="inputs={'text': 'STRING'}")
    if any(size < 1 for size in batch_sizes):
        raise UserError(f"model function {name}: batch sizes must be at least 1", detail=f"got {list(batch_sizes)}")
    return ModelFunction(
        name=name,
        artefact=artefact,
        inputs={k: parse_type(t) for k, t in inputs.items()},
        output=parse_type(output),
        prepare=prepare,
        finish=finish,
        version=version,
        sha256=sha256,
        batch_sizes=tuple(sorted(batch_sizes)),
        description=description,
        examples=tuple(examples),
    )
