"""The models of SQL over HTTP, for clients that speak no SQL: TensorFlow Serving's paths under /v1/models, the Open
Inference Protocol's under /v2, and /inferences for one text.

A path may name a version by number or by alias; without one it runs what `m(…)` runs. Refusals are `{"error": …}`, as both
protocols have them: 404 for what does not exist, 400 for what the model does not take, 503 where it cannot be run.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from ...errors import EnvironmentFault, MergusError, UnknownName, Unsupported, UserError
from ...sql.types import STRING, quote_if_needed
from ..models.calls import Called, column_of, find, run, single
from ..models.load import load
from ..session import Session
from . import models_v1 as v1
from . import models_v2 as v2
from .request import BadRequest, json_object, text_of, user_of

if TYPE_CHECKING:
    from ..engine import Engine

VERSION_HEADER = "Mergus-Model-Version"
TEXT_MODEL = "embed"
"""What /inferences runs unless the request names another."""
Handler = Callable[[Request], Awaitable[Response]]


def routes(engine: Engine) -> list[Route | Mount]:
    """What there is besides ksqlDB's paths."""
    http = _Models(engine)
    one, version, label = "/{name}", "/{name}/versions/{reference}", "/{name}/labels/{reference}"
    v1_routes = [Route(f"{path}:predict", _guarded(http.predict), methods=["POST"]) for path in (version, label, one)]
    v1_routes += [Route(f"{path}/metadata", _guarded(http.v1_metadata)) for path in (version, label, one)]
    v1_routes += [Route(path, _guarded(http.v1_status)) for path in (version, label, one)]
    v2_routes = [
        Route("/", _guarded(http.server)),
        Route("/health/live", _guarded(http.live)),
        Route("/health/ready", _guarded(http.ready)),
        Route("/repository/index", _guarded(http.index), methods=["POST"]),
        Route("/repository/models/{name}/load", _guarded(http.load), methods=["POST"]),
        Route("/repository/models/{name}/unload", _guarded(http.unload), methods=["POST"]),
    ]
    for path in ("/models/{name}/versions/{reference}", "/models/{name}"):
        v2_routes += [
            Route(f"{path}/infer", _guarded(http.infer), methods=["POST"]),
            Route(f"{path}/ready", _guarded(http.model_ready)),
            Route(path, _guarded(http.v2_metadata)),
        ]
    return [
        Route("/v1/models", _guarded(http.unnamed)),
        Mount("/v1/models", routes=v1_routes),
        Route("/v2", _guarded(http.server)),
        Mount("/v2", routes=v2_routes),
        Route("/inferences", _guarded(http.inferences), methods=["POST"]),
    ]


def _json(body: Any, status: int = 200, versions: list[str] | None = None) -> Response:
    """NaN and Infinity stay tokens, which both protocols' servers write."""
    headers = {VERSION_HEADER: ",".join(versions)} if versions else None
    return Response(json.dumps(body), status, headers, media_type="application/json")


def _guarded(handler: Handler) -> Handler:
    """The handler with refusals in these protocols' shape."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequest as why:
            return _json({"error": str(why)}, why.status)
        except MergusError as why:
            return _json({"error": str(why)}, _status(why))

    return guarded


def _status(error: MergusError) -> int:
    if isinstance(error, UnknownName):
        return 404
    if isinstance(error, UserError):
        return 400
    return 503 if isinstance(error, EnvironmentFault) else 500


class _Models:
    """The handlers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def _called(self, request: Request) -> Called:
        parameters = request.path_params
        return find(self.engine, parameters["name"], str(parameters.get("reference", "")))

    # --------------------------------------------------------------------------------------------- TensorFlow Serving
    async def predict(self, request: Request) -> Response:
        """POST /v1/models/m[/versions/3|/labels/canary]:predict."""
        body = await json_object(request)
        made, answer = await run_in_threadpool(lambda: v1.predict(self.engine, self._called(request), body))
        return _json(made, versions=answer.versions_used)

    async def unnamed(self, request: Request) -> Response:
        """GET /v1/models: TensorFlow Serving has no list."""
        raise UnknownName("no model is named", hint="GET /v1/models/m; POST /v2/repository/index lists all")

    async def v1_status(self, request: Request) -> Response:
        """GET /v1/models/m."""
        return _json(v1.status(self._called(request)))

    async def v1_metadata(self, request: Request) -> Response:
        """GET /v1/models/m/metadata."""
        return _json(v1.metadata(self._called(request)))

    # ---------------------------------------------------------------------------------------- Open Inference Protocol
    async def server(self, request: Request) -> Response:
        """GET /v2."""
        version = self.engine.info()["KsqlServerInfo"]["version"]
        return _json({"name": "mergus", "version": version, "extensions": ["model_repository"]})

    async def live(self, request: Request) -> Response:
        """GET /v2/health/live."""
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        """GET /v2/health/ready."""
        good = all((await run_in_threadpool(self.engine.health)).values())
        return _json({"ready": good}, 200 if good else 503)

    async def index(self, request: Request) -> Response:
        """POST /v2/repository/index: every version of every model."""
        found = [(m.name, v.number) for m in self.engine.catalog.models.values() for v in m.versions]
        return _json([{"name": n, "version": str(v), "state": "READY", "reason": ""} for n, v in sorted(found)])

    async def load(self, request: Request) -> Response:
        """POST /v2/repository/models/m/load: CREATE OR REPLACE MODEL."""
        parameters = (await json_object(request)).get("parameters") or {}
        name, session = request.path_params["name"], Session(user=user_of(request))
        return _json({"message": await run_in_threadpool(load, self.engine, session, name, parameters)})

    async def unload(self, request: Request) -> Response:
        """POST /v2/repository/models/m/unload, which is refused: a model is there until it is dropped."""
        called = self._called(request)
        raise Unsupported(
            f"model {called.name} cannot be unloaded: it is there until it is dropped",
            detail="a version that no alias points at gives its memory back by itself",
            hint=f"DROP MODEL {quote_if_needed(called.name)}, or {called.name}$1 for one version",
        )

    async def v2_metadata(self, request: Request) -> Response:
        """GET /v2/models/m[/versions/3]."""
        return _json(v2.metadata(self._called(request)))

    async def model_ready(self, request: Request) -> Response:
        """GET /v2/models/m[/versions/3]/ready: a version that is registered has been loaded and tested."""
        return _json({"name": self._called(request).name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """POST /v2/models/m[/versions/3]/infer."""
        if "Inference-Header-Content-Length" in request.headers:
            raise BadRequest("tensors as bytes behind the JSON are not taken: set binary_data to false")
        body = await json_object(request)
        return _json(await run_in_threadpool(lambda: v2.infer(self.engine, self._called(request), body)))

    # ------------------------------------------------------------------------------------------------------- one text
    async def inferences(self, request: Request) -> Response:
        """POST /inferences: `{"text": …}` gives `{"vector": […]}`; `model` names another than `embed`."""
        body = await json_object(request)
        text = text_of(body, "text")
        return _json(await run_in_threadpool(self._inference, text, str(body.get("model") or TEXT_MODEL)))

    def _inference(self, text: str, name: str) -> dict[str, Any]:
        called = find(self.engine, *name.partition("@")[::2])
        port = single(called)
        if port.type != STRING:
            raise UserError(f"model {name} takes {port.type}, not a text")
        answer = run(self.engine, called, [column_of(called, port, [text])])
        values = [column[0] for column in answer.columns]
        if len(values) == 1:
            return {"vector" if isinstance(values[0], list) else called.outputs[0].name: values[0]}
        return {p.name: v for p, v in zip(called.outputs, values, strict=True)}
