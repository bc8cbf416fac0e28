"""ksqlDB's endpoints about the whole cluster: GET /clusterStatus, POST /ksql/terminate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..describe.cluster import cluster_status
from ..ending import end_for_good
from .answers import entity
from .request import BadRequest, json_object

if TYPE_CHECKING:
    from ..engine import Engine


def routes(engine: Engine) -> list[Route]:
    """Over an engine."""

    async def status(request: Request) -> Response:
        """GET /clusterStatus."""
        host, port = request.scope.get("server") or ("localhost", None)
        address = host if port is None else f"{host}:{port}"
        statuses = await run_in_threadpool(engine.statuses)
        return JSONResponse(cluster_status(address, engine.plans, statuses, engine.clock.now_ms()))

    async def terminate(request: Request) -> Response:
        """POST /ksql/terminate."""
        body = await json_object(request)
        given = body.get("deleteTopicList") or []
        if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            raise BadRequest('"deleteTopicList" is a list of names of topics, or of regular expressions')
        return JSONResponse([entity(await run_in_threadpool(end_for_good, engine, given))])

    return [Route("/clusterStatus", status), Route("/ksql/terminate", terminate, methods=["POST"])]
