"""The simulators' HTTP face: an ASGI application that routes, checks keys and acts out faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from local.simulators.faults import Faults
from local.simulators.protocol import Refused, Reply, Request, Route, Vendor

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HANG_MS = 30_000
SLOW_MS = 3_000
LARGEST_BODY = 1024 * 1024
GAVE_UP = Reply(504, "<html><body><h1>504 Gateway Time-out</h1></body></html>")


class Front:
    """Serves `<prefix>/<mount>/…` for each vendor; anything else is 404."""

    def __init__(self, prefix: str, vendors: Sequence[Vendor], faults: Faults) -> None:
        self._vendors = {f"{prefix}/{vendor.mount}": vendor for vendor in vendors}
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read(receive)
        path: str = scope["path"]
        found = next(((at, vendor) for at, vendor in self._vendors.items() if path.startswith(f"{at}/")), None)
        if found is None:
            await _answer(send, Reply(404, "<h1>404 Not Found</h1>"))
            return
        at, vendor = found
        raw_path = scope.get("raw_path") or path.encode()
        request = Request(
            method=scope["method"],
            path=raw_path.decode("latin-1").partition("?")[0].removeprefix(at),
            query=dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        await _answer(send, await self._act(vendor, request, receive))

    async def _act(self, vendor: Vendor, request: Request, receive: Receive) -> Reply:
        try:
            vendor.admit(request)
            route, parameters = _route(vendor, request)
        except Refused as refused:
            return Reply(refused.status, vendor.error(refused))
        fault = self._faults.take(vendor.name, route.operation) or {"fault": "none", "ms": None}
        kind, wait_ms = fault["fault"], fault["ms"]
        if kind == "slow":
            await _hang(receive, wait_ms or SLOW_MS)
        if kind == "timeout":
            await _hang(receive, wait_ms or HANG_MS)
            return GAVE_UP
        if refusal := _acted_out(vendor, kind):
            return refusal
        reply = _serve(vendor, route, request, parameters)
        if kind == "timeout_after_effect":
            await _hang(receive, wait_ms or HANG_MS)
            return GAVE_UP
        return reply


def _route(vendor: Vendor, request: Request) -> tuple[Route, list[str]]:
    for route in vendor.routes:
        parameters = route.match(request)
        if parameters is not None:
            return route, parameters
    raise Refused(404, "The requested URL was not found on the server.")


def _serve(vendor: Vendor, route: Route, request: Request, parameters: list[str]) -> Reply:
    try:
        return route.serve(request, *parameters)
    except Refused as refused:
        return Reply(refused.status, vendor.error(refused))


def _acted_out(vendor: Vendor, kind: str) -> Reply | None:
    if kind == "down":
        return Reply(503, "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>")
    refusals = {
        "error_500": Refused(500, "We are facing some trouble completing your request.", "SERVER_ERROR"),
        "reject": Refused(400, "The request was declined by a risk check.", "BAD_REQUEST_ERROR"),
        "rate_limit": Refused(429, "Too many requests.", "rate_limit_exceeded"),
    }
    refused = refusals.get(kind)
    if refused is None:
        return None
    return Reply(refused.status, vendor.error(refused), {"retry-after": "1"} if refused.status == 429 else {})


async def _hang(receive: Receive, wait_ms: int) -> None:
    """Say nothing until the time is up or the caller has hung up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_ms / 1000):
            while (await receive())["type"] != "http.disconnect":
                continue


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Send, reply: Reply) -> None:
    is_page = isinstance(reply.body, str)
    content = reply.body.encode() if is_page else json.dumps(reply.body).encode()
    kind = b"text/html; charset=utf-8" if is_page else b"application/json; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
