"""The front of every HTTP function: sign-in, gate and permission before any body is read; one error shape after.

Routing is Powertools' resolver; its validation middleware reads the body before anyone is known, so the binding of
parameters is `signature.py` (see docs/decisions/0003-api-front.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import psycopg
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler import Response as GatewayResponse
from pydantic_core import to_json

from studyspot.kit import connections, even, log, settings, tally
from studyspot.kit.auth import Actor, allow
from studyspot.kit.call import Call
from studyspot.kit.errors import (
    Forbidden,
    Internal,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unavailable,
    UnsupportedMediaType,
)
from studyspot.kit.paths import PREFIX
from studyspot.kit.raised import Replay
from studyspot.kit.request import Request
from studyspot.kit.response import Response, problem
from studyspot.kit.signature import CoreDb, Signature

JSON_LIMIT = 1024 * 1024
EXPOSED = "X-Request-Id, X-CSRF-Token, Location, ETag, Retry-After, Idempotency-Replayed"
METHODS = ("GET", "POST", "PUT", "DELETE")
Watcher = Annotated[Actor, allow("health:detailed")]
Keyed = Literal["accepted", "required", "ignored"]


@dataclass(frozen=True)
class Route:
    """One endpoint: its path and method, who may call it (its signature), and how it answers."""

    method: str
    path: str
    function: Callable[..., Any]
    signature: Signature
    status: int = 200
    public: bool = False
    keyed: Keyed = "accepted"
    module: str | None = None
    accepts: tuple[str, ...] = ("application/json",)
    body_limit: int = JSON_LIMIT
    by_key: bool = False
    """Open to API keys although it names no permission; what does not concern a person's own account."""
    limit: tuple[int, int] | None = None
    """How many calls in how many seconds one caller has here, beside the limit over all routes."""
    while_leaving: bool = False
    """Goes on while an organisation is on its way out: signing in and out, taking an export."""
    vendor_words: bool = False
    """Takes what a payment gateway's page said, which has long numbers of its own and is not stored."""
    ungated: bool = False
    """Not counted against any caller: a correctly signed webhook is never answered 429."""
    even: float = 0
    """Seconds of a stretch at whose end answers leave that must not tell whom we know (`even.py`)."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Api:
    """An endpoint group. `handler` is the Lambda function's entry."""

    def __init__(self, group: str, module: str | None = None) -> None:
        self.group = group
        self.module = module
        self.routes: list[Route] = []
        self.fallback: Callable[[Request], Response] | None = None
        self.plain: dict[str, Callable[[], Response]] = {}
        """GET paths that answer anybody, whatever state the database is in."""
        self._exact: dict[str, set[str]] = {}
        """Methods of the paths without parameters, which win over any with."""
        self._resolver = APIGatewayHttpResolver()
        self._resolver.not_found(self._no_route)
        self._request: Request | None = None
        self._response = Response(404)
        self._template = ""
        if "/" not in group:  # vendors' callbacks are no group that anybody asks for
            self._tell_of_group()

    def get(self, path: str, **how: Any) -> Callable[..., Any]:
        return self._route("GET", path, **how)

    def post(self, path: str, **how: Any) -> Callable[..., Any]:
        return self._route("POST", path, **how)

    def put(self, path: str, **how: Any) -> Callable[..., Any]:
        return self._route("PUT", path, **how)

    def delete(self, path: str, **how: Any) -> Callable[..., Any]:
        return self._route("DELETE", path, **{"status_code": 204, **how})

    def _route(
        self,
        method: str,
        path: str,
        status_code: int = 200,
        versioned: bool = True,
        **how: Any,
    ) -> Callable[..., Any]:
        """Registers a function; `public=True` for nobody-signed-in, `keyed="required"` where a key is owed."""
        full = f"{PREFIX}{path}" if versioned else path

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            names = {part[1:-1] for part in full.split("/") if part.startswith("{")}
            signature = Signature.of(function, names)
            if not how.get("public") and signature.allow is None:
                raise TypeError(f"{method} {full} names no actor and is not public")
            route = Route(method, full, function, signature, status_code, module=self.module, **how)
            self.routes.append(route)
            if not names:
                self._exact.setdefault(full, set()).add(method)
            self._resolver.route(full.replace("{", "<").replace("}", ">"), method=method)(self._entry(route))
            return function

        return register

    def _entry(self, route: Route) -> Callable[..., GatewayResponse[Any]]:
        def entry(**path: str) -> GatewayResponse[Any]:
            assert self._request is not None, "the resolver only runs inside handler()"
            self._template = route.path
            began = time.perf_counter()
            self._response = self._answer(route, self._request, path)
            if route.even:
                even.hold_back(began, route.even, self._response.status)
            return GatewayResponse(self._response.status)

        return entry

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """API Gateway payload 2.0 in and out; one request at a time (the resolver keeps its event on the class)."""
        started = time.perf_counter()
        connections.settle()
        tally.begin()
        request = self._request = Request.of(event)
        self._template, self.actor = "", None
        event["rawPath"] = request.path
        event["requestContext"]["http"]["path"] = request.path
        plain = self.plain.get(request.path) if request.method == "GET" else None
        if plain:
            self._template, self._response = request.path, plain()
        elif request.method not in (self._exactly(request.path) or METHODS):
            self._refuse(request)
        else:
            self._resolver.resolve(event, context)
        response = self._response
        self._cors(request, response)
        log.request(
            request,
            self._template or None,
            response,
            (time.perf_counter() - started) * 1000,
            self.actor,
        )
        return response.to_gateway(request)

    actor: Actor | None = None

    def health(self) -> Response:
        """Whether this group can work: not wrapped, 503 when it cannot."""
        from studyspot.kit import health  # imported by the first probe, not by every cold start

        facts = health.of_process()
        status = 503 if facts["status"] == "unhealthy" else 200
        return Response(status, to_json({"group": self.group, **facts}))

    def _tell_of_group(self) -> None:
        self.plain[f"{PREFIX}/{self.group}/health"] = self.health
        self.plain[f"{PREFIX}/{self.group}/openapi.json"] = self._openapi
        if self.group != "health":  # whose own detailed answer is that of the whole product
            self.get(f"/{self.group}/health/detailed")(self._detailed())

    def _detailed(self) -> Callable[..., Response]:
        def detailed(actor: Watcher, core: CoreDb) -> Response:
            """This group's requests over all instances, and the databases it stands on."""
            from studyspot.kit import dependencies  # imported by an operator's look

            facts = dependencies.of_group(core, self.group)
            return Response(503 if facts["status"] == "unhealthy" else 200, to_json(facts))

        return detailed

    def _openapi(self) -> Response:
        """The document of this group alone."""
        from studyspot.kit import openapi  # half a megabyte of schema code nobody else needs

        return Response(200, to_json(openapi.document([self], f"StudySpot {self.group}")))

    def _answer(self, route: Route, request: Request, path: dict[str, str]) -> Response:
        call = Call(route, request)
        try:
            self._refuse_body(route, request)
            self.actor = call.sign_in()
            return call.run(path)
        except Replay as replay:
            return call.replayed(replay)
        except Problem as refusal:
            return call.failed(refusal)
        except psycopg.errors.InsufficientPrivilege as refused:
            if self.actor is None or self.actor.library_ids is None:
                return self._bug(call, refused)
            return call.failed(Forbidden("that is not of the libraries you are bound to"))
        except psycopg.DataError as fault:
            log.warning("refused_by_database", error=repr(fault), requestId=request.id)
            return call.failed(_not_storable())
        except psycopg.OperationalError as outage:
            log.error("database_unreachable", error=repr(outage), requestId=request.id)
            return call.failed(Unavailable(headers={"Retry-After": "2"}))
        except Exception as bug:  # noqa: BLE001 - the last line of defence: an answer without a stack trace
            return self._bug(call, bug)
        finally:
            call.close()

    def _bug(self, call: Call, bug: Exception) -> Response:
        import traceback

        log.error("bug", error=repr(bug), requestId=call.request.id, stack=traceback.format_exc())
        return call.failed(Internal())

    def _refuse_body(self, route: Route, request: Request) -> None:
        if len(request.body) > route.body_limit:
            raise PayloadTooLarge(f"at most {route.body_limit} bytes are accepted")
        if request.body and request.writes and not {request.media_type, "*"} & set(route.accepts):
            raise UnsupportedMediaType(f"the body must be {' or '.join(route.accepts)}")

    def _no_route(self, _: Exception) -> GatewayResponse[Any]:
        assert self._request is not None, "the resolver only runs inside handler()"
        self._refuse(self._request)
        return GatewayResponse(self._response.status)

    def _refuse(self, request: Request) -> None:
        """405 with the path's methods, or 404 where there is no such path."""
        allowed = sorted(self._methods(request.path))
        if request.method == "OPTIONS" and allowed:
            self._response = Response(204, headers={"Allow": ", ".join([*allowed, "OPTIONS"])})
        elif allowed:
            self._response = problem(MethodNotAllowed(headers={"Allow": ", ".join(allowed)}), request)
        else:
            self._response = self.fallback(request) if self.fallback else problem(NotFound(), request)

    def _methods(self, path: str) -> set[str]:
        """Of the most literal path that fits: `seats/bulk` is no seat."""
        import re

        if exact := self._exactly(path):
            return exact
        fitting = [r for r in self.routes if re.fullmatch(re.sub(r"{\w+}", "[^/]+", r.path), path)]
        fewest = min((r.path.count("{") for r in fitting), default=0)
        return {r.method for r in fitting if r.path.count("{") == fewest}

    def _exactly(self, path: str) -> set[str]:
        return self._exact.get(path, set()) | ({"GET"} if path in self.plain else set())

    def _cors(self, request: Request, response: Response) -> None:
        """Only configured origins get headers; API Gateway answers preflights from the same setting."""
        origin = request.headers.get("origin")
        if origin and origin in settings.get().origins:
            response.headers |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Expose-Headers": EXPOSED,
                "Vary": "Origin",
            }


def _not_storable() -> Problem:
    from studyspot.kit.errors import Invalid

    return Invalid("a value is out of range or not storable")
