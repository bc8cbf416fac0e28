"""The engine's own schema registry over HTTP, as Confluent's speaks it, so that Kafka's clients can use it as it is.

Mounted under /schema-registry. Answers carry Confluent's error codes: 40401 no subject, 40402 no version, 40403 no
schema, 409 incompatible, 42201 no schema at all, 42202 no version number, 42203 no compatibility level.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ...errors import EnvironmentFault, MergusError
from ...io.schemas.embedded import EmbeddedRegistry
from ...io.schemas.opening import open_registry
from ...io.schemas.refusals import Incompatible, Missing, Refused, no_schema
from ...io.schemas.schema import Reference, Registered, Schema

PATH = "/schema-registry"
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
BODY_MAX = 8 << 20
Json = Any
Answer = Callable[["Asked"], Json]
Handler = Callable[[Request], Awaitable[Response]]


class Asked:
    """A request, its body read."""

    def __init__(self, request: Request, body: Json, registry: EmbeddedRegistry) -> None:
        self.subject = unquote(request.path_params.get("subject", ""))
        self.parameters = request.path_params
        self.query = request.query_params
        self.body: dict[str, Any] = body if isinstance(body, dict) else {}
        self.registry = registry

    def flag(self, name: str) -> bool:
        """Whether a query parameter is true."""
        return self.query.get(name, "").lower() == "true"

    def schema(self) -> Schema:
        """The schema of the body. Raises Refused."""
        text = self.body.get("schema")
        if not isinstance(text, str) or not text.strip():
            raise Refused(42201, "Empty schema")
        try:
            references = tuple(
                Reference(str(r["name"]), str(r["subject"]), int(r["version"]))
                for r in self.body.get("references") or ()
            )
        except (KeyError, TypeError, ValueError):
            raise Refused(42201, "A reference has a name, a subject and a version") from None
        return Schema(self.body.get("schemaType") or "AVRO", text, references)

    def id(self) -> int:
        """The schema's id that the path names."""
        found = _number(str(self.parameters["id"]))
        if found is None:
            raise no_schema()
        return found

    def version(self, *, deleted: bool = False) -> Registered:
        """The version that the path names."""
        given = str(self.parameters["version"])
        if given in ("latest", "-1"):
            return self.registry.latest(self.subject)
        if not 0 < (number := _number(given) or 0) < 1 << 31:
            raise Refused(
                42202, f"The specified version '{given}' is not a valid version id: a number from 1, or latest"
            )
        return self.registry.version(self.subject, number, deleted=deleted)


def routes(location: str) -> Starlette:
    """The application over the registry at a location."""
    ways: list[tuple[str, str, Answer]] = [
        ("GET", "/", lambda a: {}),
        ("GET", "/subjects", _subjects),
        ("POST", "/subjects/{subject}", lambda a: _told(a.registry.lookup(a.subject, a.schema()))),
        ("DELETE", "/subjects/{subject}", _delete_subject),
        ("GET", "/subjects/{subject}/versions", _versions),
        ("POST", "/subjects/{subject}/versions", _register),
        ("GET", "/subjects/{subject}/versions/{version}", lambda a: _told(a.version(deleted=a.flag("deleted")))),
        ("DELETE", "/subjects/{subject}/versions/{version}", _delete_version),
        ("GET", "/subjects/{subject}/versions/{version}/schema", lambda a: _raw(a.version().schema)),
        ("GET", "/subjects/{subject}/versions/{version}/referencedby", _referenced_by),
        ("GET", "/schemas", _schemas),
        ("GET", "/schemas/types", lambda a: ["JSON", "PROTOBUF", "AVRO"]),
        ("GET", "/schemas/ids/{id}", lambda a: _schema(a.registry.by_id(a.id()))),
        ("GET", "/schemas/ids/{id}/schema", lambda a: _raw(a.registry.by_id(a.id()))),
        (
            "GET",
            "/schemas/ids/{id}/subjects",
            lambda a: sorted({s for s, _ in a.registry.places(a.id())}),
        ),
        ("GET", "/schemas/ids/{id}/versions", _places),
        ("POST", "/compatibility/subjects/{subject}/versions", _compatible_with_all),
        ("POST", "/compatibility/subjects/{subject}/versions/{version}", _compatible),
    ]
    for path, setting, word in (("/config", "compatibility", "compatibility"), ("/mode", "mode", "mode")):
        for suffix in ("", "/{subject}"):
            ways += [
                ("GET", path + suffix, _getting(setting, "compatibilityLevel" if setting != "mode" else word)),
                ("PUT", path + suffix, _putting(setting, word)),
                ("DELETE", path + suffix, _deleting(setting, "compatibilityLevel" if setting != "mode" else word)),
            ]
    made = [Route(path, _handler(answer, location), methods=[method]) for method, path, answer in ways]
    around = [Middleware(_PathAsWritten)]
    return Starlette(routes=made, middleware=around, exception_handlers={404: _nowhere, 405: _nowhere})


class _PathAsWritten:
    """Routes by the path before it is decoded: a subject's name may hold a slash, written %2F."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        written = scope.get("raw_path")
        await self.app({**scope, "path": written.decode("latin-1")} if written else scope, receive, send)


def _handler(answer: Answer, location: str) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            body = await _body(request)
            return _response(await run_in_threadpool(_answered, answer, request, body, location))
        except MergusError as why:
            status, code = _status(why)
            reason = why.message if why.detail is None else f"{why.message}; {why.detail}"
            return _response({"error_code": code, "message": reason}, status)

    return handle


def _answered(answer: Answer, request: Request, body: Json, location: str) -> Json:
    registry = open_registry(location)
    assert isinstance(registry, EmbeddedRegistry)
    return answer(Asked(request, body, registry))


async def _body(request: Request) -> Json:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > BODY_MAX:
            raise Refused(42201, f"a schema has at most {BODY_MAX} bytes")
        pieces.append(piece)
    whole = b"".join(pieces)
    try:
        return orjson.loads(whole) if whole.strip() else {}
    except orjson.JSONDecodeError as why:
        raise Refused(42201, f"the request is not JSON: {why}") from None


def _status(why: MergusError) -> tuple[int, int]:
    if isinstance(why, Incompatible):
        return 409, 409
    if isinstance(why, Missing | Refused):
        return why.code // 100, why.code
    return (500, 50001) if isinstance(why, EnvironmentFault) else (422, 42201)


def _response(body: Json, status: int = 200) -> Response:
    content = body.encode() if isinstance(body, _Text) else orjson.dumps(body)
    return Response(content, status, media_type=MEDIA_TYPE)


async def _nowhere(request: Request, why: Exception) -> Response:
    status = getattr(why, "status_code", 404)
    return _response({"error_code": status, "message": f"HTTP {status}"}, status)


class _Text(str):
    """An answer that is JSON (or a .proto file) already."""


def _raw(schema: Schema) -> _Text:
    return _Text(schema.text)


def _schema(schema: Schema) -> dict[str, Json]:
    told: dict[str, Json] = {"schema": schema.text}
    if schema.type != "AVRO":
        told["schemaType"] = schema.type
    if schema.references:
        told["references"] = [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references]
    return told


def _told(found: Registered) -> dict[str, Json]:
    return {"subject": found.subject, "version": found.version, "id": found.id, **_schema(found.schema)}


# --------------------------------------------------------------------------------------------------------------- answers
def _subjects(asked: Asked) -> Json:
    prefix = asked.query.get("subjectPrefix", "")
    return [s for s in asked.registry.subjects(deleted=asked.flag("deleted")) if s.startswith(prefix)]


def _schemas(asked: Asked) -> Json:
    """Every version of every subject, or of those that begin so."""
    deleted, told = asked.flag("deleted"), []
    for subject in _subjects(asked):
        versions = asked.registry.versions(subject, deleted=deleted)
        for version in versions[-1:] if asked.flag("latestOnly") else versions:
            told.append(_told(asked.registry.version(subject, version, deleted=deleted)))
    first, most = (_number(asked.query.get(name)) for name in ("offset", "limit"))
    return told[first or 0 :][: most or None]


def _number(given: str | None) -> int | None:
    """A number of a path or a query; Confluent's clients say -1 for no limit. One beyond a BIGINT is as good as the greatest."""
    if not given or not given.isascii() or not given.isdecimal():
        return None
    return int(given) if len(given) < 19 else (1 << 63) - 1


def _versions(asked: Asked) -> Json:
    found = asked.registry.versions(asked.subject, deleted=asked.flag("deleted"))
    if not found:
        asked.registry.latest(asked.subject)  # says that there is no such subject
    return found


def _register(asked: Asked) -> Json:
    number, version = (_given(asked.body, name) for name in ("id", "version"))
    imported = asked.registry.setting(asked.subject, "mode") == "IMPORT"
    if imported != (number is not None):
        raise Refused(42205, f"Subject {asked.subject} is not in {'read-write' if imported else 'import'} mode")
    return {"id": asked.registry.register(asked.subject, asked.schema(), number, version if imported else None)}


def _given(body: Mapping[str, Any], name: str) -> int | None:
    """A number that says what an imported schema has elsewhere; clients say -1 or 0 for none."""
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value >= 1 << 31):
        raise Refused(42201, f"Invalid schema: {name} is a whole number")
    return None if value is None or value < 1 else value


def _delete_subject(asked: Asked) -> Json:
    return asked.registry.delete_subject(asked.subject, permanent=asked.flag("permanent"))


def _delete_version(asked: Asked) -> Json:
    permanent = asked.flag("permanent")
    version = asked.version(deleted=permanent).version
    return asked.registry.delete_version(asked.subject, version, permanent=permanent)


def _referenced_by(asked: Asked) -> Json:
    return asked.registry.referencing(asked.subject, asked.version().version)


def _places(asked: Asked) -> Json:
    return [{"subject": s, "version": v} for s, v in asked.registry.places(asked.id())]


def _compatible(asked: Asked) -> Json:
    try:
        against = [asked.version().schema]
    except Missing as why:
        if why.code == 40401 and str(asked.parameters["version"]) in ("latest", "-1"):
            against = []  # as Confluent's: nothing is there to be incompatible with
        else:
            raise
    return _judged(asked, against)


def _compatible_with_all(asked: Asked) -> Json:
    registry = asked.registry
    return _judged(asked, [registry.version(asked.subject, v).schema for v in registry.versions(asked.subject)])


def _judged(asked: Asked, against: list[Schema]) -> Json:
    reason = asked.registry.incompatibility(asked.subject, asked.schema(), against)
    told: dict[str, Json] = {"is_compatible": reason is None}
    if asked.flag("verbose"):
        told["messages"] = [] if reason is None else [reason]
    return told


def _getting(setting: str, word: str) -> Answer:
    def answer(asked: Asked) -> Json:
        own = bool(asked.subject) and not asked.flag("defaultToGlobal")
        found = asked.registry.setting(asked.subject, setting, own=own)
        if found is None:
            code = 40408 if setting == "compatibility" else 40409
            raise Missing(code, f"Subject '{asked.subject}' does not have subject-level {setting} configured")
        return {word: found}

    return answer


def _putting(setting: str, word: str) -> Answer:
    def answer(asked: Asked) -> Json:
        value = str(asked.body.get(word, "")).upper()
        asked.registry.set(asked.subject, setting, value)
        return {word: value}

    return answer


def _deleting(setting: str, word: str) -> Answer:
    def answer(asked: Asked) -> Json:
        was = asked.registry.setting(asked.subject, setting)
        asked.registry.set(asked.subject, setting, None)
        return {word: was}

    return answer
