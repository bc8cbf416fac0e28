"""Models in the catalog: immutable numbered versions, the aliases that point at them, and what has happened to them.

An entry is worked out from the command log alone; the artefacts lie in the data folder, one folder a version, and are
named by their sha256. Every version of a model has the same signature, so that an alias can move under running queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..errors import AnalysisError, Conflict, Span, UnknownName
from .scope import suggestion_as_spelled
from .transform import Transform
from .types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, Columns, SqlType, Struct, quote_if_needed
from .units import time_text

DEFAULT_ALIAS = "CHAMPION"
NEXT_ALIAS = "CHALLENGER"
ERROR_FIELD = "ERROR"
VERSION_FIELD = "MODEL_VERSION"


@dataclass(frozen=True)
class ModelVersion:
    """One version. `record` is what the inference room needs to load it again (JSON values); `inputs` and `outputs` are
    columns by name as SQL sees them, `output` the type of a call. `transforms`: what lies between them and the artefact, by
    side."""

    number: int
    provider: str
    sha256: str
    inputs: Columns
    outputs: Columns
    output: SqlType
    size_bytes: int
    created_ms: int
    record: Mapping[str, object] = field(default_factory=dict)
    transforms: Mapping[str, Transform] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """`(TEXT STRING) -> FLOAT[64]`."""
        return f"({columns_text(self.inputs)}) -> {self.output}"


@dataclass(frozen=True)
class ModelEvent:
    """Something that happened to a model: when, what, the reason that was given (or the statement), and who said it."""

    time_ms: int
    action: str
    alias: str | None = None
    version: int | None = None
    reason: str = ""
    who: str = ""


_ROUTING = ("CREATE", "SET ALIAS", "DROP ALIAS", "ROLLBACK", "SET SPLIT", "RESET SPLIT", "SET CANARY", "END CANARY")
"""What changes which version answers."""


@dataclass(frozen=True)
class Split:
    """SET SPLIT: shares by alias, and the inputs, or columns of what calls the model, whose hash chooses the arm of a row
    (all inputs where none is named). Models with one `salt` send a key the same way."""

    arms: tuple[tuple[str, int], ...]
    by: tuple[str, ...] = ()
    salt: str = ""

    def __str__(self) -> str:
        shares = ", ".join(f"{alias} {share}" for alias, share in self.arms)
        by = f" BY {', '.join(self.by)}" if self.by else ""
        return f"({shares}){by}" + (f" SALT '{self.salt}'" if self.salt else "")


@dataclass(frozen=True)
class Shadow:
    """SET SHADOW: the alias that is asked beside the answer, how many rows of a hundred, and the topic that is told."""

    alias: str
    percent: int
    topic: str

    def __str__(self) -> str:
        return f"{self.alias} SAMPLE {self.percent} PERCENT INTO {self.topic}"


@dataclass(frozen=True)
class Monitor:
    """SET MONITOR: windows of what the model is asked and answers, compared with a reference; `topic` is told. `reference`:
    what was counted of the source of that name, column by column."""

    source: str
    metrics: tuple[str, ...]
    window_ms: int
    threshold: float
    topic: str
    reference: Mapping[str, object]

    def __str__(self) -> str:
        return f"{','.join(self.metrics)} against {self.source} every {time_text(self.window_ms)}, above {self.threshold:g}"


DRIFT_COLUMNS: Columns = (
    ("MODEL", STRING),
    ("VERSION", INTEGER),
    ("COLUMN_NAME", STRING),
    ("METRIC", STRING),
    ("VALUE", DOUBLE),
    ("DRIFTED", BOOLEAN),
    ("ROWS_SEEN", BIGINT),
    ("WINDOW_START", BIGINT),
    ("WINDOW_END", BIGINT),
)
"""What a record of a monitor holds."""


@dataclass(frozen=True)
class Canary:
    """SET CANARY: an arm of the split that is promoted at `until_ms` when it has answered `rows_min` rows, or rolled back
    when it passes a limit before; `query` is a pull query whose first value tells to roll back. `version`: what `alias`
    pointed at when it began, and `live` what answered then; 0 where that was not kept. `duration_ms`: its FOR."""

    alias: str
    percent: int
    until_ms: int
    rows_min: int
    error_rate: float | None = None
    latency_ms: float | None = None
    query: str | None = None
    version: int = 0
    live: int = 0
    duration_ms: int = 0

    def __str__(self) -> str:
        limits = [
            *([] if self.error_rate is None else [f"ERROR_RATE > {self.error_rate:g}"]),
            *([] if self.latency_ms is None else [f"LATENCY_MS > {self.latency_ms:g}"]),
            *([] if self.query is None else [f"'{self.query}'"]),
        ]
        lasts = f"FOR {time_text(self.duration_ms)} AFTER {self.rows_min} ROWS"
        return f"{self.alias} {self.percent} PERCENT {lasts} ROLLBACK WHEN {' OR '.join(limits)}"


@dataclass(frozen=True)
class ModelEntry:
    """A model. `aliases`: version number by upper-case alias; `next_version` is never given twice."""

    name: str
    versions: tuple[ModelVersion, ...]
    aliases: Mapping[str, int]
    next_version: int
    history: tuple[ModelEvent, ...] = ()
    split: Split | None = None
    shadow: Shadow | None = None
    canary: Canary | None = None
    monitor: Monitor | None = None

    @property
    def routing_event(self) -> int:
        """Which entry of the history, counted from 1, last changed what answers."""
        found = [number for number, event in enumerate(self.history, 1) if event.action in _ROUTING]
        return found[-1] if found else 0

    @property
    def canary_is_over(self) -> str | None:
        """Why its canary says nothing any more: one of the two versions that it is about is not the one that it began with."""
        if self.canary is None:
            return None
        for alias, number in ((self.canary.alias, self.canary.version), (DEFAULT_ALIAS, self.canary.live)):
            if number and self.aliases.get(alias) != number:
                return f"{alias} is not version {number} any more"
        return None

    @property
    def split_keys(self) -> tuple[str, ...]:
        """The keys of its split that are no inputs: columns of what calls it."""
        names = [name for name, _ in self.versions[0].inputs]
        return () if self.split is None else tuple(key for key in self.split.by if key not in names)

    def version(self, number: int, span: Span | None = None) -> ModelVersion:
        """The version of that number; raises UnknownName."""
        for version in self.versions:
            if version.number == number:
                return version
        known = ", ".join(str(v.number) for v in self.versions)
        raise UnknownName(f"model {self.name} has no version {number}", hint=f"its versions are {known}", span=span)

    def alias(self, alias: str, span: Span | None = None) -> ModelVersion:
        """The version that an alias points at; raises UnknownName."""
        number = self.aliases.get(alias)
        if number is None:
            raise UnknownName(
                f"model {self.name} has no alias {alias}",
                hint=suggestion_as_spelled(alias, self.aliases) or f"its aliases are {', '.join(sorted(self.aliases))}",
                span=span,
            )
        return self.version(number)

    @property
    def default(self) -> ModelVersion:
        """What a plain call runs where there is no split."""
        return self.alias(DEFAULT_ALIAS)

    def with_version(self, version: ModelVersion, *, promote: bool, reason: str = "") -> ModelEntry:
        """The entry with one more version: live at once with `promote`, else the challenger.

        Raises AnalysisError where its signature is not that of the others.
        """
        first = self.versions[0]
        if (first.output, [t for _, t in first.inputs]) != (version.output, [t for _, t in version.inputs]):
            raise AnalysisError(
                f"model {self.name}: version {version.number} has another signature than version {first.number}",
                detail=f"it is {version.signature}, the others are {first.signature}",
                hint="queries run on while an alias moves, so versions must be alike; give it a name of its own",
            )
        alias = DEFAULT_ALIAS if promote else NEXT_ALIAS
        event = ModelEvent(version.created_ms, "CREATE", alias, version.number, reason)
        return replace(
            self,
            versions=(*self.versions, version),
            aliases={**self.aliases, alias: version.number},
            next_version=version.number + 1,
            history=(*self.history, event),
        )

    def with_alias(self, alias: str, number: int, time_ms: int, *, action: str, reason: str = "") -> ModelEntry:
        """The entry with an alias moved (or made)."""
        self.version(number)
        event = ModelEvent(time_ms, action, alias, number, reason)
        return replace(self, aliases={**self.aliases, alias: number}, history=(*self.history, event))

    def without_alias(self, alias: str, time_ms: int, reason: str, span: Span | None = None) -> ModelEntry:
        """The entry without an alias; raises UnknownName, and Conflict where the model itself uses it."""
        version = self.alias(alias, span)
        uses = {
            "a call without an alias runs it": alias == DEFAULT_ALIAS,
            f"the split is {self.split}": self.split is not None and alias in dict(self.split.arms),
            f"the shadow is {self.shadow}": self.shadow is not None and alias == self.shadow.alias,
        }
        for detail in (text for text, used in uses.items() if used):
            raise Conflict(f"alias {alias} of model {self.name} is in use", detail=detail, span=span)
        kept = {name: number for name, number in self.aliases.items() if name != alias}
        event = ModelEvent(time_ms, "DROP ALIAS", alias, version.number, reason)
        return replace(self, aliases=kept, history=(*self.history, event))

    def before(self, alias: str, span: Span | None = None) -> int:
        """The version that `alias` pointed at before it last moved to another that is still there; raises AnalysisError
        where there is none. A move that was rolled back is not gone back to."""
        stack: list[int] = []
        for event in self.history:
            if event.alias == alias and event.version is not None:
                if event.action == "ROLLBACK" and len(stack) > 1:
                    stack.pop()
                elif not stack or stack[-1] != event.version:
                    stack.append(event.version)
        there = {v.number for v in self.versions}
        earlier = [number for number in stack[:-1] if number in there]
        if not earlier:
            raise AnalysisError(
                f"model {self.name}: alias {alias} has no earlier version to go back to",
                hint=f"SHOW MODEL HISTORY {quote_if_needed(self.name)} shows where it has pointed",
                span=span,
            )
        return earlier[-1]

    def without(self, number: int, time_ms: int) -> ModelEntry:
        """The entry without one version."""
        event = ModelEvent(time_ms, "DROP", None, number)
        kept = tuple(v for v in self.versions if v.number != number)
        return replace(self, versions=kept, history=(*self.history, event))

    def aliases_of(self, number: int) -> tuple[str, ...]:
        """The aliases that point at a version."""
        return tuple(sorted(alias for alias, at in self.aliases.items() if at == number))


def shadow_columns(inputs: Columns, output: SqlType) -> Columns:
    """What a record of a shadow run holds."""
    return (
        ("MODEL", STRING),
        ("VERSION", INTEGER),
        ("SHADOW_VERSION", INTEGER),
        ("INPUT", Struct(inputs)),
        ("OUTPUT", output),
        ("SHADOW_OUTPUT", output),
        ("ERROR", STRING),
    )


def dead_letter_columns(inputs: Columns) -> Columns:
    """What is kept of a row that a model has failed on; its time is the record's."""
    return (
        ("MODEL", STRING),
        ("VERSION", INTEGER),
        ("REASON", STRING),
        ("QUERY", STRING),
        ("TOPIC", STRING),
        ("PARTITION", INTEGER),
        ("OFFSET", BIGINT),
        ("KEY", STRING),
        ("INPUT", Struct(inputs)),
    )


def columns_text(columns: Columns) -> str:
    """`A DOUBLE, B STRING`, as INPUT and OUTPUT are written."""
    return ", ".join(f"{quote_if_needed(name)} {sql_type}" for name, sql_type in columns)


def call_type(outputs: Columns, *, with_error: bool) -> SqlType:
    """The type of a call: the one output, a struct of several, and beside them the error and the version if asked."""
    if with_error:
        return Struct((*outputs, (ERROR_FIELD, STRING), (VERSION_FIELD, INTEGER)))
    return outputs[0][1] if len(outputs) == 1 else Struct(outputs)
