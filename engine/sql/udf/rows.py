"""A user's Python functions as the engine's: row-at-a-time functions over Arrow columns, and aggregates over stored states.

Row by row because that is what the user wrote: about a microsecond a row. What is called for every row should be
`@udf(vectorized=True)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from ..functions import ArrowFunction
from ..types import SqlType
from .types import from_python, is_complete, rows_of, to_arrow, to_python
from .waiting import Waiting, waits

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def scalar_implementation(
    name: str,
    function: Callable[..., Any],
    takes_null: Sequence[bool],
    *,
    volatile: bool,
    waiting: Mapping[str, Any] = _NOTHING,
) -> ArrowFunction:
    """`function` called once a row; a NULL where a parameter does not take one makes the result NULL. `waiting`: what
    `Waiting` is told, of an `async def`."""
    once = not volatile
    return ArrowFunction(
        name,
        Waiting(function, takes_null, once=once, **waiting) if waits(function) else _RowByRow(function, takes_null),
        null_in_null_out=not any(takes_null),
        volatile=volatile,
        row_at_a_time=True,
        typed=True,
    )


def table_implementation(
    name: str, function: Callable[..., Any], takes_null: Sequence[bool], *, waiting: Mapping[str, Any] = _NOTHING
) -> ArrowFunction:
    """`function` called once a row; what it gives or yields is the row's list."""
    made = Waiting(function, takes_null, **waiting) if waits(function) else None
    return ArrowFunction(
        name,
        made or _RowByRow(lambda *args: list(function(*args)), takes_null),
        null_in_null_out=not any(takes_null),
        row_at_a_time=True,
        typed=True,
    )


class _RowByRow:
    """Calls a function for each row of its columns."""

    def __init__(self, function: Callable[..., Any], takes_null: Sequence[bool]) -> None:
        self.function = function
        self.takes_null = tuple(takes_null)

    def __call__(self, *columns: Any, types: Sequence[SqlType], result: SqlType) -> pa.Array:
        rows = rows_of(columns, types)
        if not any(self.takes_null):
            return to_arrow([self.function(*row) for row in rows], result)
        nulls = self.takes_null
        return to_arrow([self.function(*row) if is_complete(row, nulls) else None for row in rows], result)


def vectorized_implementation(
    name: str, function: Callable[..., Any], *, skip_null: bool, volatile: bool
) -> ArrowFunction:
    """A function over whole Arrow arrays, as the user wrote it."""
    return ArrowFunction(name, function, null_in_null_out=skip_null, volatile=volatile, users=True)


class StoredAggregator:
    """A user's aggregate over states as they are stored: converts values and states at its edge."""

    def __init__(
        self,
        aggregator: Any,
        types: Sequence[SqlType],
        state_type: SqlType,
        result: SqlType,
        takes_null: Sequence[bool] = (),
    ) -> None:
        self.aggregator = aggregator
        self._takes_null = tuple(takes_null) or (False,)
        self.state_type = state_type
        self._values = [to_python(t) for t in types]
        self._load, self._store = to_python(state_type), from_python(state_type)
        self._result = from_python(result)
        parameters = inspect.signature(aggregator.aggregate).parameters.values()
        self._state_by_name = next((p.name for p in parameters if p.kind is p.KEYWORD_ONLY), None)

    def initialize(self) -> Any:
        """A fresh state."""
        return self._stored(self.aggregator.initialize())

    def aggregate(self, value: Any, state: Any) -> Any:
        """The state after one more row; a row with a NULL that the aggregate does not take leaves it as it is."""
        arguments = self._arguments(value)
        if not is_complete(arguments, self._takes_null):
            return state
        return self._called(self.aggregator.aggregate, arguments, state)

    def merge(self, left: Any, right: Any) -> Any:
        """One state of two, `left` the earlier."""
        return self._stored(self.aggregator.merge(self._loaded(left), self._loaded(right)))

    def map(self, state: Any) -> Any:
        """The result."""
        found = self.aggregator.map(self._loaded(state))
        return found if self._result is None else self._result(found)

    @property
    def can_undo(self) -> bool:
        """Whether the user's aggregate has `undo`."""
        return hasattr(self.aggregator, "undo")

    def undo(self, value: Any, state: Any) -> Any:
        """The state without a row that it had."""
        arguments = self._arguments(value)
        if not is_complete(arguments, self._takes_null):
            return state
        return self._called(self.aggregator.undo, arguments, state)

    def _called(self, method: Callable[..., Any], arguments: Sequence[Any], state: Any) -> Any:
        """A state may only follow a parameter that repeats by its name."""
        loaded = self._loaded(state)
        if self._state_by_name is None:
            return self._stored(method(*arguments, loaded))
        return self._stored(method(*arguments, **{self._state_by_name: loaded}))

    def _arguments(self, value: Any) -> list[Any]:
        given = value if len(self._values) > 1 else (value,)
        return [v if convert is None else convert(v) for v, convert in zip(given, self._values, strict=True)]

    def _loaded(self, state: Any) -> Any:
        return state if self._load is None else self._load(state)

    def _stored(self, state: Any) -> Any:
        return state if self._store is None else self._store(state)
