"""Results and errors as ksqlDB's REST interface writes them."""

from __future__ import annotations

from typing import Any

from ...errors import EnvironmentFault, MergusError, UserError
from ...sql.schema import Schema
from ...sql.types import back_quoted
from ..ending import ClusterTerminated
from ..results import Done, Listing, Rows
from ..shape import type_text

BAD_REQUEST = 40000
BAD_STATEMENT = 40001
QUERY_ENDPOINT = 40002
NOT_FOUND = 40400
SERVER_ERROR = 50000
UNAVAILABLE = 50300
TERMINATED = 50303


def entity(result: Done | Listing | Rows, *, for_people: bool = False) -> dict[str, Any] | None:
    """One entry of the answer to POST /ksql; None for what has none there (INSERT VALUES). `for_people`: with what a
    prompt shows beside what ksqlDB's clients read."""
    match result:
        case Done(entity=None):
            generic = {"@type": "generic", **_common(result), "message": result.message, "warnings": _warnings(result)}
            return generic if result.message else None
        case Done(entity=(kind, name, action)):
            return {
                "@type": "currentStatus",
                **_common(result),
                "commandId": f"{kind}/`{name}`/{action}",
                "commandStatus": {"status": "SUCCESS", "message": result.message, "queryId": result.query_id},
                "commandSequenceNumber": result.sequence,
                "warnings": _warnings(result),
            }
        case Listing():
            shown = {"columns": result.columns, "rows": result.rows, "text": result.text}
            more = {"forPeople": shown} if for_people else {}
            return {"@type": result.kind, **_common(result), **result.body, "warnings": _warnings(result), **more}
        case _:
            return None


def _common(result: Done | Listing) -> dict[str, Any]:
    return {"statementText": result.statement + (";" if not result.statement.rstrip().endswith(";") else "")}


def _warnings(result: Done | Listing) -> list[dict[str, str]]:
    return [{"message": warning} for warning in result.warnings]


class NoQueryHere(UserError):
    """A query was sent to /ksql."""


def status_of(error: BaseException) -> tuple[int, int]:
    """(HTTP status, ksqlDB's error code)."""
    if isinstance(error, UserError):
        return 400, QUERY_ENDPOINT if isinstance(error, NoQueryHere) else BAD_STATEMENT
    if isinstance(error, EnvironmentFault):
        return 503, TERMINATED if isinstance(error, ClusterTerminated) else UNAVAILABLE
    return 500, SERVER_ERROR


def error_body(error: MergusError, entities: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The body that goes with a refusal; what came before it in the same request is told too."""
    _, code = status_of(error)
    return {
        "@type": "statement_error" if isinstance(error, UserError) else "generic_error",
        "error_code": code,
        "message": str(error),
        "statementText": error.statement or "",
        "entities": entities or [],
    }


def generic_error(code: int, message: str) -> dict[str, Any]:
    """The body of a refusal that has nothing to do with a statement."""
    return {"@type": "generic_error", "error_code": code, "message": message}


def stream_header(query_id: str, schema: Schema) -> dict[str, Any]:
    """The first line of /query-stream."""
    names, types = [c.name for c in schema], [type_text(c.type) for c in schema]
    return {"queryId": query_id, "columnNames": names, "columnTypes": types}


def row_header(query_id: str, schema: Schema) -> dict[str, Any]:
    """The first entry of /query."""
    columns = ", ".join(f"{back_quoted(c.name)} {type_text(c.type)}{' KEY' if c.is_key else ''}" for c in schema)
    return {"header": {"queryId": query_id, "schema": columns}}
