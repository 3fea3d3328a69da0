"""What API Gateway's HTTP API does: choose a route, make an event (payload 2.0), turn the answer into HTTP."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from local.pool import Answer
from local.template import Route

Headers = list[tuple[str, str]]
HOP_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "date", "server"})


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: str
    body: bytes


@dataclass(frozen=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Match:
    """The route that takes a request."""

    key: str
    function: str
    parameters: Mapping[str, str]


def message(status: int, text: str) -> Response:
    """An answer of the gateway itself, in its own shape."""
    return Response(status, [("content-type", "application/json")], json.dumps({"message": text}).encode())


class Routes:
    """The template's routes as API Gateway prefers them: exact, by pattern, the longest greedy one, $default."""

    def __init__(self, routes: Iterable[Route]) -> None:
        known = list(routes)
        self._default = next((route.function for route in known if route.path is None), None)
        plain = [route for route in known if "{" not in (route.path or "{")]
        self._exact = {(route.method, route.path): route.function for route in plain}
        patterns = [(route, route.path) for route in known if route.path and "{" in route.path]
        patterns.sort(key=lambda pair: (pair[1].endswith("+}"), -len(pair[1])))
        self._patterns = [(route, path, _compiled(path)) for route, path in patterns]

    def match(self, method: str, path: str) -> Match | None:
        for asked in (method, "ANY"):
            if function := self._exact.get((asked, path)):
                return Match(f"{asked} {path}", function, {})
        for route, pattern, expression in self._patterns:
            if route.method in (method, "ANY") and (found := expression.fullmatch(path)):
                return Match(f"{route.method} {pattern}", route.function, found.groupdict())
        return Match("$default", self._default, {}) if self._default else None


def _compiled(path: str) -> re.Pattern[str]:
    expression = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", re.escape(path))
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", expression))


def event(request: Request, match: Match) -> bytes:
    """The request as a function receives it, payload format 2.0."""
    headers = dict(request.headers)
    cookies = headers.pop("cookie", "")
    now = datetime.now(UTC)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": headers.get("host", ""),
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.client,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid4()),
            "routeKey": match.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        made["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if request.query:
        made["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if match.parameters:
        made["pathParameters"] = {name: unquote(value) for name, value in match.parameters.items()}
    if request.body:
        made["body"], made["isBase64Encoded"] = _text(request)
    return json.dumps(made).encode()


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(request: Request) -> tuple[str, bool]:
    """Text passes as it is; everything else in base64, decided by the content type as API Gateway does."""
    kind = request.headers.get("content-type", "")
    if re.match(r"(text/|application/(json|xml|javascript))", kind):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def response(answer: Answer) -> Response:
    """The function's answer as HTTP; one that is no answer is the gateway's own 500 or 502."""
    if answer.failed:
        return message(500, "Internal Server Error")
    result = json.loads(answer.body)
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, [("content-type", "application/json")], answer.body)
    body = result.get("body") or ""
    raw = base64.b64decode(body) if result.get("isBase64Encoded") else str(body).encode()
    headers = [(name.lower(), str(value)) for name, value in (result.get("headers") or {}).items()]
    headers += [("set-cookie", cookie) for cookie in result.get("cookies") or []]
    return Response(int(result["statusCode"]), [pair for pair in headers if pair[0] not in HOP_HEADERS], raw)


class Cors:
    """The template's CorsConfiguration: answers preflights, and replaces what a function says about origins."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        origins = configuration.get("AllowOrigins", [])
        self._origins = {part.strip() for origin in origins for part in str(origin).split(",") if part.strip()}
        self._preflight = [
            ("access-control-allow-methods", ",".join(configuration.get("AllowMethods", []))),
            ("access-control-allow-headers", ",".join(configuration.get("AllowHeaders", []))),
            ("access-control-max-age", str(configuration.get("MaxAge", 0))),
        ]
        self._exposed = ",".join(configuration.get("ExposeHeaders", []))
        self._credentials = bool(configuration.get("AllowCredentials"))

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks first; nothing if this is no such question."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return None
        allowed = self._allowed(request)
        return Response(204, allowed + self._preflight if allowed else [("vary", "Origin")], b"")

    def applied(self, request: Request, answer: Response) -> Response:
        kept = [pair for pair in answer.headers if not pair[0].startswith("access-control-")]
        allowed = self._allowed(request)
        if allowed and self._exposed:
            allowed = [*allowed, ("access-control-expose-headers", self._exposed)]
        return Response(answer.status, kept + allowed, answer.body)

    def _allowed(self, request: Request) -> Headers:
        origin = request.headers.get("origin")
        if origin is None or origin not in self._origins:
            return []
        headers = [("access-control-allow-origin", origin), ("vary", "Origin")]
        return [*headers, ("access-control-allow-credentials", "true")] if self._credentials else headers
