"""The web page: the files of `page/` as they lie there, under a policy that lets nothing else in.

The page is a client like any other: it asks /ksql, /query-stream and /metrics, and has no way of its own into the engine.
It needs no build and no other host. Its policy takes scripts and styles of this server only, and forbids what would make
text markup, so that a record that holds HTML is shown and never run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

FILES = Path(__file__).parent.parent / "page"
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-cache",  # asked again each time, and answered in a few bytes where nothing has changed
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept",
}


def routes(info: Callable[[], dict[str, Any]]) -> list[BaseRoute]:
    """The page at / and /ui, what it loads below /ui/. A client that does not ask for HTML gets `info` at /."""

    async def root(request: Request) -> Response:
        """GET /: the page for a browser, for others what /info says."""
        if "text/html" in request.headers.get("accept", ""):
            return _file(FILES / "index.html", request)
        return JSONResponse(info(), headers={"Vary": "Accept"})

    paths = {f"/ui/{path.name}": path for path in sorted(FILES.iterdir()) if path.suffix in MEDIA}
    paths["/ui"] = FILES / "index.html"
    return [Route("/", root), *(Route(url, _answering(path)) for url, path in paths.items())]


def _answering(path: Path) -> Callable[[Request], Response]:
    return lambda request: _file(path, request)


def _file(path: Path, request: Request) -> Response:
    """A file; 304 where the browser has it already."""
    content = path.read_bytes()
    headers = {**HEADERS, "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=MEDIA[path.suffix])
