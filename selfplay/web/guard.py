"""What every request must be before anything looks at it: from this page, for this host, small, and soon whole.

A page of another site can make a browser send requests here, and can point its own name at this address (DNS
rebinding). So the Host must be a number, `localhost` or the name that was bound, what a browser says of the
origin must be this page, and bodies must be JSON, which no other site's form can send.
"""

import asyncio
import ipaddress
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST_BODY = 16 * 1024  # bytes
_BODY_SECONDS = 10.0
_LONGEST_PATH = 512

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class RefusedError(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _is_own_host(host: str, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True  # a name that was pointed here would stand here in place of the number


def _check_origin(scope: Scope, headers: Headers, names: frozenset[str]) -> None:
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or not _is_own_host(host, names):
        raise RefusedError(421, f"this server does not go by the name {host[:100]!r}")
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        raise RefusedError(403, "requests from other sites are not answered")
    if scope["path"].startswith("/api/") and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusedError(403, "requests from other sites are not answered")
    if len(scope["raw_path"]) > _LONGEST_PATH or len(scope["query_string"]) > _LONGEST_PATH:
        raise RefusedError(414, "the address is too long")


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The whole body, or a refusal."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "the body must be application/json")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length[:20]) > _LONGEST_BODY:
        raise RefusedError(413, f"the body may have at most {_LONGEST_BODY} bytes")
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, "the body is not whole")
                body += message.get("body", b"")
                if len(body) > _LONGEST_BODY:
                    raise RefusedError(413, f"the body may have at most {_LONGEST_BODY} bytes")
                if not message.get("more_body", False):
                    return body
    except TimeoutError:
        raise RefusedError(408, "the body did not come in time") from None


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "the body is not a JSON object")
    return found


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = (), version: str = "") -> None:
        self._app = app
        self._headers = {**_HEADERS, "x-selfplay-version": version}  # which a page compares with its own
        self._names = frozenset(name.lower() for name in ("localhost", *names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        try:
            _check_origin(scope, headers, self._names)
            if scope["method"] == "POST":
                body = await _body(headers, receive)
                receive = _replayed(body, receive)
        except RefusedError as refusal:
            # What was not read of the body would be taken for the next request.
            response = JSONResponse({"error": refusal.reason}, refusal.status, {"connection": "close"})
            await response(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
