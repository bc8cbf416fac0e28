"""Statements about models: make, change, drop, and look at them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from ...errors import ParseError, Span
from ..types import Columns
from .source import Property, check_create


@dataclass(frozen=True)
class TransformItem:
    """A column of a TRANSFORM, `expression AS name`: the expression and its text. Without an expression it is `*`."""

    name: str
    expression: exp.Expression | None
    text: str
    span: Span


@dataclass(frozen=True)
class CreateModel:
    """CREATE [OR REPLACE] MODEL [IF NOT EXISTS] name [INPUT (…) [TRANSFORM (…)]] [OUTPUT (…) [TRANSFORM (…)]] WITH (…). OR
    REPLACE adds a version. None for INPUT or OUTPUT: read off the artefact. `before`: what makes the artefact's inputs of
    INPUT, `after`: what makes the answer of OUTPUT; nothing where they are the same."""

    name: str
    inputs: Columns | None
    outputs: Columns | None
    properties: tuple[Property, ...]
    or_replace: bool = False
    if_not_exists: bool = False
    span: Span | None = None
    before: tuple[TransformItem, ...] = ()
    after: tuple[TransformItem, ...] = ()

    def __post_init__(self) -> None:
        check_create(self.or_replace, self.if_not_exists, self.span)
        for word, columns in (("INPUT", self.inputs), ("OUTPUT", self.outputs)):
            names = [name for name, _ in columns or ()]
            if len(set(names)) < len(names):
                raise ParseError(f"the columns of {word} have different names", span=self.span)


@dataclass(frozen=True)
class SetAlias:
    """ALTER MODEL name SET ALIAS alias = version [BECAUSE 'reason']."""

    name: str
    alias: str
    version: int
    reason: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class DropAlias:
    """ALTER MODEL name DROP ALIAS alias, or RESET ALIAS alias, [BECAUSE 'reason']."""

    name: str
    alias: str
    reason: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class Rollback:
    """ALTER MODEL name ROLLBACK [alias] [BECAUSE 'reason']: the alias goes back to where it pointed before."""

    name: str
    alias: str | None = None
    reason: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class SetSplit:
    """ALTER MODEL name SET SPLIT (alias share, …) [BY column, …] [SALT 'text']; RESET SPLIT has no arms."""

    name: str
    arms: tuple[tuple[str, int], ...]
    by: tuple[str, ...] = ()
    salt: str = ""
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.arms and (any(share < 0 for _, share in self.arms) or sum(share for _, share in self.arms) <= 0):
            raise ParseError("the shares of a split are not below 0, and one is above", span=self.span)
        if len({alias for alias, _ in self.arms}) < len(self.arms):
            raise ParseError("an alias stands twice in the split", span=self.span)


@dataclass(frozen=True)
class SetShadow:
    """ALTER MODEL name SET SHADOW alias [SAMPLE n PERCENT] INTO topic; RESET SHADOW has no alias."""

    name: str
    alias: str | None = None
    percent: int = 100
    topic: str = ""
    span: Span | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 100:
            raise ParseError("a sample is 1 to 100 percent", span=self.span)


@dataclass(frozen=True)
class SetCanary:
    """ALTER MODEL name SET CANARY alias n PERCENT [BY input, …] FOR time [AFTER n ROWS] ROLLBACK WHEN …."""

    name: str
    alias: str
    percent: int
    by: tuple[str, ...]
    duration_ms: int
    rows_min: int
    error_rate: float | None = None
    latency_ms: float | None = None
    query: str | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 99:
            raise ParseError("a canary gets 1 to 99 percent", span=self.span)


@dataclass(frozen=True)
class EndCanary:
    """ALTER MODEL name END CANARY PROMOTE, or ROLLBACK, [BECAUSE 'reason']."""

    name: str
    promote: bool
    reason: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class ReplayDeadLetters:
    """ALTER MODEL name REPLAY DEAD LETTERS [BECAUSE 'reason']: what it has failed on is given once more to the queries."""

    name: str
    reason: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class SetMonitor:
    """ALTER MODEL name SET MONITOR (reference = …, metrics = …, window = …, threshold = …); RESET MONITOR has none."""

    name: str
    properties: tuple[Property, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class DropModel:
    """DROP MODEL [IF EXISTS] name, or one version of it: name$3."""

    name: str
    version: int | None = None
    if_exists: bool = False
    span: Span | None = None


@dataclass(frozen=True)
class DescribeModel:
    """DESCRIBE MODEL name; `what` is also HISTORY (SHOW MODEL HISTORY) and CREATE (SHOW CREATE MODEL)."""

    name: str
    what: str = "DESCRIBE"
    span: Span | None = None


ModelStatement = (
    CreateModel
    | SetAlias
    | DropAlias
    | Rollback
    | SetSplit
    | SetShadow
    | SetCanary
    | EndCanary
    | ReplayDeadLetters
    | SetMonitor
    | DropModel
)
"""Those that change something."""
