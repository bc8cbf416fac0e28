"""What comes with a request: its body, read up to a limit, and what every path reads off it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request

from ..session import Session
from ..settings import checked_property

BODY_MAX = 32 << 20
_SURROGATE = rb"\ud"
_WEIGHT = re.compile(r"[01](?:\.\d{0,3})?")


class BadRequest(Exception):
    """The request is not what the path takes."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def body_of(request: Request) -> bytes:
    """The whole body. Raises BadRequest where it is too large, or the client goes."""
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > BODY_MAX:
                raise BadRequest(f"the body is larger than {BODY_MAX} bytes", 413)
    except ClientDisconnect:
        raise BadRequest("the client has gone") from None
    return bytes(content)


def holds_half_a_pair(content: bytes) -> bool:
    r"""Whether JSON that can be read has text that is none: one of two surrogates without the other.

    >>> holds_half_a_pair(rb'{"a": "\ud83d\ude00"}'), holds_half_a_pair(rb'{"a": "\uD83D!"}')
    (False, True)
    """
    if _SURROGATE not in content.lower():
        return False
    try:
        json.dumps(json.loads(content), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object."""
    content = await body_of(request)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if holds_half_a_pair(content):
        raise BadRequest("the body holds half of a pair of surrogates, which is no character")
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    return body


def preferred(accept: str, media: Sequence[str]) -> str | None:
    """The one of `media` that an Accept header likes best, the first of those that it likes alike; None where it likes none.

    >>> preferred("application/json;q=0.5, text/plain", ["application/json", "text/plain"])
    'text/plain'
    >>> preferred("text/html, */*;q=0.1", ["application/json", "text/plain"])
    'application/json'
    """
    weights: dict[str, float] = {}
    for given in accept.split(","):
        name, *parameters = (part.strip().lower() for part in given.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        weights[name] = float(weight) if _WEIGHT.fullmatch(weight) else 1.0
    liked = {m: _weight_of(m, weights) for m in media}
    best = max(media, key=lambda m: liked[m])
    return best if liked[best] > 0 else None


def _weight_of(media: str, weights: Mapping[str, float]) -> float:
    """What the most exact of the names that cover `media` weighs."""
    names = (media, media.partition("/")[0] + "/*", "*/*")
    return next((weights[name] for name in names if name in weights), 0.0)


def text_of(body: Mapping[str, Any], *names: str) -> str:
    """The text under the first of `names` that is one."""
    for name in names:
        if isinstance(body.get(name), str):
            return str(body[name])
    raise BadRequest(f"the body has no text named '{names[0]}'")


def _strings(body: Mapping[str, Any], name: str) -> dict[str, str]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise BadRequest(f"'{name}' is not a JSON object")
    return {str(k): _plain(v) for k, v in value.items()}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def session_of(body: Mapping[str, Any]) -> Session:
    """The variables and properties that come with a statement. Raises UserError for a property as SET does."""
    variables = {k.upper(): v for k, v in _strings(body, "sessionVariables").items()}
    given = _strings(body, "streamsProperties") | _strings(body, "properties")
    return Session(variables, dict(checked_property(name, value, None) for name, value in given.items()))


def user_of(request: Request) -> str:
    """Who asks: whom a proxy in front names in `X-Forwarded-User`, else the client's address."""
    return request.headers.get("x-forwarded-user") or ("" if request.client is None else request.client.host)
