"""HTTP as ksqlDB speaks it: statements, pull and push queries, inserts, health and metrics.

The engine's calls block, so they run on threads; a push query's batches come from its own thread into the event loop.
Nothing of a request's or answer's body is logged.
"""

from __future__ import annotations

import asyncio
import decimal
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import MergusError, Unsupported, UserError
from .engine import Engine
from .http_answers import (
    BAD_REQUEST,
    NOT_FOUND,
    SERVER_ERROR,
    entity,
    error_body,
    generic_error,
    row_header,
    status_of,
    stream_header,
)
from .json_rows import row_texts
from .results import Done, Listing, Push, Result, Rows
from .session import Session

BODY_MAX = 32 << 20
NDJSON = "application/vnd.ksqlapi.delimited.v1"
log = logging.getLogger("mergus.http")


def application(engine: Engine) -> ASGIApp:
    """The ASGI application over an engine."""
    http = _Http(engine)
    routes = [
        Route("/ksql", http.statements, methods=["POST"]),
        Route("/query", http.query, methods=["POST"]),
        Route("/query-stream", http.query_stream, methods=["POST"]),
        Route("/close-query", http.close_query, methods=["POST"]),
        Route("/inserts-stream", http.inserts, methods=["POST"]),
        Route("/info", http.info),
        Route("/healthcheck", http.health),
        Route("/clusterStatus", http.cluster),
        Route("/metrics", http.metrics),
        Route("/", http.root),
    ]
    handlers: Mapping[Any, Callable[[Request, Exception], Response]] = {
        404: lambda request, why: JSONResponse(generic_error(NOT_FOUND, "HTTP 404 Not Found"), 404),
        405: lambda request, why: JSONResponse(generic_error(40500, "HTTP 405 Method Not Allowed"), 405),
        MergusError: _refused,
        _BadRequest: _bad_request,
        Exception: _internal,
    }
    return _AccessLog(Starlette(routes=routes, exception_handlers=handlers))


class _BadRequest(Exception):
    """The request is not what the path takes."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def _bad_request(request: Request, why: Exception) -> Response:
    status = why.status if isinstance(why, _BadRequest) else 400
    code = BAD_REQUEST if status == 400 else status * 100
    return JSONResponse(generic_error(code, str(why)), status)


def _refused(request: Request, why: Exception) -> Response:
    assert isinstance(why, MergusError)
    return JSONResponse(error_body(why), status_of(why)[0])


def _internal(request: Request, why: Exception) -> Response:
    return JSONResponse(generic_error(SERVER_ERROR, "an error of the server's own; its log says more"), 500)


class _AccessLog:
    """One line a request: method, path, status, time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, told)
        finally:
            took_ms = 1000 * (time.monotonic() - begun)
            level = logging.DEBUG if scope["path"] in ("/metrics", "/healthcheck") else logging.INFO
            log.log(level, "%s %s %d %.1f ms", scope["method"], scope["path"], status, took_ms)


async def _body(request: Request) -> bytes:
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > BODY_MAX:
                raise _BadRequest(f"the body is larger than {BODY_MAX} bytes", 413)
    except ClientDisconnect:
        raise _BadRequest("the client has gone") from None
    return bytes(content)


async def _object(request: Request) -> dict[str, Any]:
    """The body as a JSON object."""
    try:
        body = json.loads(await _body(request))
    except (ValueError, RecursionError):
        raise _BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise _BadRequest("the body is not a JSON object")
    return body


def _text(body: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if isinstance(body.get(name), str):
            return str(body[name])
    raise _BadRequest(f"the body has no text named '{names[0]}'")


def _strings(body: Mapping[str, Any], name: str) -> dict[str, str]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise _BadRequest(f"'{name}' is not a JSON object")
    return {str(k).removeprefix("ksql.streams."): _plain(v) for k, v in value.items()}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _session(body: Mapping[str, Any]) -> Session:
    variables = {k.upper(): v for k, v in _strings(body, "sessionVariables").items()}
    properties = _strings(body, "streamsProperties") | _strings(body, "properties")
    return Session(variables, properties)


class _Http:
    """The handlers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # ------------------------------------------------------------------------------------------------------- statements
    async def statements(self, request: Request) -> Response:
        """POST /ksql."""
        body = await _object(request)
        text, session = _text(body, "ksql"), _session(body)
        status, answer = await run_in_threadpool(self._run, text, session)
        return JSONResponse(answer, status)

    def _run(self, text: str, session: Session) -> tuple[int, Any]:
        entities: list[dict[str, Any]] = []
        try:
            for result in self.engine.execute(text, session):
                entities += self._entity(result)
        except MergusError as error:
            return status_of(error)[0], error_body(error, entities)
        return 200, entities

    def _entity(self, result: Result) -> list[dict[str, Any]]:
        match result:
            case Done() | Listing():
                made = entity(result)
                return [] if made is None else [made]
            case Push():
                result.close()
        raise UserError(
            "SELECT is not a statement of /ksql",
            hint="send queries to /query-stream",
            statement=result.statement,
        )

    # ---------------------------------------------------------------------------------------------------------- queries
    def _ask(self, text: str, session: Session) -> Rows | Push | Listing:
        results = list(self.engine.execute(text, session))
        if len(results) != 1 or not isinstance(results[0], Rows | Push):
            for result in results:
                if isinstance(result, Push):
                    result.close()
            raise UserError("one SELECT is expected here", hint="send other statements to /ksql", statement=text)
        return results[0]

    async def query_stream(self, request: Request) -> Response:
        """POST /query-stream: a header, then a row a line; or, for `application/json`, one array."""
        body = await _object(request)
        answer = await run_in_threadpool(self._ask, _text(body, "sql", "ksql"), _session(body))
        if isinstance(answer, Listing):
            raise Unsupported("only SELECTs are answered here")
        as_array = "application/json" in request.headers.get("accept", "") and not isinstance(answer, Push)
        header = orjson.dumps(stream_header(answer.query_id, answer.schema)).decode()
        if as_array:
            lines = _array(header, _texts(answer))
        else:
            lines = (line + "\n" for line in _first(header, _texts(answer)))
        media = "application/json" if as_array else NDJSON
        return StreamingResponse(_pieces(answer, lines), media_type=media)

    async def query(self, request: Request) -> Response:
        """POST /query: the older form, one array of a header and rows."""
        body = await _object(request)
        answer = await run_in_threadpool(self._ask, _text(body, "ksql", "sql"), _session(body))
        if isinstance(answer, Listing):
            raise Unsupported("only SELECTs are answered here")
        header = orjson.dumps(row_header(answer.query_id, answer.schema)).decode()
        rows = (f'{{"row":{{"columns":{row}}}}}' for row in _texts(answer))
        return StreamingResponse(_pieces(answer, _array(header, rows)), media_type="application/vnd.ksql.v1+json")

    async def close_query(self, request: Request) -> Response:
        """POST /close-query: end a push query by its id."""
        body = await _object(request)
        await run_in_threadpool(self.engine.questions.end, _text(body, "queryId"))
        return Response(status_code=200)

    # ---------------------------------------------------------------------------------------------------------- inserts
    async def inserts(self, request: Request) -> Response:
        """POST /inserts-stream: a line that names the target, then a JSON object a line; an answer a row."""
        lines = (await _body(request)).splitlines()
        try:
            rows = [json.loads(line, parse_float=decimal.Decimal) for line in lines if line.strip()]
        except (ValueError, RecursionError):
            raise _BadRequest("a line is not JSON") from None
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise _BadRequest("the first line names the target, the others are JSON objects")
        target = _text(rows[0], "target")
        target = target[1:-1] if target.startswith("`") else target.upper()
        answers = await run_in_threadpool(lambda: list(self._insert(target, rows[1:])))
        return PlainTextResponse("".join(answers), media_type=NDJSON)

    def _insert(self, target: str, rows: list[dict[str, Any]]) -> Iterator[str]:
        for number, error in enumerate(self.engine.insert_rows(target, rows)):
            if error is None:
                yield orjson.dumps({"status": "ok", "seq": number}).decode() + "\n"
                continue
            _, code = status_of(error)
            told = {"status": "error", "seq": number, "error_code": code, "message": str(error)}
            yield orjson.dumps(told).decode() + "\n"

    # ------------------------------------------------------------------------------------------------------------ state
    async def info(self, request: Request) -> Response:
        """GET /info."""
        return JSONResponse(self.engine.info())

    async def root(self, request: Request) -> Response:
        """GET /: the way to what there is."""
        return JSONResponse(self.engine.info())

    async def health(self, request: Request) -> Response:
        """GET /healthcheck."""
        healthy = await run_in_threadpool(self.engine.health)
        details = {name: {"isHealthy": good} for name, good in healthy.items()}
        good = all(healthy.values())
        return JSONResponse({"isHealthy": good, "details": details, "serverState": "READY"}, 200 if good else 503)

    async def cluster(self, request: Request) -> Response:
        """GET /clusterStatus: one server."""
        return JSONResponse({"clusterStatus": {}})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics, for Prometheus."""
        text = await run_in_threadpool(self.engine.metrics_text)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _texts(answer: Rows | Push) -> Iterator[str]:
    tables = [answer.table] if isinstance(answer, Rows) else iter(answer)
    for table in tables:
        yield from row_texts(answer.schema, table)


def _first(header: str, rows: Iterator[str]) -> Iterator[str]:
    yield header
    yield from rows


def _array(header: str, rows: Iterator[str]) -> Iterator[str]:
    yield "[" + header
    for row in rows:
        yield ",\n" + row
    yield "]\n"


async def _pieces(answer: Rows | Push, lines: Iterator[str]) -> AsyncIterator[str]:
    """The lines as they come; a push query is ended when its client goes."""
    if isinstance(answer, Rows):
        joined = "".join(lines)
        for start in range(0, len(joined), 1 << 20):
            yield joined[start : start + (1 << 20)]
        return
    try:
        async for line in iterate_in_threadpool(lines):
            yield line
    except MergusError as error:
        yield orjson.dumps(error_body(error)).decode() + "\n"
    finally:
        await asyncio.shield(run_in_threadpool(answer.close))
