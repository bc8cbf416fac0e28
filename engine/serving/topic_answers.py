"""What is asked of topics and subjects themselves: PRINT, ASSERT TOPIC and ASSERT SCHEMA.

PRINT answers rows, so that every client shows it as it shows a query's; the older form of HTTP makes lines of them.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from ..errors import AnalysisError, MergusError, UnknownName, Unsupported, UserError
from ..io.schemas.opening import open_registry
from ..io.topics import Topics
from ..sql.schema import ColumnDef, Schema
from ..sql.scope import suggestion_as_spelled
from ..sql.statements.asserts import AssertSchema, AssertSource, AssertTopic, AssertValues
from ..sql.statements.statement import Print, RunScript, Statement
from ..sql.types import BIGINT, INTEGER, STRING
from .printed import Printed
from .results import Listing, Push, Result

if TYPE_CHECKING:
    from .engine import Engine

TIMEOUT_MS = 1_000
"""How long ASSERT waits without TIMEOUT, as in ksqlDB."""

CHECK_EVERY_S = 0.02
POLL_MS = 50.0
POLL_RECORDS = 1_000
PRINTED = Schema(
    (
        ColumnDef("ROWTIME", BIGINT),
        ColumnDef("ROWPARTITION", INTEGER),
        ColumnDef("ROWOFFSET", BIGINT),
        ColumnDef("KEY", STRING),
        ColumnDef("VALUE", STRING),
    )
)


@dataclass
class PrintedTopic(Push):
    """The answer of PRINT: rows, and the formats that the keys and values so far can be of, empty where there is none."""

    sides: list[Printed] = field(default_factory=list)

    def formats(self) -> tuple[str, str]:
        """Of the keys and of the values, as ksqlDB tells them."""
        key, value = self.sides
        return key.formats(), value.formats()


_numbers = itertools.count(1)


def answer_about_topics(engine: Engine, statement: Statement, text: str) -> Result:
    """The answer of a statement that no query and no catalog answers; raises UserError for one that is not an engine's."""
    match statement:
        case Print() as printed:
            return print_topic(engine, printed, text)
        case AssertTopic() as asserted:
            return assert_topic(engine, asserted, text)
        case AssertSchema() as asserted:
            return assert_schema(asserted, text, engine.schema_registry)
        case other:
            raise refused_here(other)


def print_topic(engine: Engine, statement: Print, text: str) -> PrintedTopic:
    """The records of a topic, from its beginning or from now on; every `interval`-th of them, up to `limit`."""
    topics, name = engine.topics, statement.topic
    if topics.describe(name) is None:
        raise UnknownName(
            f"topic {name} does not exist",
            hint=suggestion_as_spelled(name, [t.name for t in topics.list()]),
            span=statement.span,
        )
    stopped = threading.Event()
    ends = topics.end_offsets(name) if engine.bounded else None
    sides: list[Printed] = []
    batches = _printed(engine, statement, ends, stopped, sides)
    return PrintedTopic(text, PRINTED, batches, stopped.set, f"print_{next(_numbers)}", sides=sides)


def _printed(
    engine: Engine,
    statement: Print,
    ends: dict[int, int] | None,
    stopped: threading.Event,
    sides: list[Printed],
) -> Iterator[pa.Table]:
    over = [r for r in engine.catalog.relations.values() if r.topic == statement.topic]
    known = min(over, key=lambda r: r.windowed is None, default=None)  # one that knows of windows knows more
    with engine.connection.cursor() as connection:
        sides += [
            Printed(statement.topic, known, engine.schema_registry, connection, is_key=is_key)
            for is_key in (True, False)
        ]
        for batch in _records(engine.topics, statement, ends, stopped):
            columns = [batch.column(c) for c in ("timestamp", "partition", "offset")]
            texts = [side.texts(batch.column(c).to_pylist()) for side, c in zip(sides, ("key", "value"), strict=True)]
            yield pa.table([*columns, *texts], names=[f"c{i}" for i in range(len(PRINTED))])


def _records(
    topics: Topics, statement: Print, ends: dict[int, int] | None, stopped: threading.Event
) -> Iterator[pa.RecordBatch]:
    name, seen, given = statement.topic, 0, 0
    starts = topics.begin_offsets(name) if statement.from_beginning else topics.end_offsets(name)
    reader = topics.reader({(name, p): at for p, at in starts.items()}, ("key", "value", "timestamp"))
    try:
        while not stopped.is_set():
            batch = reader.poll(POLL_RECORDS, POLL_MS)
            if batch is None:
                if ends is not None and all(reader.positions().get((name, p), 0) >= at for p, at in ends.items()):
                    return
                continue
            shown = [i for i in range(batch.num_rows) if (seen + i) % statement.interval == 0]
            seen += batch.num_rows
            if statement.limit is not None:
                shown = shown[: statement.limit - given]
            given += len(shown)
            if shown:
                yield batch.take(pa.array(shown))
            if given == statement.limit:
                return
    finally:
        reader.close()


def refused_here(statement: Statement) -> UserError:
    """What is a test file's or the prompt's, and not an engine's."""
    match statement:
        case RunScript(span=span):
            return AnalysisError(
                "RUN SCRIPT is a command of the prompt, not a statement",
                detail="a server does not read its clients' files",
                hint="mergus run FILE, or RUN SCRIPT at the prompt",
                span=span,
            )
        case AssertValues(span=span) | AssertSource(span=span):
            return AnalysisError(
                "this ASSERT stands in test files", hint="mergus test FILE runs them; SELECT reads a topic", span=span
            )
        case other:
            return Unsupported(f"{type(other).__name__} is not supported here")


def assert_topic(engine: Engine, statement: AssertTopic, text: str) -> Listing:
    """Whether a topic is there, or not, within the time; raises AnalysisError where it is not so."""
    name, wanted = statement.topic, dict(statement.properties)

    unknown = sorted(set(wanted) - {"PARTITIONS", "REPLICAS"})
    if unknown:
        raise AnalysisError(
            f"ASSERT TOPIC cannot check {unknown[0]}", hint="it checks PARTITIONS and REPLICAS", span=statement.span
        )

    def wrong() -> str | None:
        found = engine.topics.describe(name)
        if not statement.exists:
            return None if found is None else f"Topic {name} exists."
        if found is None:
            return f"Topic {name} does not exist."
        for word, value in (("partitions", found.partitions), ("replicas", found.replicas)):
            if wanted.get(word.upper(), value) != value:
                return f"Mismatched configuration for topic {name}: {word} is {value}, not {wanted[word.upper()]}."
        return None

    _within(statement.timeout_ms, wrong, statement)
    said = f"Topic {name} {'exists' if statement.exists else 'does not exist'}."
    return Listing(text, "assert_topic", {"topicName": name, "exists": statement.exists}, text=said)


def assert_schema(statement: AssertSchema, text: str, location: str) -> Listing:
    """Whether the registry has a subject, an id, or the id under the subject."""
    subject, schema_id = statement.subject, statement.schema_id
    named = f"subject {subject}" if subject is not None else ""
    named += f"{' and ' if named else ''}id {schema_id}" if schema_id is not None else ""

    def there() -> bool:
        registry = open_registry(location)
        try:
            if subject is None:
                assert schema_id is not None
                registry.by_id(schema_id)
                return True
            return schema_id in (None, registry.latest(subject).id)
        except MergusError as error:
            if error.kind == "environment":
                raise
            return False

    def wrong() -> str | None:
        if there() == statement.exists:
            return None
        return f"Schema with {named} {'does not exist' if statement.exists else 'exists'}."

    _within(statement.timeout_ms, wrong, statement)
    said = f"Schema with {named} {'exists' if statement.exists else 'does not exist'}."
    return Listing(text, "assert_schema", {"subject": subject, "id": schema_id, "exists": statement.exists}, text=said)


def _within(timeout_ms: int | None, wrong: Callable[[], str | None], statement: AssertTopic | AssertSchema) -> None:
    """Return as soon as nothing is wrong; raise what still is when the time is over."""
    left_ms = TIMEOUT_MS if timeout_ms is None else timeout_ms
    pause = threading.Event()
    found = wrong()
    while found is not None:
        if left_ms <= 0:
            raise AnalysisError(found, hint="TIMEOUT n SECONDS waits longer", span=statement.span)
        pause.wait(CHECK_EVERY_S)
        left_ms -= int(CHECK_EVERY_S * 1_000)
        found = wrong()
