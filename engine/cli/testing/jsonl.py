"""`mergus test --jsonl`: test cases as data, a case a line in, an answer a line out.

    in   {"id", "statements", "topics", "inputs", "properties"}
    out  {"id", "error", "kind", "outputs": [record, …], "sources": [{"name", "type", "schema"}, …]}

One DuckDB serves all cases: an instance a case would cost more than the case.
"""

from __future__ import annotations

import base64
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import duckdb

from ...errors import MergusError, UserError
from ...sql.builtin.registry import default_registry
from ...sql.functions import FunctionRegistry
from ...state.duckdb import connect, seal
from .engine import CaseEngine
from .functions import register
from .records import TopicShape, checked, read_json, write_json
from .schemas import CaseSchemas
from .shapes import shape_guessed, shape_of

Json = dict[str, Any]
log = logging.getLogger(__name__)


def main(lines: Iterable[str] | None = None, out: TextIO | None = None) -> int:
    """Answer every case of `lines` (standard input); the exit status, always 0: a failed case is an answer too."""
    instance = connect()
    seal(instance)
    registry = default_registry()
    register(registry)
    for line in sys.stdin if lines is None else lines:
        if line.strip():
            answer = answer_case(read_json(line), instance, registry)
            print(write_json(answer), file=out or sys.stdout, flush=True)
    instance.close()
    return 0


class EndedThere(UserError):
    """ksqlDB would have ended a query of the case."""


def answer_case(case: Json, instance: duckdb.DuckDBPyConnection, registry: FunctionRegistry) -> Json:
    """Run one case on a catalog and topics of its own."""
    answer: Json = {"id": case.get("id"), "error": None, "kind": None, "outputs": [], "sources": []}
    settings = {str(k): _setting(v) for k, v in (case.get("properties") or {}).items()}
    engine = CaseEngine(instance, registry, settings)
    try:
        outputs = _outputs(case, engine)
    except MergusError as error:
        kind = error.kind if error.kind in ("user", "unsupported") else "internal"
        return answer | {"error": str(error), "kind": kind}
    except Exception as error:  # one case must not end the others
        log.debug("case %s", case.get("id"), exc_info=True)
        return answer | {"error": f"{type(error).__name__}: {error}", "kind": "internal"}
    finally:
        engine.close()
    return answer | {"outputs": outputs, "sources": engine.sources()}


def _setting(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _outputs(case: Json, engine: CaseEngine) -> list[Json]:
    topics = {t["name"]: t for t in case.get("topics") or []}
    for name, topic in topics.items():
        if topic.get("partitions"):
            engine.driver.topics.partitions[name] = int(topic["partitions"])
    schemas = CaseSchemas(engine.schema_registry, topics)
    engine.on_topic = schemas.register
    for statement in case["statements"]:
        engine.execute(statement)
    schemas.register_all()
    shapes = _Shapes(engine, topics)
    given = _put_inputs(case.get("inputs") or [], engine, shapes)
    engine.run()
    ended = next((f for f in engine.driver.failures if f.kind == "aggregate"), None)
    if ended:
        raise EndedThere(
            ended.reason, detail="ksqlDB ends a query at what an aggregate cannot hold; here it goes on, with NULL"
        )
    records = [r for topic in engine.driver.topics.records for r in engine.driver.topics.records[topic]]
    made = []
    for record in sorted(records, key=lambda r: r.arrival):
        if record.arrival in given:
            continue
        shape = shapes.of(record.topic)
        key, window = shape.key_json(record.key)
        value = shape.value.from_bytes(record.value)
        made.append(
            {
                "topic": record.topic,
                "key": key,
                "value": value,
                "timestamp": record.timestamp,
                "window": window,
                "headers": [_header_json(key, value) for key, value in record.headers],
            }
        )
    return made


class _Shapes:
    """How each topic's records are written."""

    def __init__(self, engine: CaseEngine, topics: Mapping[str, Json]) -> None:
        self._engine = engine
        self._topics = topics

    def of(self, topic: str) -> TopicShape:
        relation = self._engine.shapes.get(topic)
        return (
            shape_guessed(self._topics.get(topic, {}), self._engine.schema_registry)
            if relation is None
            else shape_of(relation)
        )


def _put_inputs(inputs: Iterable[Json], engine: CaseEngine, shapes: _Shapes) -> set[int]:
    """Write a case's inputs to their topics; gives their places in the order of arrival."""
    arrivals = set()
    for record in inputs:
        topic = record["topic"]
        shape = shapes.of(topic)
        key = checked(lambda s=shape, r=record: s.key_bytes(r.get("key"), r.get("window")), "key")  # type: ignore[misc]
        value = checked(lambda s=shape, r=record: s.value.to_bytes(r.get("value")), "value")  # type: ignore[misc]
        headers = [_header(h) for h in record.get("headers") or []]
        engine.driver.topics.append(topic, key, value, int(record.get("timestamp") or 0), headers)
        arrivals.add(engine.driver.topics.records[topic][-1].arrival)
    return arrivals


def _header(header: Mapping[str, Any]) -> tuple[str, bytes | None]:
    fields = {k.lower(): v for k, v in header.items()}
    value = fields.get("value")
    return str(fields.get("key")), None if value is None else base64.b64decode(value)


def _header_json(key: str, value: bytes | None) -> Json:
    return {"KEY": key, "VALUE": None if value is None else base64.b64encode(value).decode()}


if __name__ == "__main__":
    sys.exit(main())
