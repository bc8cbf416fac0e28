"""What the settings of a server or a session let a pull query do: `ksql.query.pull.*`, under ksqlDB's names.

A lookup by keys is always allowed. A server that must stay quick for those can refuse scans of whole tables or streams.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import AnalysisError
from .plan import PullPlan

LIMIT = "ksql.query.pull.limit.clause.enabled"
RANGE_SCAN = "ksql.query.pull.range.scan.enabled"
STREAM = "ksql.query.pull.stream.enabled"
TABLE_SCAN = "ksql.query.pull.table.scan.enabled"


def check_limit(limit: int | None, settings: Mapping[str, str]) -> None:
    """Raises AnalysisError for a LIMIT that is not allowed."""
    if limit is not None:
        _check(LIMIT, "LIMIT in pull queries is not allowed here", settings)


def check_stream(settings: Mapping[str, str]) -> None:
    """Raises AnalysisError where streams may not be read by pull queries."""
    _check(STREAM, "pull queries over streams are not allowed here", settings)


def check_table(plan: PullPlan, settings: Mapping[str, str]) -> None:
    """Raises AnalysisError for a table's pull query that looks at more rows than it may. Of ranges of keys only those of
    text count as such: ksqlDB's are of its stores' bytes, in which numbers do not stand in their order."""
    if plan.keys is not None:
        return
    bounds = () if plan.key_range is None else (plan.key_range.low, plan.key_range.high)
    if any(isinstance(bound, str) for bound in bounds) and _enabled(RANGE_SCAN, settings):
        return
    _check(TABLE_SCAN, f"this query looks at all rows of {plan.relation}, which is not allowed here", settings)


def _check(name: str, refusal: str, settings: Mapping[str, str]) -> None:
    if not _enabled(name, settings):
        raise AnalysisError(
            refusal, detail=f"'{name}' is 'false'", hint="compare every key column with = or IN, or SET it to 'true'"
        )


def _enabled(name: str, settings: Mapping[str, str]) -> bool:
    return settings.get(name, "true").lower() != "false"
