"""HTTP as ksqlDB speaks it: statements, pull and push queries, inserts, health and metrics.

The engine's calls block, so they run on threads; a push query's batches come from its own thread into the event loop.
Nothing of a request's or answer's body is logged.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import chain, islice
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from ...errors import MergusError, ParseError, RecordError, UserError
from ...io.formats.json.exact import parse
from ...sql.parser.parse import iterate_statements, split_statements
from ...sql.statements.relational import RelationalQuery
from ...sql.statements.statement import CreateType, Print, Query
from ..engine import Engine
from ..results import Done, Listing, Push, Result, Rows
from ..session import Session
from ..settings import property_name
from ..topic_answers import PrintedTopic
from . import cluster as http_cluster
from . import models as http_models
from . import page as http_page
from . import schemas as http_schemas
from .access import AccessLog, RequestMetrics
from .answers import (
    BAD_REQUEST,
    NOT_FOUND,
    SERVER_ERROR,
    NoQueryHere,
    entity,
    error_body,
    generic_error,
    row_header,
    status_of,
    stream_header,
)
from .early import EarlyRefusals
from .origin import OwnPages
from .printed_lines import printed_lines
from .request import BODY_MAX, BadRequest, holds_half_a_pair, json_object, preferred, session_of, text_of, user_of
from .stream import (
    ARRAY,
    ARROW,
    LINES,
    OLDER_ARRAY,
    AcknowledgedResponse,
    LineTooLong,
    QueryResponse,
    Shape,
    arrow_pieces,
    lines_of,
    texts,
)

WHOLE_BYTES_MAX = 64 << 10
COMMANDS_MAX = 1_000
log = logging.getLogger("mergus.http")
_NO_OBJECT = UserError("the line is not a JSON object")


def application(engine: Engine) -> ASGIApp:
    """The ASGI application over an engine."""
    requests = RequestMetrics()
    http = _Http(engine, requests)
    routes: list[BaseRoute] = [
        Route("/ksql", http.statements, methods=["POST"]),
        Route("/query", http.query, methods=["POST"]),
        Route("/query-stream", http.query_stream, methods=["POST"]),
        Route("/close-query", http.close_query, methods=["POST"]),
        Route("/inserts-stream", http.inserts, methods=["POST"]),
        Route("/status", http.done),
        Route("/status/{command:path}", http.status),
        Route("/is_valid_property/{name}", http.is_valid_property),
        Route("/info", http.info),
        Route("/healthcheck", http.health),
        Route("/metrics", http.metrics),
        Route("/topology.dot", http.topology),
        Route("/topology.mermaid", http.topology),
        *http_page.routes(engine.info),
        *http_models.routes(engine),
        *http_cluster.routes(engine),
    ]
    location = engine.schema_registry
    if location.startswith("embedded:"):
        routes.append(Mount(http_schemas.PATH, http_schemas.routes(location)))
    handlers: Mapping[Any, Callable[[Request, Exception], Response]] = {
        404: lambda request, why: JSONResponse(generic_error(NOT_FOUND, "HTTP 404 Not Found"), 404),
        405: lambda request, why: JSONResponse(generic_error(40500, "HTTP 405 Method Not Allowed"), 405),
        MergusError: _refused,
        BadRequest: _bad_request,
        Exception: _internal,
    }
    around = [Middleware(EarlyRefusals), Middleware(OwnPages, engine.config["http.hosts"])]
    return AccessLog(Starlette(routes=routes, middleware=around, exception_handlers=handlers), requests)


def _bad_request(request: Request, why: Exception) -> Response:
    status = why.status if isinstance(why, BadRequest) else 400
    code = BAD_REQUEST if status == 400 else status * 100
    return JSONResponse(generic_error(code, str(why)), status)


def _refused(request: Request, why: Exception) -> Response:
    assert isinstance(why, MergusError)
    return JSONResponse(error_body(why), status_of(why)[0])


def _internal(request: Request, why: Exception) -> Response:
    places = "".join(traceback.format_tb(why.__traceback__))
    log.error("%s %s: %s\n%s", request.method, request.url.path, type(why).__name__, places)  # its words may hold data
    return JSONResponse(generic_error(SERVER_ERROR, "an error of the server's own; its log says more"), 500)


class _Http:
    """The handlers."""

    def __init__(self, engine: Engine, requests: RequestMetrics) -> None:
        self.engine = engine
        self.requests = requests
        self.commands: dict[str, dict[str, Any]] = {}

    # ------------------------------------------------------------------------------------------------------- statements
    async def statements(self, request: Request) -> Response:
        """POST /ksql."""
        body = await json_object(request)
        text, session = text_of(body, "ksql"), session_of(body)
        session.user = user_of(request)
        status, answer = await run_in_threadpool(self._run, text, session, body.get("forPeople") is True)
        return JSONResponse(answer, status)

    def _run(self, text: str, session: Session, for_people: bool) -> tuple[int, Any]:
        entities: list[dict[str, Any]] = []
        try:
            self._check_syntax(text, session)
            for result in self.engine.execute(text, session):
                made = self._entity(result, for_people)
                self._remember(made)
                entities += made
        except MergusError as error:
            return status_of(error)[0], error_body(error, entities)
        return 200, entities

    def _remember(self, entities: list[dict[str, Any]]) -> None:
        """What /status answers of commands done: a statement is done when it is answered."""
        for made in entities:
            if "commandId" in made:
                self.commands.pop(made["commandId"], None)
                self.commands[made["commandId"]] = made["commandStatus"]
                if len(self.commands) > COMMANDS_MAX:
                    self.commands.pop(next(iter(self.commands)), None)

    async def done(self, request: Request) -> Response:
        """GET /status: the last commands."""
        return JSONResponse({"commandStatuses": {name: each["status"] for name, each in list(self.commands.items())}})

    async def status(self, request: Request) -> Response:
        """GET /status/{commandId}."""
        found = self.commands.get(request.path_params["command"])
        if found is None:
            return JSONResponse(generic_error(NOT_FOUND, "Command not found"), 404)
        return JSONResponse(found)

    async def is_valid_property(self, request: Request) -> Response:
        """GET /is_valid_property/{name}: whether a session may set it."""
        property_name(request.path_params["name"])
        return JSONResponse(True)

    def _check_syntax(self, text: str, session: Session) -> None:
        """Refuse several statements that cannot be read to their end before any of them is done."""
        if len(list(islice(split_statements(text), 2))) < 2:
            return  # one is read once: where it is done
        scratch, types = Session(dict(session.variables), dict(session.properties)), dict(self.engine.catalog.types)
        try:
            for parsed in iterate_statements(text, types, scratch.variables, scratch.substitutes(self.engine.system)):
                scratch.answer(parsed.statement, parsed.text)
                if isinstance(parsed.statement, CreateType):
                    types[parsed.statement.name] = parsed.statement.type
        except ParseError:
            raise
        except MergusError:
            return  # it can be read; what is wrong with it is told where it is done

    def _entity(self, result: Result, for_people: bool) -> list[dict[str, Any]]:
        match result:
            case Done() | Listing():
                made = entity(result, for_people=for_people)
                return [] if made is None else [made]
            case Push():
                result.close()
        raise NoQueryHere(
            "SELECT and PRINT are no statements of /ksql",
            hint="send queries to /query-stream",
            statement=result.statement,
        )

    # ---------------------------------------------------------------------------------------------------------- queries
    def _ask(self, text: str, session: Session) -> Rows | Push:
        """The answer of the one query that `text` is; nothing is done of a text that is anything else."""
        if known := self.engine.questions.known(text, session.properties):
            return known
        substitutes = session.substitutes(self.engine.system)
        some = list(islice(iterate_statements(text, self.engine.catalog.types, session.variables, substitutes), 2))
        if len(some) == 1 and isinstance(some[0].statement, Query | RelationalQuery | Print):
            answer = self.engine.execute_statement(some[0], session)
            if isinstance(answer, Rows | Push):
                return answer
        raise UserError("one SELECT is expected here", hint="send other statements to /ksql", statement=text)

    async def query_stream(self, request: Request) -> Response:
        """POST /query-stream: a header, then a row a line; for `Accept: application/json` one array of the same, for
        Arrow's media type an IPC stream, for ksqlDB's older one what /query gives."""
        return await self._answer(request, ("sql", "ksql"), LINES)

    async def query(self, request: Request) -> Response:
        """POST /query: the older form, one array of a header and rows."""
        return await self._answer(request, ("ksql", "sql"), OLDER_ARRAY)

    async def _answer(self, request: Request, names: tuple[str, ...], usual: Shape) -> Response:
        body = await json_object(request)
        shapes = dict.fromkeys((usual, LINES, OLDER_ARRAY, ARRAY))
        media = preferred(request.headers.get("accept") or "*/*", [*(s.media for s in shapes), ARROW])
        shape = next((s for s in shapes if s.media == media), usual)
        if shape is ARRAY and usual is OLDER_ARRAY:
            shape = OLDER_ARRAY
        return await run_in_threadpool(self._answered, text_of(body, *names), session_of(body), media == ARROW, shape)

    def _answered(self, text: str, session: Session, as_arrow: bool, shape: Shape) -> Response:
        """On a thread of the pool. A short answer is whole when it leaves it: a thread and a stream of its own would cost
        more than its rows."""
        answer = self._ask(text, session)
        if shape is OLDER_ARRAY and isinstance(answer, PrintedTopic) and not as_arrow:
            return QueryResponse(answer, printed_lines(answer), "text/plain")
        if as_arrow:
            pieces, media = arrow_pieces(answer), ARROW
        else:
            of = row_header if shape is OLDER_ARRAY else stream_header
            header = orjson.dumps(of(answer.query_id, answer.schema)).decode()
            pieces, media = texts(answer, header, shape), shape.media
        begun: list[bytes] = []
        if isinstance(answer, Rows):
            for piece in pieces:
                begun.append(piece)
                if sum(map(len, begun)) > WHOLE_BYTES_MAX:
                    break
            else:
                return Response(b"".join(begun), media_type=media)
        return QueryResponse(answer, chain(begun, pieces), media)

    async def close_query(self, request: Request) -> Response:
        """POST /close-query: end a push query by its id."""
        body = await json_object(request)
        await run_in_threadpool(self.engine.questions.end, text_of(body, "queryId"))
        return Response(status_code=200)

    # ---------------------------------------------------------------------------------------------------------- inserts
    async def inserts(self, request: Request) -> Response:
        """POST /inserts-stream: a line that names the target, then a JSON object a line, for as long as the client likes;
        each row is acknowledged when it is written."""
        lines = lines_of(request.stream(), BODY_MAX)
        try:
            first: list[bytes] = await anext(lines, [])
        except LineTooLong as why:
            raise BadRequest(str(why), 413) from None
        except ClientDisconnect:
            raise BadRequest("the client has gone") from None
        if not first or not isinstance(head := _json(first[0]), dict):
            raise BadRequest("the first line is a JSON object that names the target")
        target = text_of(head, "target")
        target = target[1:-1] if target.startswith("`") else target.upper()
        await run_in_threadpool(self.engine.insert_rows, target, [])  # is there one that takes rows?
        return AcknowledgedResponse(self._acks(target, first[1:], lines), LINES.media)

    async def _acks(self, target: str, first: list[bytes], lines: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
        number = 0
        try:
            if first:
                yield await run_in_threadpool(self._insert, target, first, 0)
                number = len(first)
            async for some in lines:
                yield await run_in_threadpool(self._insert, target, some, number)
                number += len(some)
        except LineTooLong as why:
            yield _acknowledged(number, UserError(str(why)))
        except ClientDisconnect:
            log.info("a client has gone while it inserted: %d rows are written or refused", number)

    def _insert(self, target: str, lines: list[bytes], number: int) -> bytes:
        rows = [_json(line) for line in lines]
        objects = [row for row in rows if isinstance(row, dict)]
        refused: list[MergusError | None]
        try:
            refused = self.engine.insert_rows(target, objects)
        except MergusError as why:  # the target went away meanwhile
            refused = [why] * len(objects)
        errors = iter(refused)
        answered = (next(errors) if isinstance(row, dict) else _NO_OBJECT for row in rows)
        return b"".join(_acknowledged(number + i, error) for i, error in enumerate(answered))

    # ------------------------------------------------------------------------------------------------------------ state
    async def info(self, request: Request) -> Response:
        """GET /info."""
        return JSONResponse(self.engine.info())

    async def health(self, request: Request) -> Response:
        """GET /healthcheck."""
        healthy = await run_in_threadpool(self.engine.health)
        details = {name: {"isHealthy": good} for name, good in healthy.items()}
        good, state = all(healthy.values()), "TERMINATED" if self.engine.terminated else "READY"
        return JSONResponse({"isHealthy": good, "details": details, "serverState": state}, 200 if good else 503)

    async def metrics(self, request: Request) -> Response:
        """GET /metrics, for Prometheus."""
        text = await run_in_threadpool(self.engine.metrics_text) + self.requests.exposition()
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def topology(self, request: Request) -> Response:
        """GET /topology.dot and /topology.mermaid: what SHOW TOPOLOGY AS … tells."""
        form = request.url.path.rpartition(".")[2].upper()
        (told,) = await run_in_threadpool(lambda: list(self.engine.execute(f"SHOW TOPOLOGY AS {form};")))
        assert isinstance(told, Listing)
        return PlainTextResponse(told.text)


def _json(line: bytes) -> Any:
    """What a line says, numbers with all their digits; None where it is not JSON (a `null` is as wrong)."""
    try:
        made = parse(line)
    except RecordError:
        return None
    return None if holds_half_a_pair(line) else made


def _acknowledged(number: int, error: MergusError | None) -> bytes:
    if error is None:
        return b'{"status":"ok","seq":%d}\n' % number
    told = {"status": "error", "seq": number, "error_code": status_of(error)[1], "message": str(error)}
    return orjson.dumps(told) + b"\n"
