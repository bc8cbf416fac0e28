"""ksqlDB's REST cases, each asked of a server over HTTP: what a client of ksqlDB's would be answered.

A case's statements are posted, its records written as its first source over each topic writes them, then its SELECTs asked. As
where the cases were made, a topic has four partitions unless one says more, and each record is a batch. A push query is left at
the first row that is not the next. Rows of a pull query have no order here, and which rows a LIMIT takes is left open.

    python -m tests.conformance.ratchet --rest
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pyarrow as pa

from mergus.engine.cli.testing.functions import register
from mergus.engine.cli.testing.records import TopicShape, read_json
from mergus.engine.cli.testing.schemas import CaseSchemas
from mergus.engine.cli.testing.shapes import shape_guessed, shape_of
from mergus.engine.io.topics import PRODUCE_SCHEMA
from mergus.engine.serving.connection.local import Connection, connect
from tests.serving_thread import served

Json = dict[str, Any]
TIMEOUT_S = 20
PARTITIONS = 4
_TOPIC = re.compile(r"kafka_topic\s*=\s*'([^']+)'", re.IGNORECASE)
_PARTITIONS = re.compile(r"partitions\s*=\s*(\d+)", re.IGNORECASE)


class Refused(Exception):
    """A statement was refused."""


def run_rest_cases(folder: Path) -> dict[str, str | None]:
    """Why each case failed, None where it passed. Cases that only compare topics' records are left to the judge."""
    verdicts: dict[str, str | None] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            case = json.loads(line, parse_float=Decimal) | {"inputs": read_json(line)["inputs"]}
            if case["expected"]["error"] or case["expected"].get("responses"):
                verdicts[case["id"]] = verdict(case)
    return verdicts


def verdict(case: Json) -> str | None:
    """One case on an engine of its own."""
    with TemporaryDirectory() as folder, connect(folder, batch_rows_max=1) as db:
        register(db.engine.registry)
        with served(db.engine) as url, httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
            expected = case["expected"]["error"]
            try:
                why = asked(case, db, client)
            except Refused as refusal:
                return None if expected else str(refusal)
            except httpx.TimeoutException:
                return "no answer in time"
            return f"not refused: {expected['message']}" if expected and why is None else why


def asked(case: Json, db: Connection, client: httpx.Client) -> str | None:
    """Post the statements, write the records, ask the queries; the first difference."""
    make_topics(case, db)
    properties = {k: str(v).lower() if isinstance(v, bool) else v for k, v in case["properties"].items()}
    along = {"streamsProperties": {"auto.offset.reset": "earliest"} | properties}
    queries = [s for s in case["statements"] if s.lstrip().upper().startswith("SELECT")]
    for statement in case["statements"]:
        if statement not in queries:
            answer = client.post("/ksql", json={"ksql": statement, **along})
            if answer.status_code != 200:
                raise Refused(answer.text)
    latest = properties.get("auto.offset.reset") == "latest"
    if not latest:
        write(case, db)
        db.wait(TIMEOUT_S)
    wanted = [r["query"] for r in case["expected"].get("responses") or [] if "query" in r]
    for number, query in enumerate(queries):
        with client.stream("POST", "/query", json={"ksql": query, **along}) as answer:
            if answer.status_code != 200:
                answer.read()
                raise Refused(answer.text)
            found = entries(answer)
            if number >= len(wanted):
                list(found)
                continue
            first = next(found)
            if latest:
                write(case, db)
            if "EMIT" in query.upper():
                why = difference_in_order(chain([first], found), wanted[number])
            else:
                why = difference([first, *found], wanted[number], limited="LIMIT" in query.upper())
            if why is not None:
                return why
    return None


def make_topics(case: Json, db: Connection) -> None:
    """The topics that the case takes for granted, and their schemas."""
    partitions = {t["name"]: int(t.get("partitions") or PARTITIONS) for t in case["topics"]}
    for record in case["inputs"]:
        partitions.setdefault(record["topic"], PARTITIONS)
    for statement in case["statements"]:
        topic, given = _TOPIC.search(statement), _PARTITIONS.search(statement)
        if topic and " AS SELECT" not in " ".join(statement.upper().split()):
            partitions[topic[1]] = int(given[1]) if given else partitions.get(topic[1], PARTITIONS)
    for name, count in partitions.items():
        db.engine.topics.create(name, count)
    CaseSchemas(db.engine.schema_registry, {t["name"]: t for t in case["topics"]}).register_all()


def write(case: Json, db: Connection) -> None:
    """The case's records to their topics."""
    shapes: dict[str, TopicShape] = {}
    for relation in db.engine.catalog.relations.values():
        shapes.setdefault(relation.topic, shape_of(relation))
    writer = db.engine.topics.writer()
    for record in case["inputs"]:
        shape = shapes.get(record["topic"]) or shape_guessed({}, db.engine.schema_registry)
        row = {
            "key": pa.array([shape.key_bytes(record.get("key"), record.get("window"))], pa.binary()),
            "value": pa.array([shape.value.to_bytes(record.get("value"))], pa.binary()),
            "timestamp": pa.array([int(record.get("timestamp") or 0)], pa.int64()),
            "headers": pa.array([headers_of(record)], PRODUCE_SCHEMA.field("headers").type),
        }
        writer.write(record["topic"], pa.record_batch(row))
        writer.flush()
    writer.close()


def headers_of(record: Json) -> list[Json]:
    """A record's headers as topics take them."""
    named = [{k.lower(): v for k, v in header.items()} for header in record.get("headers") or []]
    return [{"key": h["key"], "value": None if h.get("value") is None else base64.b64decode(h["value"])} for h in named]


def entries(answer: httpx.Response) -> Iterator[Json]:
    """The entries of the array as they come: a line each. Raises Refused for one that tells an error."""
    for line in answer.iter_lines():
        text = line.strip().removeprefix("[").removesuffix(",")
        if text.count("]") > text.count("["):
            text = text.removesuffix("]")
        if text:
            entry = json.loads(text, parse_float=Decimal)
            if "error_code" in entry:
                raise Refused(entry["message"])
            yield entry


def difference_in_order(found: Iterator[Json], wanted: list[Json]) -> str | None:
    """The first entry that is not as it should be; no more are awaited than that."""
    for entry in wanted:
        got = next(found, None)
        if got is None or not fits(got, entry):
            return f"wanted {entry}, found {got}"
    return None


def difference(found: list[Json], wanted: list[Json], *, limited: bool) -> str | None:
    """The first entry that is missing."""
    if len(found) != len(wanted):
        return f"{len(found)} entries of {len(wanted)}"
    left = list(found)
    for entry in wanted:
        hit = next((e for e in left if (limited and "row" in e and "row" in entry) or fits(e, entry)), None)
        if hit is None:
            return f"wanted {entry}, found {left[:3]}"
        left.remove(hit)
    return None


def fits(found: Json, wanted: Json) -> bool:
    """Whether an entry says what the case says of it; the query's id and what the case leaves out aside."""
    if "header" in wanted:
        return "header" in found and _words(found["header"]["schema"]) == _words(wanted["header"]["schema"])
    if "row" in wanted:
        row, other = found.get("row", {}), wanted["row"]
        return bool(row.get("tombstone")) == bool(other.get("tombstone")) and same(row.get("columns"), other["columns"])
    return found.get("finalMessage") == wanted.get("finalMessage")


def _words(schema: str) -> list[str]:
    return schema.replace("`", "").replace(",", ", ").split()


def same(found: Any, wanted: Any) -> bool:
    """Equal values: numbers but for the last digits, objects in whatever order."""
    if isinstance(wanted, int | Decimal) and not isinstance(wanted, bool):
        return isinstance(found, int | Decimal) and abs(Decimal(found) - Decimal(wanted)) < Decimal("0.000001")
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and len(found) == len(wanted)
            and all(same(found.get(k), v) for k, v in wanted.items())
        )
    return bool(found == wanted)
