"""OpenAPI 3.1 from the routes' own signatures; loaded only when somebody asks for the document."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from studyspot.kit import settings
from studyspot.kit.api import Api, Route
from studyspot.kit.callers import CREDENTIALS
from studyspot.kit.errors import Problem
from studyspot.kit.models import Meta, Page
from studyspot.kit.pages import DEFAULT, LARGEST
from studyspot.kit.response import Response

REFERENCE = "#/components/schemas/{model}"
PROBLEMS = {
    400: "Malformed: not JSON, or a header missing or wrong",
    401: "Nobody is signed in, or the token is no longer good",
    403: "Signed in, but not allowed",
    404: "There is nothing here, or it is another tenant's",
    409: "In conflict with the present state",
    413: "The body is too large",
    415: "The body has another type than those accepted",
    422: "Well-formed but wrong",
    429: "Too many requests; Retry-After says when to come back",
    503: "Unavailable for the moment; repeat with the same Idempotency-Key",
}
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457 with the members of this product; `code` is stable.",
    "required": ["success", "type", "title", "status", "code", "detail", "instance", "requestId", "errors"],
    "properties": {
        "success": {"const": False},
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "requestId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
}
Slot = tuple[str, str, int]


def document(apis: Iterable[Api], title: str = "StudySpot") -> dict[str, Any]:
    """The description of these groups. The same routes give the same bytes."""
    apis = list(apis)
    routes = [(api, route) for api in apis for route in api.routes]
    schemas, components = _schemas([route for _, route in routes])
    paths: dict[str, dict[str, Any]] = {}
    for number, (api, route) in enumerate(routes):
        operation = _operation(api, route, number, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    for api in apis:
        paths |= {path: {"get": _plain(api, path)} for path in api.plain}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": settings.get().version,
            "description": "Every answer carries `X-Request-Id`; every failure is `application/problem+json`.",
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted((components | {"Problem": PROBLEM_SCHEMA}).items())),
            "responses": {f"Problem{s}": _problem(text) for s, text in PROBLEMS.items()}
            | {"Problem": _problem("Any other failure")},
            "securitySchemes": CREDENTIALS,
        },
    }


def _plain(api: Api, path: str) -> dict[str, Any]:
    """A path that answers anybody, even while the database is gone."""
    noun = path.rsplit("/", 1)[1].partition(".")[0]
    answers = {"200": "Done", "503": "Not able to work"} if noun == "health" else {"200": "Done"}
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": f"{api.group}_{noun}_of_group" if path.startswith("/api") else f"{api.group}_{noun}",
        "tags": [api.group],
        "summary": "Whether this group works" if noun == "health" else "The description of this group",
        "security": [],
        "parameters": [],
        "responses": {status: {"description": text, "content": content} for status, text in answers.items()},
    }


def _schemas(routes: list[Route]) -> tuple[dict[Slot, dict[str, Any]], dict[str, Any]]:
    """Every type a route takes or gives, described in one batch so that equal names are told apart."""
    inputs: list[Any] = [(("meta", "", -1), "serialization", TypeAdapter(Meta))]
    for number, route in enumerate(routes):
        signature = route.signature
        inputs += [
            (("parameter", p.alias, number), "validation", p.adapter) for p in (*signature.path, *signature.query)
        ]
        if signature.body:
            inputs.append((("body", "", number), "validation", TypeAdapter(signature.body[1])))
        if _described(route):
            inputs.append((("data", "", number), "serialization", TypeAdapter(_data(signature.returns))))
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)
    names = _names(definitions.get("$defs", {}))
    named = {new: definitions["$defs"][old] | {"title": new} for old, new in names.items()}
    return {slot: _renamed(s, names) for (slot, _), s in found.items()}, _renamed(named, names)


def _names(known: Iterable[str]) -> dict[str, str]:
    """A schema's name for clients: the model's own, behind its domain where two domains have one of that name."""
    names: dict[str, str] = {}
    for old in known:
        parts = old.replace("-", "__").split("__")
        domain = parts[1].title().replace("_", "") if parts[0] == "studyspot" else ""
        name = parts[-2] + parts[-1] if old.endswith(("-Input", "-Output")) else parts[-1]
        names[old] = domain + name
    return names


def _renamed(schema: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The same with every reference under its new name."""
    found: dict[str, Any] = json.loads(json.dumps(schema), object_hook=lambda part: _referring(part, names))
    return found


def _referring(part: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    reference = part.get("$ref")
    if not isinstance(reference, str):
        return part
    return part | {"$ref": REFERENCE.format(model=names[reference.rsplit("/", 1)[1]])}


def _described(route: Route) -> bool:
    returns = route.signature.returns
    return route.status != 204 and returns not in (None, type(None)) and Response not in (returns, *get_args(returns))


def _page_of(returns: Any) -> Any:
    """The item type of a page, else None."""
    if isinstance(returns, type) and issubclass(returns, Page):
        return returns.__pydantic_generic_metadata__["args"][0]
    return None


def _data(returns: Any) -> Any:
    item = _page_of(returns)
    return list[item] if item else returns  # type: ignore[valid-type]


def _operation(api: Api, route: Route, number: int, schemas: dict[Slot, dict[str, Any]]) -> dict[str, Any]:
    summary, _, rest = (inspect.getdoc(route.function) or route.function.__name__.replace("_", " ")).partition("\n")
    operation: dict[str, Any] = {
        "operationId": f"{api.group}_{route.function.__name__}",
        "tags": [api.group],
        "summary": summary,
        "security": [] if route.public else _credentials(route),
        "parameters": _parameters(route, number, schemas),
        "responses": {str(route.status): _success(route, number, schemas)} | _refusals(route),
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if route.signature.allow and route.signature.allow.any_of:
        operation["x-permissions"] = list(route.signature.allow.any_of)
    if body := _body(route, number, schemas):
        operation["requestBody"] = body
    return operation


def _credentials(route: Route) -> list[dict[str, Any]]:
    """A bearer token, or a browser's cookie; for a change the latter comes with its proof."""
    proof: dict[str, Any] = {} if route.method == "GET" else {"csrfToken": []}
    return [{"bearerAuth": []}, {"sessionCookie": [], **proof}]


def _parameters(route: Route, number: int, schemas: dict[Slot, dict[str, Any]]) -> list[dict[str, Any]]:
    signature = route.signature
    known = {p.alias: schemas["parameter", p.alias, number] for p in signature.path}
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    given: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": known.get(name, {"type": "string"})} for name in names
    ]
    given += [
        {"name": p.alias, "in": "query", "required": p.required, "schema": schemas["parameter", p.alias, number]}
        for p in signature.query
    ]
    if signature.paging:
        limit = {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": DEFAULT}
        given.append({"name": "limit", "in": "query", "required": False, "schema": limit})
        given.append({"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}})
    return given + _headers(route)


def _headers(route: Route) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = []
    if "tenant" in route.signature.handles.values():
        schema = {"type": "string", "format": "uuid"}
        given.append({"name": "X-Tenant-Id", "in": "header", "required": route.public, "schema": schema})
    if route.method == "POST" and not route.public and route.keyed != "ignored":
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"}
        required = route.keyed == "required"
        given.append({"name": "Idempotency-Key", "in": "header", "required": required, "schema": key})
    return given


def _body(route: Route, number: int, schemas: dict[Slot, dict[str, Any]]) -> dict[str, Any] | None:
    if route.signature.body:
        model = route.signature.body[1]
        needed = any(field.is_required() for field in model.model_fields.values())
        return {
            "required": needed,
            "content": {"application/json": {"schema": schemas["body", "", number]}},
        }
    if route.accepts != ("application/json",):
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in route.accepts}
        return {"required": True, "content": content}
    return None


def _success(route: Route, number: int, schemas: dict[Slot, dict[str, Any]]) -> dict[str, Any]:
    if not _described(route):
        return {"description": "Done"}
    properties = {"success": {"const": True}, "data": schemas["data", "", number]}
    content = {"application/json": {"schema": _object(properties)}}
    if _page_of(route.signature.returns):
        content = {"application/json": {"schema": _object(properties | {"meta": schemas["meta", "", -1]})}}
        content["text/csv"] = {"schema": {"type": "string"}}
    answer: dict[str, Any] = {"description": "Accepted" if route.status == 202 else "Done", "content": content}
    if route.status == 201 and _has_id(route.signature.returns):
        answer["headers"] = {"Location": {"schema": {"type": "string", "format": "uri-reference"}}}
    return answer


def _has_id(returns: Any) -> bool:
    return get_origin(returns) is None and issubclass(returns, BaseModel) and "id" in returns.model_fields


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _refusals(route: Route) -> dict[str, Any]:
    apply = set(PROBLEMS) - ({401} if route.public else set())
    if not (route.signature.body or route.accepts != ("application/json",)):
        apply -= {413, 415}
    found: dict[str, Any] = {str(s): {"$ref": f"#/components/responses/Problem{s}"} for s in sorted(apply)}
    if Response in (route.signature.returns, *get_args(route.signature.returns)):
        told: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
        found["503"] = {"description": PROBLEMS[503], "content": _problem("")["content"] | told}
        found["202"] = {"description": "Accepted", "content": told}
    return found | {"default": {"$ref": "#/components/responses/Problem"}}


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


def catalogue(classes: Iterable[type[Problem]]) -> list[dict[str, Any]]:
    """Every failure by code: its status, title, cause and fix. The first class to state a code speaks for it."""
    found: dict[str, dict[str, Any]] = {}
    for kind in classes:
        about = inspect.getdoc(kind) or ""
        title, _, cause = about.partition("\n")
        entry = {
            "code": kind.code,
            "status": kind.status,
            "title": title,
            "cause": cause.strip() or title,
            "fix": kind.fix or FIXES.get(kind.status, "Change the request as `detail` says, then send it again."),
        }
        found.setdefault(kind.code, entry)
    return [found[code] for code in sorted(found)]


FIXES = {
    401: "Sign in, or refresh the session, then repeat the request.",
    402: "Pay or top up, then repeat the request with the same Idempotency-Key.",
    403: "Ask somebody who holds the permission, or the operator.",
    404: "Check the path and the id; another tenant's things are never shown.",
    405: "Use one of the methods in the Allow header.",
    409: "Read the present state, then decide anew.",
    423: "Wait until the lock ends, or ask the operator.",
    429: "Wait as many seconds as Retry-After says.",
    500: "Repeat the request with the same Idempotency-Key; quote requestId if it persists.",
    502: "Repeat the request with the same Idempotency-Key in a moment.",
    503: "Repeat the request with the same Idempotency-Key after Retry-After.",
    504: "Repeat the request with the same Idempotency-Key; the effect is never doubled.",
}
