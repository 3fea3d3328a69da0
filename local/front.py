"""The one listener of the local stage: the HTTP API, the sandbox, the simulators and the functions' own runtime API."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from local.gateway import Cors, Request, Response, Routes, event, message, response
from local.pool import Answer, FunctionPool

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Sandbox = Callable[[Request], Awaitable[Response]]

LARGEST_BODY = 10 * 1024 * 1024
LONGEST_REQUEST = 30.0
RUNTIME = "/2018-06-01/runtime/"
AWS = "/aws"
INVOKE = "/2015-03-31/functions/"


class TooLarge(Exception):
    """The body exceeds what the gateway takes."""


class Front:
    """An ASGI application. The runtime and invoke APIs answer under a secret prefix: whoever calls them runs code."""

    def __init__(self, routes: Routes, cors: Cors, pools: Mapping[str, FunctionPool], secret: str) -> None:
        self._routes = routes
        self._cors = cors
        self._pools = pools
        self._private = f"/{secret}/"
        self.sandbox: Sandbox | None = None
        self.simulators: AsgiApp | None = None
        self.aws: Sandbox | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if self.simulators and path.startswith("/sim/"):
            await self.simulators(scope, receive, send)
            return
        try:
            request = await _read(scope, receive)
        except TooLarge:
            await _write(send, message(413, "Request Entity Too Large"))
            return
        if path.startswith(self._private):
            answer = await self._private_api(path.removeprefix(self._private), request)
        elif self.aws and path.rstrip("/") == AWS:
            answer = await self.aws(request)
        elif self.sandbox and (path == "/sandbox" or path.startswith("/sandbox/")):
            answer = await self.sandbox(request)
        else:
            answer = await self._api(request)
        await _write(send, answer)

    async def _api(self, request: Request) -> Response:
        if preflight := self._cors.preflight(request):
            return preflight
        match = self._routes.match(request.method, request.path)
        if match is None:
            return self._cors.applied(request, message(404, "Not Found"))
        try:
            async with asyncio.timeout(LONGEST_REQUEST):
                answer = response(await self._pools[match.function].invoke(event(request, match)))
        except TimeoutError:
            answer = message(503, "Service Unavailable")
        return self._cors.applied(request, answer)

    async def _private_api(self, path: str, request: Request) -> Response:
        if f"/{path}".startswith(INVOKE):
            return await self._invoke(unquote(path.split("/")[2]), request)
        who, _, call = path.partition(RUNTIME)
        name, _, slot = who.partition("/")
        pool = self._pools.get(name)
        if pool is None:
            return message(404, "no such function")
        return await self._runtime(pool, slot, call, request.body)

    async def _runtime(self, pool: FunctionPool, slot: str, call: str, body: bytes) -> Response:
        """The Lambda runtime API: a process asks for its next event, answers one, or reports that it cannot start."""
        if call == "invocation/next":
            work = await pool.next(slot)
            if work is None:
                return message(410, "the stage is closing")
            headers = [
                ("lambda-runtime-aws-request-id", work.request_id),
                ("lambda-runtime-deadline-ms", str(work.deadline_ms)),
                ("lambda-runtime-invoked-function-arn", f"arn:aws:lambda:local:0:function:{pool.function.name}"),
            ]
            return Response(200, headers, work.payload)
        if call == "init/error":
            pool.could_not_start(body)
        else:
            pool.answered(slot, Answer(body, failed=call.endswith("/error")))
        return Response(202, [], b"{}")

    async def _invoke(self, name: str, request: Request) -> Response:
        """The Lambda invoke API, waiting for the answer or (`Event`) not."""
        pool = self._pools.get(name.rpartition(":")[2])
        if pool is None:
            return Response(404, [("x-amzn-errortype", "ResourceNotFoundException")], b'{"Type":"User"}')
        answer = await pool.invoke(request.body or b"{}")
        return Response(200, [("x-amz-function-error", "Unhandled")] if answer.failed else [], answer.body)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        asked = (await receive())["type"]
        await send({"type": f"{asked}.complete"})
        if asked == "lifespan.shutdown":
            return


async def _read(scope: Message, receive: Receive) -> Request:
    body = bytearray()
    while True:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise TooLarge
        if not part.get("more_body"):
            break
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").split("?")[0]
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, headers, scope["client"][0], bytes(body))


async def _write(send: Send, answer: Response) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def as_json(value: Any) -> bytes:
    """Compact JSON; times in UTC with a Z."""
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)
