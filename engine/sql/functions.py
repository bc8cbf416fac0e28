"""What a function is: scalar, aggregate and table functions, their overloads, and how each is evaluated.

An implementation is one of four kinds, in order of preference: a DuckDB SQL template; a vectorised function over Arrow
arrays, which DuckDB calls; a row-at-a-time Python function (wrapped into the former); a model, which the planner hoists
out of the SQL into an `infer` step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from ..errors import Conflict
from .call_settings import split_name
from .synonyms import SYNONYMS
from .types import SqlType


@dataclass(frozen=True)
class Generic:
    """A type variable in a signature, bound by the first argument that meets it: `Generic('T')`."""

    name: str


@dataclass(frozen=True)
class LambdaParam:
    """A parameter that takes a lambda: of which argument types, and what its body must return."""

    inputs: tuple[ParamType, ...]
    returns: ParamType


@dataclass(frozen=True)
class ListOf:
    """ARRAY<item> in a signature, where item may be generic."""

    item: ParamType


@dataclass(frozen=True)
class MapOf:
    """MAP<key, value> in a signature, where either may be generic."""

    key: ParamType
    value: ParamType


@dataclass(frozen=True)
class Matching:
    """Any type that `accepts` takes, unchanged: `DECIMAL` of any digits, `STRUCT` of any fields. `name` is for people."""

    name: str
    accepts: Callable[[SqlType], bool]


@dataclass(frozen=True)
class ModelInput:
    """An input of a model: numbers of more digits than its tensor has are rounded, as where a column is fed to it."""

    name: str
    type: SqlType


ParamType = SqlType | Generic | LambdaParam | ListOf | MapOf | Matching | ModelInput
ReturnRule = ParamType | Callable[[Sequence[SqlType]], SqlType]


@dataclass(frozen=True)
class SqlTemplate:
    """DuckDB SQL. `render` gets the arguments' SQL texts, their types and the result's, and gives the call's text. It
    must raise (in DuckDB) where ksqlDB raises, so that TRY finds the row."""

    render: Callable[[Sequence[str], Sequence[SqlType], SqlType], str]


@dataclass(frozen=True)
class ArrowFunction:
    """A vectorised function: Arrow arrays of equal length in, one of the result's Arrow type out; an exception spoils
    the chunk, which is then run again row by row. `null_in_null_out`: rows with a NULL argument are not given to it.
    `typed`: `evaluate` also gets `types` (of the arguments) and `result`, the SQL types of this call. Without arguments
    it gets the number of rows. `users`: it does not ship with the engine, so that its query runs apart."""

    name: str
    evaluate: Callable[..., pa.Array]
    null_in_null_out: bool = True
    volatile: bool = False
    row_at_a_time: bool = False
    typed: bool = False
    users: bool = False


@dataclass(frozen=True)
class ModelCall:
    """A model's call, which the planner hoists into an `infer` step; `model` is inference's ModelFunction. `keeps_failed`:
    rows that it fails on are kept in a topic, to be brought back. `keys`: columns of the rows that the call takes behind its
    arguments, without being given them."""

    model: Any
    keeps_failed: bool = False
    keys: tuple[str, ...] = ()


Implementation = SqlTemplate | ArrowFunction | ModelCall


@dataclass(frozen=True)
class Overload:
    """One signature. `variadic`: the last parameter repeats, zero times or more. `refuses`: why it does not take columns of
    these types together although each fits (None: it takes them)."""

    params: tuple[ParamType, ...]
    returns: ReturnRule
    implementation: Implementation
    variadic: bool = False
    refuses: Callable[[Sequence[SqlType]], str | None] | None = None


@dataclass(frozen=True)
class ScalarFunction:
    """A scalar function with its overloads, and what DESCRIBE FUNCTION says of it."""

    name: str
    overloads: tuple[Overload, ...]
    description: str = ""
    category: str = "OTHER"
    examples: tuple[str, ...] = ()
    author: str = "Mergus"
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class StateColumn:
    """One column of an aggregate's state. SQL texts with placeholders: `partial` aggregates the batch's rows ({0}, {1} …
    the arguments, {seq} the order) inside a GROUP BY and is a complete state for a key not seen before; `merge` combines
    the stored state {s} with the batch's {b}. In `merge` other state columns of the same aggregate are {s0} {b0} …
    `arrived`: SQL for the greatest {seq} that the state {s} holds, where it holds them. `former`: the DuckDB type that an
    earlier version kept it as, and SQL that makes it of that."""

    duckdb_type: str
    partial: str
    merge: str
    arrived: str = ""
    former: tuple[str, str] | None = None


@dataclass(frozen=True)
class AggregateSpec:
    """An aggregate resolved for its argument types: state, and `final`, SQL over the state columns {0}, {1} …
    `undo` (part 3): one SQL text a state column over {s} and {b}, or None where a table's change cannot be taken back.
    `overflow`: what is told where `final` is NULL, which it is only where the result does not fit: a text with {value}, the
    first state column's, and {group}. `of_sessions`: what it is in SESSION windows, where that is something else: of two states
    that are merged there neither has all its rows before the other's."""

    state: tuple[StateColumn, ...]
    final: str
    type: SqlType
    undo: tuple[str, ...] | None = None
    overflow: str = ""
    of_sessions: AggregateSpec | None = None

    @property
    def can_undo(self) -> bool:
        """Whether a row can be taken back."""
        return self.undo is not None


class PythonAggregator(Protocol):
    """A user's aggregate: pure functions over a state that is stored as Arrow (its type is `state_type`)."""

    state_type: SqlType

    def initialize(self) -> Any:
        """A fresh state."""
        ...

    def aggregate(self, value: Any, state: Any) -> Any:
        """The state after one more row (`value` is a tuple when there are several arguments)."""
        ...

    def merge(self, left: Any, right: Any) -> Any:
        """One state of two."""
        ...

    def map(self, state: Any) -> Any:
        """The result."""
        ...

    @property
    def can_undo(self) -> bool:
        """Whether it can take a row back."""
        ...

    def undo(self, value: Any, state: Any) -> Any:
        """The state without a row that it was given; called only where `can_undo`."""
        ...


@dataclass(frozen=True)
class PythonAggregate:
    """A user's aggregate resolved for its argument types."""

    aggregator: PythonAggregator
    type: SqlType

    @property
    def can_undo(self) -> bool:
        """Whether a row can be taken back."""
        return self.aggregator.can_undo


@dataclass(frozen=True)
class AggregateOverload:
    """One signature; `constants`: how many trailing parameters must be literals (TOPK's k), which `resolve` gets as values.
    `repeats`: which parameter repeats where `variadic`; it need not be the last one here."""

    params: tuple[ParamType, ...]
    resolve: Callable[[Sequence[SqlType], Sequence[Any]], AggregateSpec | PythonAggregate]
    constants: int = 0
    variadic: bool = False
    repeats: int = -1

    def constants_of(self, arguments: int) -> int:
        """How many of so many arguments are constants."""
        more = arguments - len(self.params)
        last = self.repeats % len(self.params) if self.params else 0
        return self.constants + (more if self.variadic and last >= len(self.params) - self.constants else 0)


@dataclass(frozen=True)
class AggregateFunction:
    """An aggregate function with its overloads."""

    name: str
    overloads: tuple[AggregateOverload, ...]
    description: str = ""
    category: str = "AGGREGATE"
    examples: tuple[str, ...] = ()
    author: str = "Mergus"
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableOverload:
    """One signature of a table function; the implementation gives a list per row, which is unnested; `returns` is the
    item's type. NULL or an empty list gives no rows."""

    params: tuple[ParamType, ...]
    returns: ReturnRule
    implementation: Implementation
    variadic: bool = False


@dataclass(frozen=True)
class TableFunction:
    """A table function (EXPLODE …) with its overloads."""

    name: str
    overloads: tuple[TableOverload, ...]
    description: str = ""
    category: str = "TABLE"
    examples: tuple[str, ...] = ()
    author: str = "Mergus"
    packages: tuple[str, ...] = ()


Function = ScalarFunction | AggregateFunction | TableFunction


@dataclass
class FunctionRegistry:
    """Functions by upper-case name. A user's function may not hide one that ships unless `replace`."""

    functions: dict[str, Function] = field(default_factory=dict)

    def add(self, function: Function, *, replace: bool = False) -> None:
        """Register; raises Conflict when the name is taken and not `replace`."""
        name = function.name.upper()
        if name in self.functions and not replace:
            raise Conflict(f"function {name} exists already", hint="use CREATE OR REPLACE FUNCTION")
        self.functions[name] = function

    def find(self, name: str) -> Function | None:
        """The function of that name (any case), or None. A model's may have the settings of a call behind it."""
        found = self.functions.get(name.upper())
        return self._set(name.upper()) if found is None and "#" in name else found

    def called(self, name: str) -> Function | None:
        """The function that a call of that name means: it may have another name in other systems."""
        return self.find(name) or self.find(SYNONYMS.get(name.upper(), ""))

    def _set(self, name: str) -> Function | None:
        """The function of a registered model as a call with settings calls it."""
        base, settings = split_name(name)
        function = self.functions.get(base)
        if not settings or not isinstance(function, ScalarFunction):
            return None
        (overload,) = function.overloads
        call = overload.implementation
        assert isinstance(call, ModelCall)  # nothing else is called with settings
        model = call.model.called_with(settings)
        call = replace(call, model=model, keeps_failed=call.keeps_failed and settings.on_error is None)
        return replace(function, name=name, overloads=(replace(overload, returns=model.output, implementation=call),))

    def copy(self) -> FunctionRegistry:
        """A registry of its own with the same functions."""
        return FunctionRegistry(dict(self.functions))
