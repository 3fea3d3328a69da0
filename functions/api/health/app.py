"""The edge: what the product is, whether it works, what it can do; and the answer to every path nobody else has."""

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic_core import to_json
from studyspot.kit import dependencies, health, reference, settings, tokens
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.crypto import same
from studyspot.kit.errors import Unauthenticated
from studyspot.kit.permissions import ROLE_PERMISSIONS, USER_TABLES
from studyspot.kit.request import Request
from studyspot.kit.response import Response
from studyspot.kit.signature import CoreDb

HERE = Path(__file__).parent

api = Api("health")
handler = api.handler
api.plain["/health"] = api.health

Watcher = Annotated[Actor, allow("health:detailed")]


@cache
def _file(name: str) -> Any:
    """Written by `make openapi` from the routes of every function; a test compares."""
    return json.loads((HERE / name).read_text())


def _groups() -> list[str]:
    tags = {o["tags"][0] for path in _file("openapi.json")["paths"].values() for o in path.values()}
    return sorted(tag for tag in tags if "/" not in tag)


@api.get("/", public=True, versioned=False)
def gateway() -> Response:
    """Name, version, stage, groups, and where the reference is."""
    s = settings.get()
    facts = {"name": "StudySpot", "version": s.version, "stage": s.stage, "groups": _groups(), "docs": "/docs"}
    return Response(200, to_json({**facts, "openapi": "/openapi.json", "health": "/health"}))


@api.get("/health/detailed", versioned=False)
def detailed(actor: Watcher, core: CoreDb) -> Response:
    """Every dependency: databases, queues, schedules, gateways, messages."""
    facts = {**health.of_process(), **dependencies.report(core)}
    return Response(503 if facts["status"] == "unhealthy" else 200, to_json(facts))


@api.get("/health/services", public=True, versioned=False)
def services() -> Response:
    """The roll-up of all groups, each asked over HTTP as a client would."""
    found = dependencies.groups(_groups())
    return Response(503 if found["status"] == "unhealthy" else 200, to_json(found))


@api.get("/metrics", public=True, versioned=False)
def metrics(request: Request, core: CoreDb) -> Response:
    """Figures for Prometheus, for whoever has the stage's token."""
    token = settings.get().metrics_token.get_secret_value()
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token or not same(given, token):
        raise Unauthenticated(headers={"WWW-Authenticate": "Bearer"})
    return Response(200, dependencies.exposition(core).encode(), "text/plain; version=0.0.4; charset=utf-8")


@api.get("/openapi.json", public=True, versioned=False)
def openapi() -> Response:
    """The description of the whole product."""
    return Response(200, to_json(_file("openapi.json")))


@api.get("/docs", public=True, versioned=False)
def docs() -> Response:
    """The reference for people, from the same document."""
    html = reference.page(_file("openapi.json")).encode()
    return Response(200, html, "text/html; charset=utf-8", {"Content-Security-Policy": reference.policy()})


@api.get("/.well-known/jwks.json", public=True, versioned=False)
def jwks() -> Response:
    """The public keys that access tokens are signed with."""
    return Response(200, to_json({"keys": tokens.public_keys()}), headers={"Cache-Control": "public, max-age=300"})


@api.get("/meta/errors", public=True)
def errors() -> list[dict[str, Any]]:
    """Every error code with its status, cause and fix."""
    found: list[dict[str, Any]] = _file("errors.json")
    return found


@api.get("/meta/enums", public=True)
def enums() -> dict[str, Any]:
    """States, methods and channels by field, user types and roles: what clients would otherwise copy by hand."""
    schemas = _file("openapi.json")["components"]["schemas"]
    fields = {
        f"{name}.{field}": values
        for name, schema in schemas.items()
        for field, facts in schema.get("properties", {}).items()
        if (values := _values(facts))
    }
    return {"userTypes": sorted(USER_TABLES), "roles": sorted(ROLE_PERMISSIONS), "fields": dict(sorted(fields.items()))}


def _values(facts: dict[str, Any]) -> list[str]:
    options = [facts, *facts.get("anyOf", ()), facts.get("items", {})]
    return [value for option in options for value in option.get("enum", ())]
