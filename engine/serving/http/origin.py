"""Who may ask from within a browser: pages of this server only.

Statements can do much, and any page that somebody looks at can make their browser send a request to a server on their
machine or in their network. Two ways are closed. A request that a page of another origin sends carries that page's Origin.
A page that has its own name point to this server (DNS rebinding) comes with this name as Host: so a name with a dot, which
anybody can own, must be said in the setting `http.hosts`; addresses, localhost and names without a dot cannot be rebound.
What is no browser sends no Origin, and is asked for its Host only where the server listens for its own machine.
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import generic_error

FORBIDDEN = 40300


class OwnPages:
    """ASGI: answers 403 to what a page of elsewhere asks. `hosts`: names of this server beside its addresses."""

    def __init__(self, app: ASGIApp, hosts: str | None = None) -> None:
        self.app = app
        self.hosts = frozenset(name.strip().lower() for name in (hosts or "").split(",") if name.strip())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            address = address_of((scope.get("server") or ("",))[0])
            local = address is not None and address.is_loopback
            why = refusal(headers.get("host", ""), headers.get("origin"), self.hosts, local=local)
            if why is not None:
                await JSONResponse(generic_error(FORBIDDEN, why), 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def refusal(host: str, origin: str | None, hosts: frozenset[str], *, local: bool) -> str | None:
    """Why a request is not answered, or None. `local`: it came in on a loopback address."""
    host, whose = host.lower(), (origin or "").lower().partition("://")[2]
    if (origin is not None or local) and can_be_rebound(name_of(host)) and name_of(host) not in hosts:
        return f"this server does not go by the name {name_of(host)}\nHint: say it in the setting http.hosts"
    if origin is not None and whose != host and name_of(whose) not in hosts:
        return f"a page of {origin} may not ask this server\nHint: name its host in the setting http.hosts"
    return None


def name_of(authority: str) -> str:
    """HOST of HOST:PORT, an IPv6 address without its brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def can_be_rebound(name: str) -> bool:
    """Whether anybody could own the name, and so make it mean this server."""
    return "." in name and not name.endswith(".localhost") and address_of(name) is None


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a text is; None for a name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
