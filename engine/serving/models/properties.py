"""The properties of CREATE MODEL … WITH (…), read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan

from ...errors import AnalysisError, Span
from ...inference.providers.registry import OPTIONS as OPTIONS_OF
from ...inference.providers.registry import SHIPPED
from ...inference.versions.store import ERROR_WAYS, NULL_WAYS, Wanted
from ...sql.scope import suggestion
from ...sql.statements.model import CreateModel
from ...sql.statements.statement import Property
from ...sql.transform import INPUT, Transform

KNOWN = (
    "PROVIDER",
    "PATH",
    "SHA256",
    "ON_ERROR",
    "NULL_INPUT",
    "DEAD_LETTERS",
    "BATCH_SIZES",
    "CACHE_ROWS",
    "SELF_TEST",
    "TOLERANCE",
    "TIMEOUT_MS",
    "ISOLATED",
    "PROMOTE",
    "REASON",
    "WATCH",
    "TOPIC",
)
OPTIONS = ("SIGNATURE", "METHOD", "TRUSTED", "ALLOW_PICKLE", "FUNCTION", "FILE")
"""Properties that the engines that ship read; those of others hold a dot."""


def wanted_of(statement: CreateModel, properties: dict[str, Property], transforms: Mapping[str, Transform]) -> Wanted:
    """The properties read; raises AnalysisError for one that is none, or of a wrong value."""
    for name, known in properties.items():
        if name not in KNOWN and name not in OPTIONS and "." not in name:
            raise AnalysisError(
                f"{name} is not a property of a model",
                hint=suggestion(name, (*KNOWN, *OPTIONS)) or f"properties are {', '.join((*KNOWN, *OPTIONS))}",
                span=known.span,
            )
    topic = text_of(properties.get("TOPIC")) or None
    for name in ("PROVIDER", *(() if topic else ("PATH",))):
        if not text_of(properties.get(name)):
            raise AnalysisError(f"CREATE MODEL wants {name} in WITH (…)", span=statement.span)
    if topic and ("PATH" in properties or "WATCH" in properties):
        raise AnalysisError(
            "a model's versions come from TOPIC or from PATH, not from both", span=properties["TOPIC"].span
        )
    _check_options(text_of(properties["PROVIDER"]).lower(), properties)
    on_error = _way(properties.get("ON_ERROR"), ERROR_WAYS)
    tolerance = properties.get("TOLERANCE")
    return Wanted(
        name=statement.name,
        provider=text_of(properties["PROVIDER"]).lower(),
        path=text_of(properties.get("PATH")),
        inputs=transforms[INPUT].gives if INPUT in transforms else statement.inputs,
        outputs=statement.outputs,
        transforms=transforms,
        options={n.lower(): _option(p) for n, p in properties.items() if n not in KNOWN},
        sha256=text_of(properties.get("SHA256")) or None,
        on_error=on_error,
        null_input=_way(properties.get("NULL_INPUT"), NULL_WAYS),
        dead_letters=_dead_letters(statement.name, on_error, properties.get("DEAD_LETTERS")),
        batch_sizes=_sizes(properties.get("BATCH_SIZES")),
        cache_rows=_number(properties.get("CACHE_ROWS")),
        self_test=text_of(properties.get("SELF_TEST")) or None,
        tolerance=number_from_zero("TOLERANCE", tolerance.value, tolerance.span) if tolerance else 1e-4,
        watch=flag_of(properties.get("WATCH")),
        topic=topic,
        promote=flag_of(properties.get("PROMOTE")),
        isolated=flag_of(properties.get("ISOLATED")),
        timeout_ms=_timeout(properties.get("TIMEOUT_MS")),
    )


def _check_options(provider: str, properties: Mapping[str, Property]) -> None:
    """Raises AnalysisError for a property that the engine, where it is one that ships, does not read."""
    if provider not in SHIPPED:
        return
    read = [name if "." in name else name.upper() for name in OPTIONS_OF.get(provider, ())]
    for name, known in properties.items():
        if name not in KNOWN and name.upper() not in [n.upper() for n in read]:
            hint = f"beside those of every model it reads {', '.join(read)}" if read else None
            raise AnalysisError(f"{name} is not a property of provider {provider}", hint=hint, span=known.span)


def _way(given: Property | None, ways: tuple[str, ...]) -> str:
    """One of some words; the first where none is given."""
    chosen = (text_of(given) or ways[0]).lower()
    if given is not None and chosen not in ways:
        raise AnalysisError(f"{given.name} is one of {', '.join(ways)}, not {chosen}", span=given.span)
    return chosen


def _dead_letters(model: str, on_error: str, given: Property | None) -> str | None:
    """The topic that keeps what the model fails on, where ON_ERROR says so."""
    if on_error == "dlq":
        return text_of(given) or f"{model}__dead_letters".lower()
    if given is not None:
        raise AnalysisError("DEAD_LETTERS goes with ON_ERROR = 'dlq'", span=given.span)
    return None


def text_of(given: Property | None) -> str:
    """A property's value as text, empty where it is not given."""
    return "" if given is None or given.value is None else str(given.value)


def _option(given: Property) -> str:
    return str(given.value).lower() if isinstance(given.value, bool) else str(given.value)


def flag_of(given: Property | None) -> bool:
    """Whether a property is true; raises AnalysisError where it is neither."""
    if given is None:
        return False
    if str(given.value).lower() not in ("true", "false"):
        raise AnalysisError(f"{given.name} is true or false, not {given.value}", span=given.span)
    return str(given.value).lower() == "true"


def _number(given: Property | None) -> int | None:
    if given is None:
        return None
    if not str(given.value).isdecimal():
        raise AnalysisError(f"{given.name} is a number of rows, not {given.value}", span=given.span)
    return int(str(given.value))


def _timeout(given: Property | None) -> int | None:
    if given is None:
        return None
    if not str(given.value).isdecimal() or int(str(given.value)) < 1:
        raise AnalysisError(f"TIMEOUT_MS is a number of milliseconds, not {given.value}", span=given.span)
    return int(str(given.value))


def number_from_zero(name: str, given: object, span: Span | None) -> float:
    """A number from 0 on; raises AnalysisError that names the property where it is none."""
    try:
        found = float(str(given))
    except ValueError:
        found = nan
    if not 0 <= found < inf:
        raise AnalysisError(f"{name} is a number from 0 on, not {given}", span=span)
    return found


def _sizes(given: Property | None) -> tuple[int, ...]:
    parts = [p.strip() for p in text_of(given).split(",") if p.strip()]
    if any(not p.isdecimal() or int(p) < 1 for p in parts):
        raise AnalysisError(
            f"BATCH_SIZES lists row counts, not {text_of(given)}",
            hint="BATCH_SIZES = '1,8,64'",
            span=None if given is None else given.span,
        )
    return tuple(sorted({int(p) for p in parts}))
