"""The result of a user's aggregate as SQL over its state: for who reads the state, as pull queries and EMIT FINAL do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ...sql.compile.python import Bound, bound_name
from ...sql.functions import ArrowFunction, PythonAggregate, PythonAggregator
from ...sql.types import SqlType, arrow_type


@dataclass(frozen=True)
class _Mapped:
    """A value, so that the same aggregate is the same function to DuckDB."""

    aggregator: PythonAggregator
    type: SqlType

    def __call__(self, states: pa.Array) -> pa.Array:
        return pa.array([self._result(state) for state in states.to_pylist()], arrow_type(self.type))

    def _result(self, state: Any) -> Any:
        try:
            return self.aggregator.map(state)
        except Exception:  # noqa: BLE001 - it was told when the row was made that changed the state
            return None


def result_of(name: str, spec: PythonAggregate) -> Bound:
    """The function that gives an aggregate's result of its state."""
    made = _Mapped(spec.aggregator, spec.type)
    function = ArrowFunction(f"{name}_result", made, null_in_null_out=False, row_at_a_time=True, users=True)
    types = (spec.aggregator.state_type,)
    return Bound(bound_name(function, types, spec.type), function, types, spec.type)
