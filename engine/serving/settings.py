"""Properties that a session may SET and a server ALTER SYSTEM: which there are, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Span, UnknownName, UserError
from ..runtime.flows.delivery import EXACTLY_ONCE, GUARANTEE
from ..sql.defines import SUBSTITUTION
from ..sql.parser.cursor import text_ms
from ..sql.scope import suggestion_as_spelled
from .settings_of_kafka import NAMES, is_of_kafka

STREAMS_PREFIX = "ksql.streams."
AT_LEAST_ONCE = "at_least_once"
USER = "mergus.user"
"""Who says a statement: what the history of a model tells."""
DEFAULTS: Mapping[str, str] = {
    "auto.offset.reset": "earliest for persistent queries, latest for push queries",
    GUARANTEE: AT_LEAST_ONCE,
    USER: "the account of the process; over HTTP what a proxy says, or the client's address",
    "idle_timeout": "0",
    "topology.cycles": "warn",
    "commit.interval.ms": "500",
    "ksql.persistence.default.format.key": "KAFKA",
    "ksql.persistence.default.format.value": "",
    "ksql.persistence.wrap.single.values": "",
    "ksql.output.topic.name.prefix": "",
    "ksql.functions.collect_list.limit": "",
    "ksql.functions.collect_set.limit": "",
    "ksql.timestamp.throw.on.invalid": "false",
    "ksql.query.pull.limit.clause.enabled": "true",
    "ksql.query.pull.range.scan.enabled": "true",
    "ksql.query.pull.stream.enabled": "true",
    "ksql.query.pull.table.scan.enabled": "true",
    "ksql.suppress.enabled": "true",
    SUBSTITUTION: "true",
    "ksql.new.query.planner.enabled": "false",
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "auto.offset.reset": ("earliest", "latest"),
    SUBSTITUTION: ("true", "false"),
    GUARANTEE: (AT_LEAST_ONCE, EXACTLY_ONCE),
    "topology.cycles": ("warn", "refuse"),
}
_WITHOUT_EFFECT: Mapping[str, str] = {
    "commit.interval.ms": "the server's setting epoch.ms says how often queries commit",
}
_OLDER = dict.fromkeys(("exactly_once", "exactly_once_beta"), EXACTLY_ONCE)
"""What Kafka Streams called it before."""


def property_name(name: str, span: Span | None = None) -> str:
    """A property's short name. Raises UnknownName where there is none of that name."""
    short = name.strip().removeprefix(STREAMS_PREFIX)
    if short not in DEFAULTS and not short.startswith("ksql.") and not is_of_kafka(short):
        raise UnknownName(
            f"there is no property '{name}'",
            hint=suggestion_as_spelled(short, [*DEFAULTS, *NAMES]) or "SHOW PROPERTIES lists them",
            span=span,
        )
    return short


def checked_property(name: str, value: str, span: Span | None) -> tuple[str, str]:
    """The property under its short name, and its value. Raises UserError where there is none, or it cannot have that value."""
    short = property_name(name, span)
    if short == "idle_timeout":
        return short, _milliseconds(short, value, span)
    choices = _CHOICES.get(short)
    if choices is not None:
        value = _OLDER.get(value.lower(), value.lower())
        if value not in choices:
            raise UserError(f"'{short}' is one of {', '.join(choices)}", detail=f"got '{value}'", span=span)
    return short, value


def warnings_about(name: str, value: str) -> tuple[str, ...]:
    """What is to be said of a property that `checked_property` has let through, by its short name."""
    if name == GUARANTEE and value == AT_LEAST_ONCE:
        return (f"over embedded topics every query is exactly once, whatever '{name}' says",)
    if name in _WITHOUT_EFFECT:
        return (f"'{name}' has no effect here: {_WITHOUT_EFFECT[name]}",)
    if name in DEFAULTS or not is_of_kafka(name):
        return ()
    return (f"'{name}' is a setting of Kafka's Java clients or of Kafka Streams: it has no effect here",)


def _milliseconds(name: str, value: str, span: Span | None) -> str:
    """A time as a number of milliseconds: `30 SECONDS`, or the number itself."""
    found = text_ms(f"{value} MILLISECONDS" if value.strip().isdecimal() else value)
    if found is None:
        raise UserError(f"'{name}' is a time, as 30 SECONDS", detail=f"got '{value}'", span=span)
    return str(found)


def known_properties(system: Mapping[str, str], session: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(name, value, origin) of every property, the session's over the system's over the defaults."""
    merged = {name: (value, "default") for name, value in DEFAULTS.items()}
    merged |= {name: (value, "system") for name, value in system.items()}
    merged |= {name: (value, "session") for name, value in session.items()}
    return [(name, value, origin) for name, (value, origin) in sorted(merged.items())]
