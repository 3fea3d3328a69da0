"""Where a 201 says that the made thing is, there is something."""

from __future__ import annotations

import re
import typing
from types import UnionType
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from studyspot.kit.api import Route

from tests.architecture.sources import apps, none_of
from tests.world import function

NOWHERE = {
    "/admin/credits/allocate",
    "/admin/credits/purchase",
    "/attendance/leave",
    "/libraries/{libraryId}/lockers/{lockerId}/assign",
    "/memberships/{membershipId}/deposit/refund",
    "/privacy/breaches",
    "/privacy/guardian/request",
}
"""What was made is told once and has no address; the answer itself is the record."""


def _routes() -> list[Route]:
    return [route for kind, name in apps() if kind == "api" for route in function(kind, name).api.routes]


def _made(route: Route) -> list[type[BaseModel]]:
    told: Any = typing.get_type_hints(route.function)["return"]
    models = typing.get_args(told) if isinstance(told, UnionType) else (told,)
    return [
        each for each in models if isinstance(each, type) and issubclass(each, BaseModel) and "id" in each.model_fields
    ]


def _location(route: Route, model: type[BaseModel]) -> str:
    if hasattr(model, "location"):
        return str(model.model_construct(**dict.fromkeys(model.model_fields, UUID(int=0))).location).partition("?")[0]  # type: ignore[attr-defined]
    return re.sub(r"{\w+}", "x", route.path) + "/x"


def test_whatever_is_made_can_be_found_where_the_answer_says() -> None:
    routes = _routes()
    paths = [re.compile(re.sub(r"{\w+}", "[^/]+", route.path)) for route in routes]
    none_of(
        f"{route.path}: {_location(route, model)}"
        for route in routes
        if route.status == 201 and route.path.removeprefix("/api/v1") not in NOWHERE
        for model in _made(route)
        if not any(path.fullmatch(_location(route, model)) for path in paths)
    )
